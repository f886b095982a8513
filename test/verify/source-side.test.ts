/**
 * Source side: the reading half of the engine, real parser threads included, against a reader that is too simple to be wrong.
 * Property of issue 6: for random objects, segment sizes and block sizes both find the same records at the same places.
 */

import { isUtf8 } from 'node:buffer';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createDigester, DIGEST_KEY_BYTES } from '../../src/digest/digest.ts';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import { FRAME, FRAME_KIND } from '../../src/record/frame.ts';
import { createSourceSide } from '../../src/verify/source-side.ts';
import { isJson } from '../scan/is-json.ts';
import { testSource } from '../source/source-run.ts';

let s3: FastS3;
beforeAll(async () => {
  s3 = await startFastS3({ buckets: { data: [] } });
});
afterAll(() => s3.close());

/** A line, with a length that is random or near a multiple of the size of segments or blocks: that is where seams are. */
interface LineShape {
  readonly kind: 'string' | 'object' | 'number' | 'blank' | 'invalid' | 'bare-cr' | 'not-utf8';
  readonly length: { readonly of: 'segment' | 'block'; readonly times: number; readonly bytes: number };
  readonly end: '\n' | '\r\n';
}

interface ObjectShape {
  readonly stored: 'plain' | 'gzip' | 'zstd';
  readonly lines: readonly LineShape[];
  readonly hasFinalNewline: boolean;
  readonly hasByteOrderMark: boolean;
  /** Where members or frames of a compressed object begin, as shares of its content. */
  readonly cuts: readonly number[];
}

interface Reading {
  readonly segmentBytes: number;
  readonly downloads: number;
  readonly parsers: number;
  readonly objects: readonly ObjectShape[];
}

const MIB = 1 << 20;
/** Longer than any line here. */
const RECORD_BYTES_MAX = 10 * MIB;

function lineOf({ kind, length }: LineShape, segmentBytes: number): Buffer {
  const unitBytes = length.of === 'segment' ? segmentBytes : Math.min(segmentBytes, MIB);
  const count = Math.max(1, length.times * unitBytes + length.bytes);
  switch (kind) {
    case 'string':
      return Buffer.from(`"${'s'.repeat(Math.max(0, count - 2))}"`);
    case 'object':
      return Buffer.from(` {"a":"${'o'.repeat(Math.max(0, count - 10))}"}\t`);
    case 'number':
      return Buffer.from('7'.repeat(Math.min(count, 400)));
    case 'blank':
      return Buffer.from(' '.repeat(count - 1));
    case 'invalid':
      return Buffer.from(`{"i":${'x'.repeat(count)}`);
    case 'bare-cr':
      return Buffer.from(`[1,\r${' '.repeat(count)}2]`);
    case 'not-utf8':
      return Buffer.concat([Buffer.from('"'), Buffer.from([0xff]), Buffer.from('"')]);
  }
}

function contentOf(shape: ObjectShape, segmentBytes: number): Buffer {
  const parts: Buffer[] = shape.hasByteOrderMark ? [Buffer.from('\ufeff')] : [];
  for (const line of shape.lines) parts.push(lineOf(line, segmentBytes), Buffer.from(line.end));
  if (!shape.hasFinalNewline) parts.pop();
  const content = Buffer.concat(parts);
  // No object is empty: those never leave the listing.
  return content.length > 0 ? content : Buffer.from('\n');
}

function storedOf({ stored, cuts }: ObjectShape, content: Buffer): Buffer {
  if (stored === 'plain') return content;
  const pack = stored === 'gzip' ? gzipSync : zstdCompressSync;
  const edges = [0, ...cuts.map((cut) => Math.floor(cut * content.length)).sort((a, b) => a - b)];
  return Buffer.concat(edges.map((edge, i) => pack(content.subarray(edge, edges[i + 1]))));
}

/** The simple reader: all of it in memory, line by line, as the documentation says what a record is. */
function recordsIn(name: string, content: Buffer): string[] {
  const records: string[] = [];
  for (let start = 0; start < content.length; ) {
    const newline = content.indexOf('\n', start);
    const end = newline < 0 ? content.length : newline;
    let from = start === 0 && content.subarray(0, 3).toString() === '\ufeff' ? 3 : start;
    let to = end;
    while (from < to && ' \t\r'.includes(String.fromCharCode(content[from]!))) from++;
    while (to > from && ' \t\r'.includes(String.fromCharCode(content[to - 1]!))) to--;
    const line = content.subarray(from, to);
    if (isUtf8(line) && isJson(line.toString())) records.push(`${name} ${start} ${line.toString('latin1')}`);
    start = end + 1;
  }
  return records;
}

let runs = 0;

function sideOf(prefix: string, given: { segmentBytes: number; downloads: number; parsers: number }) {
  const { segmentBytes, downloads, parsers } = given;
  const options = parseBackfillOptions([`s3://data/${prefix}`], { stream: 'none', parsers, downloads });
  return createSourceSide({
    sources: options.sources,
    options: { ...options, segmentBytes },
    source: testSource(s3),
    rules: {
      partitionKey: null,
      explicitHashKey: null,
      onMissingKey: 'dead-letter',
      appendNewline: false,
      depthMax: 1024,
      recordBytesMax: RECORD_BYTES_MAX,
      keyCharsMax: 256,
    },
    schema: null,
    observer: {
      onDeadLetter: ({ offset, code }) => expect(offset, code).not.toBeNull(),
      onArchived: () => {},
      onFiltered: () => {},
      onObject: () => {},
    },
  });
}

/** Lines are those of the bytes, and each is a record, blank or rejected. */
async function expectCounted(side: ReturnType<typeof sideOf>, records: number, lineCount: number) {
  await side.digest!({ key: new Uint8Array(DIGEST_KEY_BYTES), bucketBits: 4 }, new AbortController().signal);
  const { counted, uneven, ...found } = side.tally()!;
  expect([counted, found.records, uneven]).toEqual([lineCount, records, []]);
  expect(found.records + found.blank + found.rejected).toBe(counted);
}

/** @returns What is missing and what is too much, and how many records were right. */
async function compare({ segmentBytes, downloads, parsers, objects }: Reading) {
  const prefix = `run-${runs++}/`;
  const wanted = new Map<string, number>();
  const count = (record: string, by: number) => {
    const sum = (wanted.get(record) ?? 0) + by;
    if (sum === 0) wanted.delete(record);
    else wanted.set(record, sum);
  };
  let records = 0;
  let lineCount = 0;
  for (const [i, shape] of objects.entries()) {
    const key = `${prefix}${i}`;
    const content = contentOf(shape, segmentBytes);
    s3.put('data', { key, body: storedOf(shape, content) });
    for (const record of recordsIn(key, content)) count(record, 1);
    lineCount += content.toString('latin1').replace(/\n$/, '').split('\n').length;
  }
  const side = sideOf(prefix, { segmentBytes, downloads, parsers });
  const onFrames = (frames: Uint8Array, { key }: { readonly key: string }) => {
    const bytes = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + FRAME.FRAME_BYTES)) {
      // Where the lane wraps around there is a frame that means nothing.
      if (bytes.readUInt8(at + FRAME.KIND) !== FRAME_KIND.RECORD) continue;
      const start = at + FRAME.HEADER_BYTES + bytes.readUInt16LE(at + FRAME.KEY_BYTES);
      const data = bytes.toString('latin1', start, start + bytes.readUInt32LE(at + FRAME.DATA_BYTES));
      count(`${key} ${bytes.readBigUInt64LE(at + FRAME.LINE_OFFSET)} ${data}`, -1);
      records++;
    }
  };
  await side.scan(onFrames, new AbortController().signal);
  await expectCounted(side, records, lineCount);
  for (const i of objects.keys()) s3.delete('data', `${prefix}${i}`);
  // Lines may be megabytes long.
  return { records, differences: [...wanted].map(([record, sum]) => `${sum} x ${record.slice(0, 100)}`) };
}

const line: fc.Arbitrary<LineShape> = fc.record({
  kind: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('string', 'object', 'number', 'blank') },
    { weight: 1, arbitrary: fc.constantFrom('invalid', 'bare-cr', 'not-utf8') },
  ),
  length: fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ of: fc.constant('block'), times: fc.constant(0), bytes: fc.nat({ max: 60 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        of: fc.constantFrom('segment', 'block'),
        times: fc.integer({ min: 1, max: 3 }),
        bytes: fc.integer({ min: -4, max: 4 }),
      }),
    },
  ),
  end: fc.constantFrom('\n', '\n', '\r\n'),
});

const object = (lineCountMax: number): fc.Arbitrary<ObjectShape> =>
  fc.record({
    stored: fc.constantFrom('plain', 'plain', 'gzip', 'zstd'),
    lines: fc.array(line, { minLength: 1, maxLength: lineCountMax }),
    hasFinalNewline: fc.boolean(),
    hasByteOrderMark: fc.constantFrom(false, false, false, true),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
  });

it.each([
  {
    name: 'segments that are blocks', // and lines that are cut into many of them
    segmentBytes: fc.integer({ min: 40, max: 2000 }),
    objectCount: 24, // three times as many as are read at once
    lineCount: 25,
    runCount: 20,
  },
  {
    name: 'segments of several blocks', // of 1 MiB, and compressed objects whose content is longer
    segmentBytes: fc.oneof(
      fc.integer({ min: MIB - 2, max: MIB + 2 }),
      fc.integer({ min: MIB, max: 3 * MIB }),
    ),
    objectCount: 4,
    lineCount: 8,
    runCount: 4,
  },
])(
  'finds what a simple reader finds, in random objects with $name',
  async ({ segmentBytes, objectCount, lineCount, runCount }) => {
    let records = 0;
    const reading: fc.Arbitrary<Reading> = fc.record({
      segmentBytes,
      downloads: fc.integer({ min: 1, max: 8 }),
      parsers: fc.integer({ min: 1, max: 2 }),
      objects: fc.array(object(lineCount), { minLength: objectCount, maxLength: objectCount }),
    });
    const property = fc.asyncProperty(reading, async (shape) => {
      const result = await compare(shape);
      expect(result.differences).toEqual([]);
      records += result.records;
    });
    await fc.assert(property, { numRuns: runCount, interruptAfterTimeLimit: 60_000 });
    expect(records).toBeGreaterThan(objectCount);
  },
);

it('digests in the parser threads what a scan gives, bucket by bucket', async () => {
  const lines = Array.from({ length: 4_000 }, (_, i) => (i % 10 === 3 ? '{"bad":' : `{"line":${i}}`));
  const content = Buffer.from(lines.join('\n'));
  const long = Buffer.from(`"${'x'.repeat(3 * MIB)}"\n`.repeat(12)); // more than lanes hold: they wrap around
  const prefix = 'digest/';
  for (const [i, body] of [content, gzipSync(content), zstdCompressSync(content), content, long].entries())
    s3.put('data', { key: `${prefix}${i}`, body });
  const side = sideOf(prefix, { segmentBytes: MIB, downloads: 8, parsers: 2 });
  const spec = { key: Buffer.alloc(DIGEST_KEY_BYTES, 7), bucketBits: 8 };
  const { signal } = new AbortController();
  const digester = createDigester(spec.key, { bucketBits: spec.bucketBits });
  await side.scan((frames) => digester.addFrames(frames), signal);
  expect(digester.sums().count).toBe(4 * 3_600 + 12);
  for (const time of ['once', 'again']) {
    const { sums, buckets } = await side.digest!(spec, signal);
    expect({ time, ...sums }).toEqual({ time, ...digester.sums() });
    expect(Buffer.compare(buckets, digester.buckets)).toBe(0);
  }
});
