import { expect, it } from 'vitest';
import { Rate } from '../../src/observe/rate.ts';

it('gives the growth a second of each sum, over the last five seconds', () => {
  const rate = new Rate();
  expect(rate.add(1000, 50, 7)).toEqual([0, 0]);
  expect(rate.add(1500, 100, 7)).toEqual([100, 0]);
  for (let atMs = 2000; atMs <= 20_000; atMs += 500) rate.add(atMs, atMs, 7);
  expect(rate.add(20_500, 20_500, 14)).toEqual([1000, 7 / 5.5]);
});

it('forgets when it is told to: sums may begin anew', () => {
  const rate = new Rate();
  rate.add(0, 1000);
  rate.reset();
  expect(rate.add(1000, 10)).toEqual([0]);
  expect(rate.add(2000, 20)).toEqual([10]);
});

it('gives the growth over a window of another length', () => {
  const rate = new Rate(60_000);
  for (let atMs = 0; atMs <= 100_000; atMs += 1000) rate.add(atMs, atMs < 50_000 ? 0 : atMs - 50_000);
  expect(rate.add(101_000, 51_000)).toEqual([51_000 / 61]);
});
