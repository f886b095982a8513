import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeLine, encodeEntry, type JournalEntry } from '../../src/journal/entries.ts';
import { tally } from '../../src/journal/tally.ts';

const sum = tally({
  lines: 5,
  blank: 1,
  rejected: 1,
  records: 3,
  bytes: 99,
  sumA: 2n ** 64n - 1n,
  sumB: 1n,
  codes: { TOO_DEEP: 1 },
});
const object = { bucket: 'b', key: 'a\n"\u2028\ud800', etag: '"1"', size: 2 ** 42 };
const ENTRIES: JournalEntry[] = [
  { kind: 'run', version: 1, run: 'r', identity: { a: [1, null] }, digestKey: '00' },
  { kind: 'start', pid: 7 },
  { kind: 'start', pid: 7, stream: { createdAtMs: 1_790_000_000_123, streamId: null } },
  { kind: 'position', shardId: 's', sequenceNumber: '49', atMs: 3 },
  { kind: 'position', shardId: 's', sequenceNumber: null, atMs: 3 },
  {
    kind: 'limit',
    lines: 9,
    taken: 9,
    more: true,
    objects: 1,
    cut: { ...object, offset: 2 ** 43, stored: 7 },
  },
  { kind: 'limit', lines: 9, taken: 8, more: false, objects: 0, cut: null },
  { kind: 'within', objects: 'AAAA' },
  { kind: 'listed', objects: 1, bytes: 2, complete: false },
  { kind: 'object', id: 0, ...object },
  { kind: 'segment', id: 0, start: 0, end: 2 ** 40, tally: sum },
  { kind: 'progress', id: 0, offset: 9, tally: tally() },
  { kind: 'object-done', id: 0 },
  { kind: 'object-done', object, tally: sum, failed: 'OBJECT_CHANGED' },
  { kind: 'again', ambiguous: 500, resent: 0 },
  { kind: 'end', status: 'delivered', complete: true },
];

it.each(ENTRIES)('reads a line of kind $kind as it was written', (entry) => {
  const line = Buffer.from(encodeEntry(entry, 1_790_000_000_000, 4096));
  expect(line.indexOf(0x0a)).toBe(line.byteLength - 1);
  expect(JSON.parse(line.toString())).toMatchObject({ kind: entry.kind, at: 1_790_000_000_000, from: 4096 });
  expect(decodeLine(line.subarray(0, -1))).toEqual({ entry, atMs: 1_790_000_000_000, from: 4096 });
});

it('refuses a line of which any byte was changed to any other', () => {
  const lines = ENTRIES.map((entry) => Buffer.from(encodeEntry(entry, 1, 2)).subarray(0, -1));
  const changes = fc.tuple(fc.constantFrom(...lines), fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(changes, ([line, place, mask]) => {
      const changed = Buffer.from(line);
      changed[place % line.byteLength]! ^= mask;
      expect(decodeLine(changed)).toBeTypeOf('string');
    }),
    { numRuns: 2000 },
  );
});

it.each([
  {
    name: 'no field that it needs',
    entry: { kind: 'segment', id: 0, start: 0 },
    says: 'entry "segment" without a usable "end"',
  },
  {
    name: 'a negative count',
    entry: { kind: 'start', pid: -1 },
    says: 'entry "start" without a usable "pid"',
  },
  { name: 'a fraction', entry: { kind: 'start', pid: 1.5 }, says: 'entry "start" without a usable "pid"' },
  { name: 'an unknown kind', entry: { kind: 'toString' }, says: 'unknown kind of entry "toString"' },
  { name: 'no kind', entry: {}, says: 'unknown kind of entry "undefined"' },
  {
    name: 'a nameless object',
    entry: { kind: 'object-done', object: { bucket: 'b' } },
    says: 'entry "object-done" without a usable "object"',
  },
])('refuses a line with a right checksum and $name', ({ entry, says }) => {
  const line = Buffer.from(encodeEntry(entry as JournalEntry, 1, 2)).subarray(0, -1);
  expect(decodeLine(line)).toBe(says);
});

it('is described in docs/JOURNAL.md: every kind with its fields, and examples that are sound', () => {
  const page = readFileSync(new URL('../../docs/JOURNAL.md', import.meta.url), 'utf8');
  for (const [kind, entries] of Map.groupBy(ENTRIES, (entry) => entry.kind)) {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${kind}\` |`));
    const fields = new Set(entries.flatMap((entry) => Object.keys(entry)).filter((name) => name !== 'kind'));
    for (const field of fields) expect(row, kind).toContain(`\`${field}\``);
  }
  for (const field of Object.keys(tally())) expect(page).toContain(`\`${field}\``);
  const examples = page.split('\n').filter((line) => line.startsWith('{"kind"'));
  expect(examples.length).toBeGreaterThan(1);
  for (const line of examples) expect(decodeLine(Buffer.from(line))).toMatchObject({ entry: {} });
});
