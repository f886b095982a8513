/** Limit watch, with a clock that only the test moves. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LimitWatch, type LimitWatchParts } from '../../src/observe/limit-watch.ts';
import { createStats, STAT, statsRow } from '../../src/publish/stats.ts';

let looks = 0;
let stats = createStats(1);
let watch: LimitWatch;

beforeEach(() => {
  vi.useFakeTimers();
  looks = 0;
  stats = createStats(1);
  const parts: LimitWatchParts = {
    ...{ lanes: [], windowWaiting: () => 0, shardCount: () => 1, stats, publisherCount: 1, inFlightMax: 1 },
    ...{ backlog: () => 0, publisherLoads: () => [], ownLoad: () => ({ idle: 0, active: 0 }) },
    shardRate: { recordsPerSecond: 1_000, bytesPerSecond: 1_048_576 },
    receivedBytes: () => ++looks,
    nowMs: () => performance.now(),
  };
  watch = new LimitWatch(parts);
  watch.start();
});

afterEach(() => {
  watch.stop();
  vi.useRealTimers();
});

const hold = (shards: number) => {
  statsRow(stats, 0)[STAT.HELD_SHARDS] = shards;
};

it('looks four times a second while one stage holds the run back, and twenty times when that changes', () => {
  hold(1);
  vi.advanceTimersByTime(2_000);
  looks = 0;
  vi.advanceTimersByTime(4_000);
  expect(looks).toBe(16);
  vi.advanceTimersByTime(250);
  looks = 0;
  for (let turn = 0; turn < 20; turn++) {
    hold(turn % 2);
    vi.advanceTimersToNextTimer();
  }
  expect(looks).toBe(20);
  looks = 0;
  hold(0);
  vi.advanceTimersByTime(50);
  expect(looks).toBe(1);
});

it('looks no more once it is stopped', () => {
  watch.stop();
  vi.advanceTimersByTime(10_000);
  expect([looks, vi.getTimerCount()]).toEqual([0, 0]);
});
