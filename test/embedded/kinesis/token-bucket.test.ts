import { expect, it } from 'vitest';
import { TokenBucket } from '../../../src/embedded/kinesis/token-bucket.ts';

it('holds one second of refill, and not one more', () => {
  const bucket = new TokenBucket(1000, 0);
  expect([bucket.has(1000, 0), bucket.has(1000, 60_000)]).toEqual([true, true]);
  bucket.take(1000);
  expect(bucket.has(1, 60_000)).toBe(false);
});

it('refills by the millisecond', () => {
  const bucket = new TokenBucket(1000, 0);
  bucket.take(1000);
  expect([bucket.has(2, 1), bucket.has(2, 2)]).toEqual([false, true]);
});

it('lets an amount above its capacity pass when full, and then owes', () => {
  const bucket = new TokenBucket(100, 0);
  expect(bucket.has(1000, 0)).toBe(true);
  bucket.take(1000);
  expect([bucket.has(1, 9_000), bucket.has(1, 9_010)]).toEqual([false, true]);
});

it('gives nothing for a clock that runs back', () => {
  const bucket = new TokenBucket(10, 1000);
  bucket.take(10);
  expect(bucket.has(1, 0)).toBe(false);
});

it('never refuses when it is infinite', () => {
  const bucket = new TokenBucket(Number.POSITIVE_INFINITY, 0);
  bucket.take(1e12);
  expect(bucket.has(1e12, 1)).toBe(true);
});
