/** The first lines: what `--limit` leaves of random objects, held against the lines as they lie there; and how little is read for a few. */
import zlib from 'node:zlib';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import type { FirstLines } from '../../src/journal/first-lines.ts';
import { JournalState } from '../../src/journal/state.ts';
import { parseBackfillOptions } from '../../src/options/backfill.ts';
import { FRAME } from '../../src/record/frame.ts';
import { keepFirstLines } from '../../src/run/limited-listing.ts';
import type { Reading } from '../../src/run/reading.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';
import { isJson } from '../scan/is-json.ts';
import { type MemorySource, openMemorySource } from '../source/memory-source.ts';
import { openDryReading } from './dry-reading.ts';

let reading: Reading | undefined;
afterEach(async () => {
  await reading?.close();
});

/** Reads the first lines of a source in a thread, as a dry run does. @param known What an earlier process has found. */
async function readFirst(source: MemorySource, lines: number, known: FirstLines | null = null) {
  const options = parseBackfillOptions(['s3://memory/'], {
    ...{ stream: 'none', parsers: 1, downloads: 2, 'segment-size': '64KiB' },
  });
  const limit = keepFirstLines(lines, known);
  const records: string[] = [];
  const opened = openDryReading(options, source, {
    limit,
    onFrames: (frames, { key }) => {
      for (const { offset, data } of recordsOf(frames)) records.push(`${key} ${offset} ${data}`);
    },
    onFound: (accounting) => accounting.release(accounting.writeEntries()),
  });
  reading = opened.reading;
  await reading.download();
  await reading.idle();
  const { openObjects, counts } = opened.accounting;
  await reading.close();
  const { listTally, stats } = reading;
  const failures = [...opened.failures, ...opened.deadLetters];
  return { found: limit.known()!, failures, openObjects, counts, records, listed: listTally.listed, stats };
}

function* recordsOf(frames: Uint8Array) {
  const view = Buffer.from(frames.buffer, frames.byteOffset, frames.length);
  for (let at = 0; at < view.length; at += view.readUInt32LE(at)) {
    const data = at + FRAME.HEADER_BYTES + view.readUInt16LE(at + FRAME.KEY_BYTES);
    const end = data + view.readUInt32LE(at + FRAME.DATA_BYTES);
    yield {
      offset: Number(view.readBigUInt64LE(at + FRAME.LINE_OFFSET)),
      data: view.toString('latin1', data, end),
    };
  }
}

const packings = {
  plain: (body: Buffer) => body,
  gzip: (body: Buffer) => zlib.gzipSync(body),
  // Two members: the object's content goes on behind the first one's end.
  members: (body: Buffer) =>
    Buffer.concat([body.subarray(0, 7), body.subarray(7)].map((part) => zlib.gzipSync(part))),
  zstd: (body: Buffer) => zlib.zstdCompressSync(body),
};
const line = fc.oneof(
  { weight: 6, arbitrary: fc.nat({ max: 200 }).map((n) => `{"n":"${'x'.repeat(n)}"}`) },
  { weight: 2, arbitrary: fc.constantFrom('', ' ', '{"n":1}\r', 'no JSON', '\ufeff{}', '1') },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 70_000 }).map((n) => `"${'y'.repeat(n)}"`) },
);
const content = fc
  .record({ lines: fc.array(line, { maxLength: 12 }), endsOpen: fc.boolean(), isMarked: fc.boolean() })
  .map(({ lines, endsOpen, isMarked }) => {
    const text = lines.join('\n') + (endsOpen || lines.length === 0 ? '' : '\n');
    return Buffer.from((isMarked ? '\ufeff' : '') + text);
  });
const objectsOf = fc.array(fc.record({ content, packing: fc.constantFrom(...Object.keys(packings)) }), {
  ...{ minLength: 1, maxLength: 4 },
}) as fc.Arbitrary<{ content: Buffer; packing: keyof typeof packings }[]>;

/** Lines as they lie there: each ends with a newline, or with its object. */
function linesOf(body: Buffer): string[] {
  const lines = body.toString('latin1').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Records that lines must become, and how many of the others are blank: as the object's key, where the data begins, and the data. */
function expectedOf(key: string, lines: readonly string[]) {
  const records: string[] = [];
  let blank = 0;
  let offset = 0;
  for (const line of lines) {
    const mark = offset === 0 && line.startsWith('\xef\xbb\xbf') ? 3 : 0;
    const data = line.slice(mark).trimEnd();
    if (data === '') blank++;
    else if (isJson(data)) records.push(`${key} ${offset} ${data}`);
    offset += line.length + 1;
  }
  return { records, blank };
}

it('takes exactly the first lines of any objects: all of those before, and of the last one what lies in front of its end', async () => {
  const seen = { cut: 0, atObjectEnd: 0, beyond: 0 };
  await fc.assert(
    fc.asyncProperty(objectsOf, fc.integer({ min: 1, max: 40 }), async (objects, limit) => {
      const bodies = objects
        .map(({ content, packing }, i) => ({ key: `o${i}`, content, stored: packings[packing](content) }))
        .filter(({ stored }) => stored.length > 0);
      const source = openMemorySource(new Map(bodies.map(({ key, stored }) => [key, stored])));
      const { found, failures, openObjects, counts, records } = await readFirst(source, limit);
      let left = limit;
      const expected = bodies.map(({ key, content }) => {
        const lines = linesOf(content).slice(0, left);
        left -= lines.length;
        return expectedOf(key, lines);
      });
      const total = bodies.reduce((sum, { content }) => sum + linesOf(content).length, 0);
      expect(records.toSorted()).toEqual(expected.flatMap((one) => one.records).toSorted());
      expect(found.facts).toMatchObject({ lines: limit, taken: Math.min(limit, total) });
      expect(found.facts.more || total <= limit).toBe(true);
      const { lines, blank } = counts.tally;
      expect({ lines, blank }).toEqual({
        lines: Math.min(limit, total),
        blank: expected.reduce((sum, one) => sum + one.blank, 0),
      });
      expect(openObjects).toBe(0);
      expect(failures.filter((failure) => !('offset' in failure) || failure.offset === null)).toEqual([]);
      if (found.facts.cut !== null) seen.cut++;
      else if (found.facts.more) seen.atObjectEnd++;
      else seen.beyond++;
    }),
    { numRuns: 60, seed: 16 },
  );
  expect(
    Object.values(seen).every((count) => count > 0),
    JSON.stringify(seen),
  ).toBe(true);
}, 120_000);

const jsonLines = (count: number, start = 0) =>
  Buffer.from(
    Array.from({ length: count }, (_, i) => `{"id":${start + i}, "pad":"${'x'.repeat(80)}"}\n`).join(''),
  );

it.each(Object.entries(packings))('reads little of a large object for a few lines: %s', async (_, pack) => {
  // Random bytes do not pack: the object stays large.
  const noise = Array.from({ length: 40_000 }, (__, i) => `"${i} ${Math.random()} ${Math.random()}"\n`).join(
    '',
  );
  const source = openMemorySource(
    new Map([
      ['big', pack(Buffer.from(noise))],
      ['next', jsonLines(5)],
    ]),
  );
  const { counts, stats, listed, found } = await readFirst(source, 10);
  expect([counts.tally.records, listed, found.objectCount]).toEqual([10, 1, 1]);
  expect(stats.bytes).toBeLessThan(200 * 1024);
});

it('knows the same lines again from the journal, whatever was listed in front of them or changed meanwhile', async () => {
  const first = openMemorySource(
    new Map([
      ['b', jsonLines(6)],
      ['c', jsonLines(6, 6)],
      ['d', jsonLines(6, 12)],
    ]),
  );
  const { found } = await readFirst(first, 9);
  const state = new JournalState();
  const entries = found.entries();
  for (const [i, entry] of entries.entries()) {
    expect(state.firstLines).toBeNull();
    state.apply(entry, i);
  }
  const known = state.firstLines!;
  expect(known.facts).toEqual(found.facts);
  const later = openMemorySource(
    new Map([
      ['a', jsonLines(50)],
      ['b', jsonLines(6)],
      ['bb', jsonLines(3)],
      ['c', jsonLines(6, 6)],
      ['d', jsonLines(6)],
    ]),
  );
  const again = await readFirst(later, 9, known);
  expect(again.records).toHaveLength(9);
  expect(again.records.map((record) => record.split(' ')[0]).toSorted()).toEqual([
    ...Array(6).fill('b'),
    ...Array(3).fill('c'),
  ]);
  expect([again.listed, again.openObjects, again.failures]).toEqual([2, 0, []]);
  const changed = openMemorySource(
    new Map([
      ['b', jsonLines(7)],
      ['c', jsonLines(6, 6)],
    ]),
  );
  const other = await readFirst(changed, 9, known);
  expect(other.failures).toEqual([
    expect.objectContaining({ key: 'b', code: 'OBJECT_CHANGED', offset: null }),
  ]);
  expect(other.records).toHaveLength(3);
});

it('takes of a damaged object the lines in front of the damage, and goes on behind it', async () => {
  const whole = zlib.gzipSync(jsonLines(2000));
  const cutOff = whole.subarray(0, whole.length - 600);
  const source = openMemorySource(
    new Map([
      ['a', cutOff],
      ['b', jsonLines(3000)],
    ]),
  );
  const everything = await readFirst(source, 100_000);
  const ofDamaged = everything.records.filter((record) => record.startsWith('a')).length;
  expect(ofDamaged).toBeGreaterThan(100);
  expect(everything.found.facts).toMatchObject({ taken: ofDamaged + 3000, more: false, cut: null });
  const { records, failures, openObjects } = await readFirst(source, ofDamaged + 5);
  expect(records).toHaveLength(ofDamaged + 5);
  expect(failures).toEqual([expect.objectContaining({ key: 'a', code: 'OBJECT_UNREADABLE' })]);
  expect(openObjects).toBe(0);
  const before = await readFirst(source, ofDamaged - 5);
  expect([before.records.length, before.failures]).toEqual([ofDamaged - 5, []]);
});

it('finds nothing where an object in front cannot be read now: nobody knows which lines are the first ones', async () => {
  const source = openMemorySource(
    new Map([
      ['a', jsonLines(5)],
      ['b', jsonLines(5)],
    ]),
  );
  source.failures.push(new SourceFailure('gone', 'it is not here'));
  await expect(readFirst(source, 7)).rejects.toMatchObject({
    code: 'MILLRACE_SOURCE',
    message: expect.stringMatching(/^Cannot find the first 7 lines: .*a.*--exclude$/),
  });
});
