import { describe, expect, it } from 'vitest';
import {
  addAcknowledged,
  countersOf,
  SLICE_COUNT_MAX,
  SliceLender,
  SliceOwner,
} from '../../src/ring/slices.ts';

it('gives each parser numbers of its own, all different', () => {
  const owner = new SliceOwner(3);
  const seen = new Set<number>();
  for (let parser = 0; parser < 3; parser++) {
    const lender = new SliceLender(owner.memory, parser, 3);
    while (lender.mayOpen(0)) seen.add(lender.open(0));
  }
  expect(seen.size).toBe(3 * 2 ** 14);
  expect(Math.max(...seen)).toBeLessThan(SLICE_COUNT_MAX);
});

it('lets a parser open no more than its share of the window, but always one slice', () => {
  const owner = new SliceOwner(2);
  owner.setWindow(1_000, 100);
  const lender = new SliceLender(owner.memory, 1, 2);
  expect([lender.sliceBytes, lender.mayOpen(5_000)]).toEqual([100, true]);
  const first = lender.open(400);
  expect([lender.mayOpen(100), lender.mayOpen(101), owner.openBytes]).toEqual([true, false, 400]);
  owner.setWindow(2_000, 100);
  expect([lender.mayOpen(600), lender.mayOpen(601)]).toEqual([true, false]);
  owner.giveBack(first, 400);
  expect([lender.mayOpen(5_000), owner.openBytes]).toEqual([true, 0]);
});

it('uses numbers again when they come back, with their counts at zero, also after the ring has run over', () => {
  const owner = new SliceOwner(1);
  const lender = new SliceLender(owner.memory, 0, 1);
  const { acknowledged } = countersOf(owner.memory);
  for (let turn = 0; turn < 3 * SLICE_COUNT_MAX; turn++) {
    expect(lender.mayOpen(1)).toBe(true);
    const slice = lender.open(1);
    Atomics.add(acknowledged, slice, 7);
    owner.giveBack(slice, 1);
    if (acknowledged[slice] !== 0 || owner.openBytes !== 0) expect.unreachable(`turn ${turn}`);
  }
});

it('has no number left when all are open, and one more with each that comes back', () => {
  const owner = new SliceOwner(1);
  const lender = new SliceLender(owner.memory, 0, 1);
  let last = -1;
  while (lender.mayOpen(1)) last = lender.open(1);
  expect(owner.openBytes).toBe(SLICE_COUNT_MAX);
  owner.giveBack(last, 1);
  expect([lender.mayOpen(1), lender.open(1), lender.mayOpen(1)]).toEqual([true, last, false]);
});

describe('what is expected of a slice', () => {
  it('is settled by whoever brings the last of it: the receipt, a publisher, or a refused record', () => {
    const owner = new SliceOwner(1);
    const counters = countersOf(owner.memory);
    expect([addAcknowledged(counters, 1, 3), owner.expect(1, 3), owner.takeSettled()]).toEqual([
      false,
      true,
      [],
    ]);
    expect([owner.expect(2, 3), owner.missing(2), addAcknowledged(counters, 2, 2)]).toEqual([
      false,
      3,
      false,
    ]);
    expect([owner.missing(2), addAcknowledged(counters, 2, 1), owner.takeSettled()]).toEqual([1, true, [2]]);
    expect([owner.expect(3, 2), addAcknowledged(counters, 3, 1), owner.refuse(3)]).toEqual([
      false,
      false,
      true,
    ]);
    expect([owner.expect(4, 2), owner.refuse(4), addAcknowledged(counters, 4, 1)]).toEqual([
      false,
      false,
      true,
    ]);
    expect([owner.takeSettled(), owner.takeSettled(), owner.expect(5, 0)]).toEqual([[4], [], true]);
  });

  it('is told once for each slice, whatever its number', () => {
    const owner = new SliceOwner(2);
    const counters = countersOf(owner.memory);
    const slices = [0, 31, 32, 63, 64, 40_000, SLICE_COUNT_MAX - 1];
    for (const slice of slices) owner.expect(slice, 1);
    for (const slice of slices) addAcknowledged(counters, slice, 1);
    expect(owner.takeSettled().toSorted((one, other) => one - other)).toEqual(slices);
    expect(owner.takeSettled()).toEqual([]);
  });
});
