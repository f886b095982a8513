import { expect, it } from 'vitest';
import { ReadPace } from '../../src/stream/read-pace.ts';

const MIB = 1024 * 1024;

it.each([
  { name: 'five calls a second', bytes: 0, waitMs: 200 },
  { name: 'what 200 ms pay for', bytes: 0.4 * MIB, waitMs: 200 },
  { name: 'more than 200 ms pay for', bytes: MIB, waitMs: 500 },
  { name: 'the largest answer', bytes: 10 * MIB, waitMs: 5000 },
])('waits for $name', ({ bytes, waitMs }) => {
  const pace = new ReadPace();
  expect(pace.waitMs(1000)).toBe(0);
  pace.succeeded(1000, bytes);
  expect([pace.waitMs(1000), pace.waitMs(1000 + waitMs), pace.waitMs(1000 + waitMs - 1)]).toEqual([
    waitMs,
    0,
    1,
  ]);
});

it('does not wait where there are no limits', () => {
  const pace = new ReadPace({
    callsPerSecond: Number.POSITIVE_INFINITY,
    bytesPerSecond: Number.POSITIVE_INFINITY,
  });
  pace.succeeded(0, 10 * MIB);
  expect(pace.waitMs(0)).toBe(0);
  pace.rest(0, 30);
  expect(pace.waitMs(0)).toBe(30);
});

it('rests at the tip, unless bytes cost more', () => {
  const pace = new ReadPace();
  pace.succeeded(0, 4 * MIB);
  pace.rest(0, 1000);
  expect(pace.waitMs(0)).toBe(2000);
});

it('waits twice as long after each failure, to a ceiling, and from the beginning after a success', () => {
  const pace = new ReadPace({}, () => 1);
  const waits = Array.from({ length: 8 }, () => {
    pace.failed(0);
    return pace.waitMs(0);
  });
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  pace.succeeded(0, 0);
  pace.failed(0);
  expect(pace.waitMs(0)).toBe(250);
});
