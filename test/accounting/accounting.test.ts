/** Accounting: what is settled, when, and what the journal is told of it. */

import { beforeEach, describe, expect, it } from 'vitest';
import { Accounting } from '../../src/accounting/accounting.ts';
import type { DeadLetter } from '../../src/journal/dead-letters.ts';
import type { JournalEntry } from '../../src/journal/entries.ts';
import { JournalState } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';
import type { SliceReceipt } from '../../src/parse/setup.ts';
import { addAcknowledged, countersOf } from '../../src/ring/slices.ts';
import type { Format, Segment, SourceObject } from '../../src/source/object.ts';

const object: SourceObject = {
  bucket: 'b',
  key: 'k',
  etag: '"1"',
  size: 100,
  lastModifiedMs: 0,
  storageClass: 'STANDARD',
};

let entries: JournalEntry[];
let deadLetters: DeadLetter[];
let state: JournalState;

beforeEach(() => {
  entries = [];
  deadLetters = [];
  state = new JournalState();
});

function open(more: { isDryRun?: boolean; hasJournal?: boolean } = {}) {
  const { isDryRun = false, hasJournal = true } = more;
  const append = (entry: JournalEntry) => {
    state.apply(entry, 1);
    entries.push(entry);
  };
  return new Accounting({
    journal: hasJournal
      ? {
          append,
          pin: (pinned) => {
            const id = state.nextId;
            append({ kind: 'object', id, ...pinned });
            return id;
          },
        }
      : null,
    parserCount: 1,
    onDeadLetter: (deadLetter) => deadLetters.push(deadLetter),
    digestOf: () => ({ sumA: 1n, sumB: 2n }),
    isDryRun,
  });
}

function segmentOf(start: number, end: number, format: Format = 'plain', of = object): Segment {
  return { object: of, objectIndex: 0, index: 0, start, end, format, only: null };
}

let nextSlice = 0;
function receipt(start: number, end: number, part: Partial<SliceReceipt> = {}): SliceReceipt {
  const records = part.records ?? 10;
  return {
    slice: nextSlice++ % 1000,
    piece: 0,
    start,
    end,
    bytes: end - start,
    lines: records + (part.rejected ?? 0),
    blank: 0,
    filtered: 0,
    added: 0,
    rejected: 0,
    records,
    recordBytes: records * 5,
    codes: null,
    digestA: BigInt(records),
    digestB: 0n,
    ...part,
  };
}

const acknowledge = (accounting: Accounting, { slice }: SliceReceipt, count: number) =>
  addAcknowledged(countersOf(accounting.slices.memory), slice, count);

/** What is written of objects: `kind start-end records`. */
const told = () =>
  entries.flatMap((entry) => {
    if (entry.kind === 'segment' || entry.kind === 'left')
      return [`${entry.kind} ${entry.start}-${entry.end} ${entry.tally.records}`];
    if (entry.kind === 'object-done') return [`done ${entry.tally?.records} ${entry.failed ?? ''}`.trim()];
    return entry.kind === 'object-failed' ? [`failed ${entry.failed}`] : [];
  });

describe('a slice', () => {
  it('is settled when as many of its records are acknowledged as were written, not before', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 9);
    expect([accounting.takeSettled(), accounting.openSlices]).toEqual([false, 1]);
    acknowledge(accounting, one, 1);
    expect([accounting.takeSettled(), accounting.openSlices]).toEqual([true, 0]);
    expect(accounting.writeEntries()).toEqual([one]);
    expect(told()).toEqual(['segment 0-40 10']);
  });

  it('may be acknowledged before its receipt is there', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    acknowledge(accounting, one, 10);
    expect([accounting.takeSettled(), accounting.hasUnwritten]).toEqual([false, false]);
    accounting.addSlice(object, one);
    expect([accounting.openSlices, accounting.hasUnwritten]).toEqual([0, true]);
  });

  it('counts a refused record as a dead letter, also one whose receipt comes later', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    const refused = {
      slice: one.slice,
      objectOffset: 7,
      key: Buffer.from('k'),
      data: Buffer.from('data'),
      isRaw: false,
      message: 'no',
    };
    accounting.refuse(refused);
    expect(deadLetters).toEqual([]);
    accounting.addSlice(object, one);
    accounting.refuse({ ...refused, objectOffset: 9 });
    expect(deadLetters).toMatchObject([
      { key: 'k', offset: 7, code: 'PUT_REFUSED' },
      { key: 'k', offset: 9, code: 'PUT_REFUSED' },
    ]);
    acknowledge(accounting, one, 8);
    expect(accounting.takeSettled()).toBe(true);
    accounting.writeEntries();
    expect(state.totals.tally).toMatchObject({
      lines: 10,
      records: 8,
      rejected: 2,
      codes: { PUT_REFUSED: 2 },
      bytes: 40,
    });
  });

  it('of nothing but rejected and blank lines is settled with its receipt', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    accounting.addSlice(object, receipt(0, 40, { records: 0, rejected: 2, codes: { INVALID_JSON: 2 } }));
    expect([accounting.openSlices, accounting.hasUnwritten]).toEqual([0, true]);
    accounting.writeEntries();
    expect(state.totals.tally).toMatchObject({ records: 0, rejected: 2, codes: { INVALID_JSON: 2 } });
  });

  it('is refused when its sums leave a line unaccounted for: it would be lost without a word', () => {
    const accounting = open();
    const lost = receipt(0, 100, { records: 0, lines: 3, filtered: 1 });
    expect(() => accounting.addSlice(object, lost)).toThrow(
      '3 lines, 0 added; 0 blank, 1 filtered, 0 rejected, 0 records',
    );
    expect(accounting.counts.tally.lines).toBe(0);
  });

  it('goes back to its parser when it is released, with its bytes', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40, { records: 0 });
    accounting.addSlice(object, one);
    accounting.takeSettled();
    const before = accounting.slices.openBytes;
    accounting.release(accounting.writeEntries());
    expect(before - accounting.slices.openBytes).toBe(40);
  });
});

describe('an object', () => {
  it('is one line in the journal when it is done within one commit', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    accounting.beginPiece(object);
    for (const part of [receipt(0, 40), receipt(40, 100)]) {
      accounting.addSlice(object, part);
      acknowledge(accounting, part, 10);
    }
    accounting.endPiece(object, 100, false);
    accounting.endSegment(segmentOf(0, 100));
    accounting.takeSettled();
    accounting.writeEntries();
    expect(told()).toEqual(['done 20']);
    expect([
      accounting.openObjects,
      accounting.counts.objectsDone,
      accounting.counts.objectBytesDone,
    ]).toEqual([0, 1, 100]);
  });

  it('has its settled ranges written with neighbours as one, whatever order they settle in', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const parts = [receipt(0, 20), receipt(20, 40), receipt(40, 60), receipt(60, 80)];
    for (const part of parts) accounting.addSlice(object, part);
    for (const part of [parts[3]!, parts[1]!, parts[0]!]) acknowledge(accounting, part, 10);
    accounting.takeSettled();
    accounting.writeEntries();
    expect(told()).toEqual(['segment 0-40 20', 'segment 60-80 10']);
    expect(state.partial(0)).toMatchObject({
      format: 'plain',
      done: [
        [0, 40],
        [60, 80],
      ],
    });
  });

  it('that is compressed is done when it was read to its end', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100, 'gzip'));
    accounting.beginPiece(object);
    const one = receipt(0, 4_000);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 10);
    accounting.endSegment(segmentOf(0, 100, 'gzip'));
    accounting.takeSettled();
    accounting.writeEntries();
    expect(told()).toEqual(['segment 0-4000 10']);
    accounting.endPiece(object, 100, true);
    accounting.writeEntries();
    expect(told()).toEqual(['segment 0-4000 10', 'done 10']);
  });

  it('that cannot be read to its end keeps what was delivered of it, and is left to the next process', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    accounting.addSlice(object, one);
    accounting.failObject(object, 'OBJECT_UNREADABLE', 'damaged');
    accounting.failObject(object, 'OBJECT_UNREADABLE', 'damaged again');
    accounting.endSegment(segmentOf(0, 100));
    expect(accounting.openObjects).toBe(1);
    acknowledge(accounting, one, 10);
    accounting.takeSettled();
    accounting.writeEntries();
    expect(told()).toEqual(['segment 0-40 10', 'failed OBJECT_UNREADABLE']);
    expect(deadLetters.map(({ offset, message }) => [offset, message])).toEqual([[null, 'damaged']]);
    // Its dead letter will be written again by the next process, if it fails again.
    expect([state.totals.tally.rejected, state.totals.failedByCode]).toEqual([0, { OBJECT_UNREADABLE: 1 }]);
    expect([accounting.openObjects, accounting.counts.objectsFailed]).toEqual([0, 1]);
  });

  it('counts as failed once, though parts of it still come', () => {
    const accounting = open();
    accounting.failObject(object, 'OBJECT_UNREADABLE', 'damaged');
    accounting.beginSegment(segmentOf(20, 40));
    accounting.endSegment(segmentOf(20, 40));
    accounting.writeEntries();
    expect([accounting.openObjects, accounting.counts.objectsFailed, told()]).toEqual([
      0,
      1,
      ['failed OBJECT_UNREADABLE'],
    ]);
  });

  it('that has changed is given up for good', () => {
    const accounting = open();
    accounting.failObject(object, 'OBJECT_CHANGED', 'changed');
    accounting.writeEntries();
    expect(told()).toEqual(['done 0 OBJECT_CHANGED']);
    expect(state.totals.tally).toMatchObject({ rejected: 1, codes: { OBJECT_CHANGED: 1 } });
  });

  it('goes on where earlier processes were', () => {
    const before = open();
    before.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    before.addSlice(object, one);
    acknowledge(before, one, 10);
    before.takeSettled();
    before.writeEntries();
    const accounting = open();
    accounting.resume(object, state.partial(0)!);
    accounting.beginSegment(segmentOf(40, 100));
    const rest = receipt(40, 100);
    accounting.addSlice(object, rest);
    acknowledge(accounting, rest, 10);
    accounting.endSegment(segmentOf(40, 100));
    accounting.takeSettled();
    accounting.writeEntries();
    expect(told().at(-1)).toBe('done 20');
    expect(accounting.counts.tally.records).toBe(10);
  });

  it('is done by lines that are too long and ranges without a line, too', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const line = {
      piece: -1,
      code: 'RECORD_TOO_LARGE',
      message: 'long',
      objectOffset: 0,
      length: 79,
      data: Buffer.from('x'),
    } as const;
    accounting.addOversize(object, line, 0, 80);
    accounting.addEmpty(object, 80, 100);
    accounting.endSegment(segmentOf(0, 100));
    accounting.writeEntries();
    expect(told()).toEqual(['done 0']);
    expect(state.totals.tally).toMatchObject({ lines: 1, rejected: 1 });
  });
});

describe('an orderly stop', () => {
  const left = (slice: number, count: number, offsets: number[], outputs = offsets.map(() => 0)) =>
    new Map([[slice, { slice, count, bytes: count * 5, sumA: BigInt(count), sumB: 0n, offsets, outputs }]]);

  it('writes which records of a slice are left', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 8);
    accounting.leave(left(one.slice, 2, [30, 12]));
    expect(told()).toEqual(['left 0-40 8']);
    expect(state.partial(0)!.left).toEqual([{ start: 0, end: 40, offsets: [12, 30] }]);
    expect(state.totals.tally).toMatchObject({ lines: 8, records: 8, bytes: 40, sumA: 8n });
  });

  it('says which outputs of a line are left: the line is counted with its first one', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = { ...receipt(0, 40), lines: 4, added: 6 };
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 7);
    accounting.leave(left(one.slice, 3, [30, 12, 12], [0, 2, 1]));
    expect(state.partial(0)!.left).toEqual([
      { start: 0, end: 40, offsets: [12, 12, 30], outputs: [1, 2, 0] },
    ]);
    expect(state.totals.tally).toMatchObject({ lines: 3, added: 4, records: 7 });
    const place = { bucket: object.bucket, key: object.key, etag: object.etag, offset: 12 };
    expect([0, 1, 2].map((output) => state.covers({ ...place, output }))).toEqual([true, false, false]);
  });

  it.each([
    { name: 'of which nothing was stored', stored: 0, count: 10 },
    { name: 'whose records are not all accounted for', stored: 8, count: 1 },
  ])('says nothing of a slice $name: it is scanned again', ({ stored, count }) => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, stored);
    accounting.leave(
      left(
        one.slice,
        count,
        Array.from({ length: count }, (_, n) => n),
      ),
    );
    expect(told()).toEqual([]);
  });

  it('counts a line whose data begins behind its range to the range', () => {
    const accounting = open();
    accounting.beginSegment(segmentOf(0, 100));
    const one = receipt(0, 40);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 9);
    accounting.leave(left(one.slice, 1, [43]));
    expect(state.partial(0)!.left).toEqual([{ start: 0, end: 40, offsets: [39] }]);
  });
});

it('settles a slice with its receipt where nothing is sent', () => {
  const accounting = open({ isDryRun: true, hasJournal: false });
  accounting.beginSegment(segmentOf(0, 100));
  const one = receipt(0, 100);
  accounting.addSlice(object, one);
  accounting.endSegment(segmentOf(0, 100));
  expect([accounting.openSlices, accounting.openObjects, accounting.writeEntries()]).toEqual([0, 0, [one]]);
});

it('tells how much of the source is dealt with, records of open slices in proportion', () => {
  const accounting = open();
  accounting.beginSegment(segmentOf(0, 100));
  const [one, two] = [receipt(0, 40), receipt(40, 80)];
  accounting.addSlice(object, one);
  accounting.addSlice(object, two);
  acknowledge(accounting, one, 10);
  acknowledge(accounting, two, 5);
  accounting.takeSettled();
  expect(accounting.doneBytes).toBe(60);
});

describe('what earlier processes have dealt with', () => {
  const earlier = { bucket: 'b', key: 'k', etag: '"1"', size: 100, id: 0, left: [], failed: null };

  it('is told apart, of plain objects from their beginning on', () => {
    const accounting = open({ hasJournal: false });
    accounting.resume(object, { ...earlier, format: 'plain', tally: tally(), done: [[0, 40]] });
    accounting.beginSegment(segmentOf(40, 100));
    expect([accounting.doneBytes, accounting.doneBytesBefore]).toEqual([40, 40]);
    const one = receipt(40, 100);
    accounting.addSlice(object, one);
    acknowledge(accounting, one, 5);
    expect([accounting.doneBytes, accounting.doneBytesBefore]).toEqual([70, 40]);
    acknowledge(accounting, one, 5);
    accounting.takeSettled();
    accounting.endSegment(segmentOf(40, 100));
    expect([accounting.openObjects, accounting.doneBytes, accounting.doneBytesBefore]).toEqual([0, 100, 40]);
  });

  it('is told apart in compressed objects, by stored bytes, when the first new line is reached', () => {
    const accounting = open({ hasJournal: false });
    accounting.resume(object, { ...earlier, format: 'gzip', tally: tally(), done: [[0, 1000]] });
    accounting.beginSegment(segmentOf(0, 100, 'gzip'));
    for (const _ of [1, 2]) {
      accounting.beginPiece(object);
      accounting.endPiece(object, 25, false);
    }
    const one = receipt(1000, 1250);
    accounting.addSlice(object, one);
    expect([accounting.doneBytes, accounting.doneBytesBefore]).toEqual([40, 40]);
    acknowledge(accounting, one, 10);
    accounting.takeSettled();
    expect([accounting.doneBytes, accounting.doneBytesBefore]).toEqual([50, 40]);
  });

  it('counts objects that are left alone whole', () => {
    const accounting = open({ hasJournal: false });
    accounting.skipObject(object);
    expect([accounting.doneBytes, accounting.doneBytesBefore]).toEqual([100, 100]);
  });
});
