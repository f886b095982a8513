/** What the books journal, and when: never before all of a unit is acknowledged, refused or a dead letter. */
import { expect, it } from 'vitest';
import { Books, type BooksOptions } from '../src/books.ts';
import type { DeadLetter } from '../src/journal/dead-letters.ts';
import type { JournalEntry } from '../src/journal/entries.ts';
import type { PartialObject } from '../src/journal/state.ts';
import { tally } from '../src/journal/tally.ts';
import type { Format, Segment, SourceObject } from '../src/source/object.ts';
import type { PieceTally, RejectedLine } from '../src/threads/parse-setup.ts';

const SEGMENT_BYTES = 100;
const PLACE = { bucket: 'b', key: 'k', etag: '"e"' };

/** Books over a journal in memory. `letters` also keep how many rejects were counted when they were handed over. */
function setUp(options: Partial<BooksOptions> = {}) {
  const entries: JournalEntry[] = [];
  const letters: (DeadLetter & { readonly rejectedThen: number })[] = [];
  const pins: unknown[] = [];
  const journal = {
    pin: (object: unknown) => pins.push(object) - 1,
    append: (entry: JournalEntry) => void entries.push(structuredClone(entry)),
  };
  const books: Books = new Books({
    journal,
    onLetter: (letter) => letters.push({ ...letter, rejectedThen: books.counts.tally.rejected }),
    digestOf: (key, data) => ({ sumA: BigInt(key.byteLength), sumB: BigInt(data.byteLength) }),
    isDryRun: false,
    segmentBytes: SEGMENT_BYTES,
    ...options,
  });
  const acknowledge = (unit: number, records: number) =>
    void Atomics.add(new Int32Array(books.ledger.acknowledged), unit, records);
  return { books, entries, letters, pins, acknowledge };
}

function objectOf(size: number): SourceObject {
  return { ...PLACE, size, lastModifiedMs: 0, storageClass: 'STANDARD' };
}

/** Segments of a plain object, or the one of a compressed object. */
function segmentsOf(object: SourceObject, format: Format = 'plain'): Segment[] {
  const count = format === 'plain' ? Math.ceil(object.size / SEGMENT_BYTES) : 1;
  return Array.from({ length: count }, (_, index) => {
    const start = index * SEGMENT_BYTES;
    const end = format === 'plain' ? Math.min(object.size, start + SEGMENT_BYTES) : object.size;
    return { object, objectIndex: 0, index, count, start, end, format, unit: -1 };
  });
}

/** A piece of which every line is a record of ten bytes, but for `rejected` ones. */
function piece(unit: number, records: number, part: Partial<PieceTally> = {}): PieceTally {
  const sums = { recordBytes: 10 * records, digestA: BigInt(records), digestB: BigInt(2 * records) };
  const lines = records + (part.rejected ?? 0) + (part.blank ?? 0);
  return { unit, lines, blank: 0, records, rejected: 0, ...sums, endOffset: 0, error: null, ...part };
}

function rejected(unit: number): RejectedLine {
  const [code, message] = ['INVALID_JSON', 'no'] as const;
  return { unit, code, message, objectOffset: 7, length: 3, data: Buffer.from('{]}') };
}

function refused(unit: number) {
  return { unit, objectOffset: 9, key: Buffer.from('key'), data: Buffer.from('{"a":1}'), message: 'no' };
}

/** Sums that `records` records of `piece` leave. */
const sums = (records: number, part = {}) =>
  tally({
    ...{ lines: records, records, bytes: 10 * records, sumA: BigInt(records), sumB: BigInt(2 * records) },
    ...part,
  });

it('a unit settles only when its records are acknowledged or refused and its letter is there', () => {
  const { books, entries, letters, acknowledge } = setUp();
  const [segment] = segmentsOf(objectOf(50)) as [Segment];
  books.beginSegment(segment);
  books.addTally(piece(segment.unit, 3, { rejected: 1, blank: 1 }));
  books.closeScan(segment.unit);
  books.endSegment(segment, false);
  for (const step of [
    () => acknowledge(segment.unit, 2),
    () => books.reject(rejected(segment.unit)),
    () => books.refuse(refused(segment.unit)),
  ]) {
    expect([books.settle(), entries]).toEqual([false, []]);
    step();
  }
  expect([books.settle(), books.settle()]).toEqual([true, false]);
  // The refused record has ten bytes; its digest is its key's and its data's length here, three and seven.
  const whole = tally({
    ...{ lines: 5, blank: 1, rejected: 2, records: 2, bytes: 20, codes: { INVALID_JSON: 1, PUT_REFUSED: 1 } },
    ...{ sumA: 0n, sumB: BigInt.asUintN(64, 6n - 7n) },
  });
  expect(entries).toEqual([{ kind: 'object-done', object: { ...PLACE, size: 50 }, tally: whole }]);
  expect(books.counts).toMatchObject({ objectsDone: 1, objectsFailed: 0, objectBytesDone: 50, tally: whole });
  expect(letters.map(({ code, offset, length }) => [code, offset, length])).toEqual([
    ['INVALID_JSON', 7, 3],
    ['PUT_REFUSED', 9, 7],
  ]);
});

it('a rejected line and a failed object are counted before their letters are handed over', () => {
  const { books, letters } = setUp();
  const [segment] = segmentsOf(objectOf(50)) as [Segment];
  books.beginSegment(segment);
  books.addTally(piece(segment.unit, 0, { rejected: 1 }));
  books.reject(rejected(segment.unit));
  books.failObject(segment.object, 'OBJECT_UNREADABLE', 'gone');
  expect(letters.map((letter) => letter.rejectedThen)).toEqual([1, 2]);
});

it('a line that was too long to be kept counts as read and as rejected', () => {
  const { books } = setUp();
  const [segment] = segmentsOf(objectOf(50)) as [Segment];
  books.beginSegment(segment);
  books.rejectOversize({ ...rejected(segment.unit), code: 'RECORD_TOO_LARGE' });
  books.closeScan(segment.unit);
  books.endSegment(segment, false);
  expect(books.settle()).toBe(true);
  expect(books.counts.tally).toEqual(tally({ lines: 1, rejected: 1, codes: { RECORD_TOO_LARGE: 1 } }));
});

it('a plain object of several segments gives one entry each, in the order they settle, and then its end', () => {
  const { books, entries, pins, acknowledge } = setUp();
  const segments = segmentsOf(objectOf(250));
  for (const segment of segments) {
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 2));
    books.closeScan(segment.unit);
    books.endSegment(segment, false);
  }
  for (const index of [2, 0, 1]) {
    expect(entries.some((entry) => entry.kind === 'object-done')).toBe(false);
    acknowledge(segments[index]!.unit, 2);
    books.settle();
  }
  expect(pins).toEqual([{ ...PLACE, size: 250 }]);
  expect(entries).toEqual([
    { kind: 'segment', id: 0, start: 200, end: 250, tally: sums(2) },
    { kind: 'segment', id: 0, start: 0, end: 100, tally: sums(2) },
    { kind: 'segment', id: 0, start: 100, end: 200, tally: sums(2) },
    { kind: 'object-done', id: 0, tally: sums(6) },
  ]);
  expect([...books.openObjects]).toEqual([]);
});

it('an object stays open until the last event of its segment, however early its records are acknowledged', () => {
  const { books, entries } = setUp();
  const [segment] = segmentsOf(objectOf(50)) as [Segment];
  books.beginSegment(segment);
  books.closeScan(segment.unit);
  expect([books.settle(), entries, [...books.openObjects]]).toEqual([true, [], [segment.object]]);
  books.endSegment(segment, false);
  expect(entries.map((entry) => entry.kind)).toEqual(['object-done']);
});

it('parts of a compressed object move the watermark in the order of their bytes only', () => {
  const { books, entries, acknowledge } = setUp();
  const [segment] = segmentsOf(objectOf(50), 'gzip') as [Segment];
  books.beginSegment(segment);
  const units = [1, 2, 3, 4].map((place) => {
    const unit = books.beginPart(segment);
    books.addTally(piece(unit, 1, { endOffset: 1000 * place }));
    books.closeScan(unit);
    return unit;
  });
  const settle = (place: number) => {
    acknowledge(units[place - 1]!, 1);
    books.settle();
    return entries.splice(0);
  };
  expect(settle(2)).toEqual([]);
  expect(settle(1)).toEqual([{ kind: 'progress', id: 0, offset: 2000, tally: sums(2) }]);
  expect(settle(3)).toEqual([{ kind: 'progress', id: 0, offset: 3000, tally: sums(3) }]);
  books.endSegment(segment, false);
  expect(settle(4)).toEqual([{ kind: 'object-done', id: 0, tally: sums(4) }]);
});

it.each([
  { name: 'of several', size: 250, index: 1, cut: 140 },
  { name: 'that is all of its object', size: 90, index: 0, cut: 40 },
])('a segment $name that is cut settles up to there, and its object stays open', ({ size, index, cut }) => {
  const { books, entries, acknowledge } = setUp();
  const segment = segmentsOf(objectOf(size))[index]!;
  books.beginSegment(segment);
  books.addTally(piece(segment.unit, 2));
  books.cutSegment(segment, cut);
  expect([books.settle(), entries]).toEqual([false, []]);
  acknowledge(segment.unit, 2);
  expect([books.settle(), [...books.openObjects]]).toEqual([true, [segment.object]]);
  expect(entries).toEqual([{ kind: 'segment', id: 0, start: segment.start, end: cut, tally: sums(2) }]);
});

it('a segment that is cut at its end, or in the next one behind its last line, has ended', () => {
  const { books, entries, acknowledge } = setUp();
  const segments = segmentsOf(objectOf(150));
  for (const [segment, cut] of [
    [segments[0]!, 103],
    [segments[1]!, 150],
  ] as const) {
    // biome-ignore format: one line
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 1));
    books.cutSegment(segment, cut);
    acknowledge(segment.unit, 1);
  }
  books.settle();
  expect(entries).toEqual([
    { kind: 'segment', id: 0, start: 0, end: 100, tally: sums(1) },
    { kind: 'segment', id: 0, start: 100, end: 150, tally: sums(1) },
    { kind: 'object-done', id: 0, tally: sums(2) },
  ]);
});

it('a failed object is closed once, with one letter, when all that was read of it is settled', () => {
  const { books, entries, letters, acknowledge } = setUp();
  const [first, second] = segmentsOf(objectOf(150)) as [Segment, Segment];
  for (const segment of [first, second]) {
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 1));
    books.closeScan(segment.unit);
  }
  expect(books.hasFailed(first.object)).toBe(false);
  for (const _ of [1, 2]) books.failObject(first.object, 'OBJECT_CHANGED', 'it changed');
  expect(books.hasFailed(first.object)).toBe(true);
  for (const segment of [first, second]) books.endSegment(segment, true);
  acknowledge(first.unit, 1);
  books.settle();
  expect(entries).toEqual([]);
  acknowledge(second.unit, 1);
  books.settle();
  const part = sums(2, { rejected: 1, codes: { OBJECT_CHANGED: 1 } });
  const object = { ...PLACE, size: 150 };
  expect(entries).toEqual([{ kind: 'object-done', object, tally: part, failed: 'OBJECT_CHANGED' }]);
  expect(letters).toMatchObject([
    { ...PLACE, offset: null, length: null, code: 'OBJECT_CHANGED', data: null },
  ]);
  expect([books.counts.objectsDone, books.counts.objectsFailed]).toEqual([0, 1]);
});

it('a compressed object that ends too early is failed, not done, and moves no watermark', () => {
  const { books, entries, acknowledge } = setUp();
  const [segment] = segmentsOf(objectOf(50), 'zstd') as [Segment];
  books.beginSegment(segment);
  const unit = books.beginPart(segment);
  books.addTally(piece(unit, 1, { endOffset: 10 }));
  books.closeScan(unit);
  books.endSegment(segment, true);
  books.failObject(segment.object, 'OBJECT_UNREADABLE', 'cut short');
  acknowledge(unit, 1);
  books.settle();
  expect(entries.map((entry) => entry.kind)).toEqual(['object-done']);
  expect(entries[0]).toMatchObject({ failed: 'OBJECT_UNREADABLE' });
});

it('an object that cannot even be begun is failed and closed at once', () => {
  const { books, entries } = setUp();
  books.failObject(objectOf(50), 'OBJECT_UNREADABLE', 'denied');
  expect(entries).toMatchObject([{ kind: 'object-done', failed: 'OBJECT_UNREADABLE' }]);
  expect(books.counts).toMatchObject({ objectsFailed: 1, objectBytesDone: 50 });
});

it('a dry run settles what is scanned, without acknowledgements and without a journal', () => {
  const { books } = setUp({ isDryRun: true, journal: null });
  const segments = segmentsOf(objectOf(150));
  for (const segment of segments) {
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 2));
    books.endSegment(segment, false);
  }
  expect(books.settle()).toBe(false);
  for (const { unit } of segments) books.closeScan(unit);
  expect(books.settle()).toBe(true);
  expect(books.counts).toMatchObject({ objectsDone: 1, tally: sums(4) });
});

function partial(size: number, part: Partial<PartialObject>): PartialObject {
  const nothing = { done: [], offset: 0, tally: tally(), progressTally: tally() };
  return { ...PLACE, size, id: 5, ...nothing, ...part };
}

it.each([
  { name: 'the first two', done: [[0, 200]] as const, left: [2] },
  { name: 'the first and the short last', done: [[0, 100], [200, 250]] as const, left: [1] }, // biome-ignore format: one case a line
])('a resumed plain object needs only what earlier processes left: they did $name', ({ done, left }) => {
  const { books, entries, pins, acknowledge } = setUp();
  const segments = segmentsOf(objectOf(250));
  books.resume(segments[0]!.object, partial(250, { done, tally: sums(4) }));
  for (const index of left) {
    const segment = segments[index]!;
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 2));
    books.closeScan(segment.unit);
    books.endSegment(segment, false);
    acknowledge(segment.unit, 2);
  }
  books.settle();
  const { start, end } = segments[left[0]!]!;
  expect(entries).toEqual([
    { kind: 'segment', id: 5, start, end, tally: sums(2) },
    { kind: 'object-done', id: 5, tally: sums(6) },
  ]);
  expect([pins, books.counts.tally]).toEqual([[], sums(2)]);
});

it('a resumed plain object that was cut within a segment is done when the rest of it is, and not before', () => {
  const { books, entries, acknowledge } = setUp();
  const [, cut, last] = segmentsOf(objectOf(250)) as [Segment, Segment, Segment];
  books.resume(cut.object, partial(250, { done: [[0, 140]], tally: sums(3) }));
  for (const segment of [{ ...cut, start: 140 }, last]) {
    expect(entries.some((entry) => entry.kind === 'object-done')).toBe(false);
    books.beginSegment(segment);
    books.addTally(piece(segment.unit, 1));
    books.closeScan(segment.unit);
    books.endSegment(segment, false);
    acknowledge(segment.unit, 1);
    books.settle();
  }
  expect(entries).toEqual([
    { kind: 'segment', id: 5, start: 140, end: 200, tally: sums(1) },
    { kind: 'segment', id: 5, start: 200, end: 250, tally: sums(1) },
    { kind: 'object-done', id: 5, tally: sums(5) },
  ]);
});

it('a resumed compressed object goes on from its watermark and counts on from its tally', () => {
  const { books, entries, acknowledge } = setUp();
  const [segment] = segmentsOf(objectOf(50), 'gzip') as [Segment];
  expect(books.fromOffset(segment.object)).toBe(0);
  books.resume(segment.object, partial(50, { offset: 2000, tally: sums(2), progressTally: sums(2) }));
  expect(books.fromOffset(segment.object)).toBe(2000);
  books.beginSegment(segment);
  const unit = books.beginPart(segment);
  books.addTally(piece(unit, 1, { endOffset: 3000 }));
  books.closeScan(unit);
  acknowledge(unit, 1);
  books.settle();
  books.endSegment(segment, false);
  expect(entries).toEqual([
    { kind: 'progress', id: 5, offset: 3000, tally: sums(3) },
    { kind: 'object-done', id: 5, tally: sums(3) },
  ]);
});

it('an object that earlier processes delivered counts as skipped, with its bytes', () => {
  const { books, entries } = setUp();
  books.skipObject(objectOf(50));
  expect(books.counts).toMatchObject({ objectsSkipped: 1, objectsDone: 0, objectBytesDone: 50 });
  expect(entries).toEqual([]);
});

it('an object whose last segment was journaled, but not its end, is closed when it is skipped', () => {
  const { books, entries } = setUp();
  books.resume(objectOf(50), partial(50, { done: [[0, 50]], tally: sums(2) }));
  books.skipObject(objectOf(50));
  expect(books.counts).toMatchObject({ objectsSkipped: 1, objectBytesDone: 50 });
  expect(entries).toEqual([{ kind: 'object-done', id: 5 }]);
});
