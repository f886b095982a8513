import { expect, it } from 'vitest';
import { SLICE_COUNT_MAX, SliceLender, SliceOwner } from '../../src/ring/slices.ts';

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
  for (let turn = 0; turn < 3 * SLICE_COUNT_MAX; turn++) {
    expect(lender.mayOpen(1)).toBe(true);
    const slice = lender.open(1);
    Atomics.add(owner.acknowledged, slice, 7);
    owner.giveBack(slice, 1);
    if (owner.acknowledged[slice] !== 0 || owner.openBytes !== 0) expect.unreachable(`turn ${turn}`);
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
