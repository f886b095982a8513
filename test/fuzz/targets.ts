/** Targets: what JavaScript reads of others, each with a property that holds for any bytes. */
import assert from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CborValue, decodeCbor, encodeCbor } from '../../src/aws/cbor.ts';
import { readWhole } from '../../src/aws/http-body.ts';
import { Exchange, HttpFailure } from '../../src/aws/http-exchange.ts';
import { MillraceError } from '../../src/base/errors.ts';
import { Journal } from '../../src/journal/journal.ts';
import { ValueCounter } from '../../src/parse/value-count.ts';
import { openValueFinder } from '../../src/scan/open.ts';
import { parseCsvLine } from '../../src/source/s3/inventory.ts';
import { openOrc } from '../../src/source/s3/orc.ts';
import { MemoryDisk } from '../journal/memory-disk.ts';
import { JOURNAL, noLock, smallRun, WORK } from '../journal/small-run.ts';
import { cutParts } from '../parse/cut-parts.ts';
import type { Target } from './guided.ts';

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** What comes out of an answer that arrives in pieces: head and body, or that it failed. */
async function exchange(pieces: readonly Buffer[]): Promise<string> {
  let outcome = 'no answer';
  let body: Promise<unknown> = Promise.resolve();
  const carrier = { flow: () => {}, finish: () => {}, destroy: () => {} };
  const parts: Exchange = new Exchange(
    carrier,
    ({ status, headers, body: answered }) => {
      outcome = `${status} ${JSON.stringify(headers)}`;
      body = readWhole(answered).then(
        (bytes) => {
          outcome += ` ${bytes.toString('latin1')}`;
        },
        () => {
          outcome += ' cut off';
        },
      );
    },
    () => {
      outcome = 'refused';
    },
    () => {},
  );
  let rest = Buffer.alloc(0);
  for (const piece of pieces) {
    rest = Buffer.concat([rest, piece]);
    while (rest.length > 0) {
      const taken = parts.receive(rest);
      rest = rest.subarray(taken);
      if (taken === 0) break;
    }
  }
  parts.closed(new HttpFailure('ECONNRESET', 'the connection has ended', true), true);
  await body;
  return outcome;
}

const HTTP_SEEDS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n',
  'HTTP/1.0 404 Not Found\r\nConnection: close\r\nX-A: 1\r\nx-a: 2\r\n\r\nall until the end',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nETag: "a"\r\n\r\n',
  'HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n',
];

async function smallJournal(stopAfter: number): Promise<Buffer> {
  const disk = new MemoryDisk();
  await smallRun(disk, { stopAfter });
  return Buffer.from(disk.content(JOURNAL)!);
}

async function openJournal(input: Buffer): Promise<void> {
  const disk = new MemoryDisk();
  disk.put(JOURNAL, input);
  try {
    const journal = await Journal.open({
      ...{ path: JOURNAL, run: 'r', identity: { stream: 'a', sources: ['s3://b/'] }, digestKey: '' },
      ...{ files: disk, lock: noLock },
    });
    for (const work of WORK) journal.state.lookup(work);
  } catch (error) {
    assert(error instanceof MillraceError && error.code === 'MILLRACE_JOURNAL', error as Error);
    assert.equal(Buffer.compare(disk.content(JOURNAL)!, input), 0, 'a refused journal is left as it is');
  }
}

async function readOrc(input: Buffer): Promise<void> {
  try {
    const file = await openOrc(async (start, end) => input.subarray(start, end), input.length);
    let rows = 0;
    for await (const _ of file.rows(new Set(file.columns))) if (++rows > 100_000) break;
  } catch (error) {
    // Whatever else it is, it must be an error that the reader wraps, and no end of memory or stack.
    assert(
      error instanceof Error && !/call stack|out of memory|allocation/i.test(error.message),
      error as Error,
    );
  }
}

const CBOR_SEEDS: readonly CborValue[] = [
  { Records: [{ ShardId: 'shardId-000000000000', SequenceNumber: '1' }], FailedRecordCount: 0 },
  [1, -1, 2 ** 40, 1.5, null, true, 'text', Buffer.from('bytes'), {}],
];

function readCbor(input: Buffer): void {
  let value: CborValue;
  try {
    value = decodeCbor(input);
  } catch (error) {
    assert(
      error instanceof Error && !/call stack|allocation|Invalid (array|string) length/i.test(error.message),
      error as Error,
    );
    return;
  }
  let again: Buffer;
  try {
    again = encodeCbor(value);
  } catch {
    return; // more can be read than is ever written
  }
  assert.deepEqual(decodeCbor(again), value);
}

const TOKENS = [null, null, [], ['a'], ['a', '0']] as const;
const VALUE_SEEDS = [
  '\0\0\0{"a":1}{"b":[1,{"c":"}{\\""}]}\n 12 true"x"{\n"d":2}',
  '\x03\x03\0{"b":0,"a":[{"a":1} ,\n[2],"x"],"c":{}}\n{"a":[3]}',
  '\x05\0\x01{"a":1}{"b":2,}{"c":3}\r\n  {"d"\n{"e":5}tru\n6',
];

/** [0] size of the chunks, [1] side by side or where an array is, [2] how long values may be. */
async function cutValues(input: Buffer): Promise<void> {
  const chunkBytes = 1 + ((input[0] ?? 0) % 64);
  const tokens = TOKENS[(input[1] ?? 0) % TOKENS.length]!;
  const bytesMax = (input[2] ?? 0) % 2 === 0 ? 1 << 20 : 10;
  const bytes = input.subarray(3);
  const text = bytes.toString('latin1');
  const settings = { chunkBytes, tokens, bytesMax };
  const { parts } = await cutParts(openValueFinder(true), text, settings);
  assert.deepEqual((await cutParts(openValueFinder(false), text, settings)).parts, parts);
  assert.deepEqual(
    (await cutParts(openValueFinder(false), text, { ...settings, chunkBytes: 1 << 20 })).parts,
    parts,
  );
  const counter = new ValueCounter(tokens, bytesMax);
  for (let at = 0; at < bytes.length; at += chunkBytes) counter.add(bytes.subarray(at, at + chunkBytes));
  const { newlines, endsOpen } = counter.count(true);
  assert.equal(newlines + Number(endsOpen), parts.length);
}

export const TARGETS: readonly Target[] = [
  {
    name: 'values',
    files: [
      ...['src/parse/value-cutter.ts', 'src/parse/lost-bytes.ts', 'src/parse/json-walk.ts'],
      ...['src/parse/value-count.ts', 'src/scan/values-portable.ts'],
    ],
    seeds: () => VALUE_SEEDS.map(latin1),
    run: cutValues,
  },
  {
    name: 'http',
    files: ['src/aws/http-exchange.ts', 'src/aws/http-head.ts'],
    seeds: () => HTTP_SEEDS.map((text) => latin1(`\x07${text}`)),
    // Cut anywhere, it is the same answer. [0] says into pieces of what size.
    run: async (input) => {
      const bytes = input.subarray(1);
      const pieceBytes = 1 + ((input[0] ?? 0) % 64);
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
      assert.equal(await exchange(pieces), await exchange([bytes]));
    },
  },
  {
    name: 'journal',
    files: ['src/journal/read.ts', 'src/journal/entries.ts', 'src/journal/state.ts', 'src/journal/files.ts'],
    seeds: async () => [await smallJournal(3), await smallJournal(11)],
    run: openJournal,
  },
  {
    name: 'inventory-orc',
    files: ['src/source/s3/orc.ts', 'src/source/s3/orc-streams.ts'],
    seeds: () => orcSeeds(),
    run: readOrc,
  },
  {
    name: 'inventory-csv',
    files: ['src/source/s3/inventory.ts'],
    seeds: () => ['"data","p/a%20b","10"', 'a,,"x""y",', '"'].map(latin1),
    run: (input) => {
      for (const cell of parseCsvLine(input.toString('latin1'))) assert.equal(typeof cell, 'string');
    },
  },
  {
    name: 'cbor-portable',
    files: ['src/aws/cbor.ts'],
    seeds: () => CBOR_SEEDS.map((value) => encodeCbor(value)),
    run: readCbor,
  },
];

/** Whole files, small enough to be changed. */
function orcSeeds(): Buffer[] {
  const path = join(import.meta.dirname, '..', 'source', 's3', 'orc-files.json');
  const found = JSON.parse(readFileSync(path, 'utf8')) as unknown;
  const texts: string[] = [];
  JSON.stringify(found, (_, value: unknown) => {
    if (typeof value === 'string' && value.startsWith('T1JD')) texts.push(value);
    return value;
  });
  return texts.map((text) => Buffer.from(text, 'base64')).filter(({ length }) => length < 8_000);
}
