/** Settling, with a clock that only the test moves, and that no timer runs by. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Accounting } from '../../src/accounting/accounting.ts';
import { Settling } from '../../src/accounting/settling.ts';
import type { JournalEntry } from '../../src/journal/entries.ts';
import type { Journal } from '../../src/journal/journal.ts';
import type { SliceReceipt } from '../../src/parse/setup.ts';
import { addAcknowledged, countersOf } from '../../src/ring/slices.ts';
import type { Segment, SourceObject } from '../../src/source/object.ts';

const object: SourceObject = {
  ...{ bucket: 'b', key: 'k', etag: '"e"', size: 1_000 },
  ...{ lastModifiedMs: 0, storageClass: 'STANDARD' },
};
const segment: Segment = {
  ...{ object, objectIndex: 0, index: 0, start: 0, end: 1_000, format: 'plain', only: null },
};
const UNBOUNDED = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
const COUNTS = { shardCount: 1, heldShards: 0, records: 0, bytes: 0 };

let entries: JournalEntry[] = [];
let commits: { resolve: () => void }[] = [];
let accounting: Accounting;
let settling: Settling;

beforeEach(() => {
  // Timers are there and never fire: what happens all the same, no timer has brought about.
  vi.useFakeTimers();
  entries = [];
  commits = [];
  const append = (entry: JournalEntry) => void entries.push(entry);
  const journal = {
    append,
    pin: () => 1,
    hasPending: false,
    state: {},
    commit: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      commits.push({ resolve });
      return promise;
    },
  } as unknown as Journal;
  accounting = new Accounting({
    ...{ journal, parserCount: 1, onDeadLetter: () => {}, isDryRun: false },
    digestOf: () => ({ sumA: 0n, sumB: 0n }),
  });
  settling = new Settling({
    ...{ accounting, journal, parserCount: 1, publisherCount: 1 },
    ...{ capacity: () => UNBOUNDED, counts: () => COUNTS, nowMs: () => performance.now() },
    onCommit: () => {},
    onFailure: (error) => {
      throw error;
    },
  });
  accounting.beginSegment(segment);
});

afterEach(async () => {
  for (const { resolve } of commits) resolve();
  await settling.stop();
  vi.useRealTimers();
});

const receiptOf = (slice: number, start: number, end: number): SliceReceipt => ({
  ...{
    slice,
    piece: 0,
    start,
    end,
    bytes: end - start,
    lines: 2,
    blank: 0,
    filtered: 0,
    added: 0,
    rejected: 0,
    records: 2,
  },
  ...{ recordBytes: 20, codes: null, digestA: 0n, digestB: 0n },
});
const acknowledge = (slice: number) => {
  const counters = countersOf(accounting.slices.memory);
  if (addAcknowledged(counters, slice, 2)) counters.bell.ring();
};

it('settles a slice when its publisher rings, and no timer has to run for it', async () => {
  settling.start();
  accounting.addSlice(object, receiptOf(1, 0, 400));
  accounting.addSlice(object, receiptOf(2, 400, 1_000));
  const settled = accounting.whenSettled();
  acknowledge(1);
  acknowledge(2);
  await settled;
  // Time stands still: nothing that waits for a timer could have done it.
  expect([accounting.openSlices, accounting.hasUnwritten]).toEqual([0, true]);
});

it('writes what is settled when its time has come, in one commit at a time', async () => {
  settling.start();
  accounting.addSlice(object, receiptOf(1, 0, 400));
  acknowledge(1);
  await accounting.whenSettled();
  expect(entries).toEqual([]);
  vi.advanceTimersByTime(1_100);
  expect(entries.map(({ kind }) => kind)).toContain('segment');
  accounting.addSlice(object, receiptOf(2, 400, 1_000));
  acknowledge(2);
  await accounting.whenSettled();
  vi.advanceTimersByTime(5_000);
  expect(commits).toHaveLength(1);
  commits[0]!.resolve();
  await vi.waitFor(() => {
    vi.advanceTimersByTime(20);
    expect(commits).toHaveLength(2);
  }, 60_000);
});

it('commits what its receipt alone has settled when it is told to look, without a bell or a timer', async () => {
  settling.start();
  // Half a window and more of lines without a record.
  accounting.addSlice(object, {
    ...receiptOf(1, 0, 1_000),
    bytes: 8 << 20,
    end: 8 << 20,
    records: 0,
    blank: 2,
  });
  await accounting.whenSettled();
  expect(commits).toHaveLength(0);
  settling.look();
  expect(commits).toHaveLength(1);
});

it('looks at the clock when a commit is due', async () => {
  settling.start();
  accounting.addSlice(object, receiptOf(1, 0, 400));
  acknowledge(1);
  await accounting.whenSettled();
  const startMs = performance.now();
  let looks = 0;
  while (commits.length === 0) {
    vi.advanceTimersToNextTimer();
    looks++;
  }
  expect(performance.now() - startMs).toBeLessThanOrEqual(55);
  expect(looks).toBeLessThanOrEqual(2);
});

it('sleeps where nothing is due: it writes its pulse twice a second, and looks at the window', async () => {
  settling.start();
  let looks = 0;
  const startMs = performance.now();
  while (performance.now() - startMs < 3_000) {
    vi.advanceTimersToNextTimer();
    looks++;
    commits.at(-1)?.resolve();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
  // Ten looks a second at a window that is not set yet.
  expect(looks).toBeLessThanOrEqual(45);
  expect(commits.length).toBeGreaterThanOrEqual(5);
});

it('waits, when it stops, for the commit that runs', async () => {
  settling.start();
  accounting.addSlice(object, receiptOf(1, 0, 1_000));
  acknowledge(1);
  await accounting.whenSettled();
  vi.advanceTimersByTime(1_100);
  let hasStopped = false;
  const stopping = settling.stop().then(() => {
    hasStopped = true;
  });
  await Promise.resolve();
  expect([commits.length, hasStopped]).toEqual([1, false]);
  commits[0]!.resolve();
  await stopping;
  settling.writeRest(new Map());
  expect(entries.at(-1)).toMatchObject({ kind: 'pulse' });
});
