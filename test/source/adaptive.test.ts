/** AdaptiveLimit: halves at once, grows slowly, stays within its bounds. */
import { expect, it } from 'vitest';
import { AdaptiveLimit } from '../../src/source/adaptive.ts';

it('starts at the maximum and never exceeds it', () => {
  const limit = new AdaptiveLimit({ max: 3 });
  for (let i = 0; i < 100; i++) expect(limit.succeeded()).toBe(false);
  expect(limit.limit).toBe(3);
});

it('halves once for all throttles of one quiet time', () => {
  const limit = new AdaptiveLimit({ max: 16, quietMs: 1000 });
  for (const nowMs of [0, 1, 999]) limit.throttled(nowMs);
  expect(limit.limit).toBe(8);
  limit.throttled(1000);
  expect(limit.limit).toBe(4);
});

it('never goes below one', () => {
  const limit = new AdaptiveLimit({ max: 2, quietMs: 1 });
  for (let nowMs = 0; nowMs < 10; nowMs++) limit.throttled(nowMs);
  expect(limit.limit).toBe(1);
});

it('grows by one after four rounds of successes, and a throttle starts them again', () => {
  const limit = new AdaptiveLimit({ max: 8, quietMs: 1000 });
  limit.throttled(0);
  const grown = () =>
    Array.from({ length: 16 }, () => limit.succeeded())
      .map(Number)
      .join('');
  expect([grown(), limit.limit]).toEqual(['0000000000000001', 5]);
  for (let i = 0; i < 19; i++) limit.succeeded();
  limit.throttled(1);
  expect([limit.succeeded(), limit.limit]).toEqual([false, 5]);
});
