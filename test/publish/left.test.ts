import { expect, it } from 'vitest';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { joinLeft, LeftCollector } from '../../src/publish/left.ts';
import { framesOf, record } from './frames.ts';
import { digestOf } from './publisher-run.ts';

const records = Array.from({ length: 9 }, (_, i) =>
  record({ key: `k${i}`, data: Buffer.from(`{"id":${i}}`), lineOffset: i * 10, slice: i % 3 === 2 ? 7 : 3 }),
);
const ofSlice = (slice: number) => records.filter((one) => one.slice === slice);
const sumsOf = (slice: number) => {
  const { count, bytes, sumA, sumB } = digestOf(framesOf(ofSlice(slice)));
  return {
    slice,
    count,
    bytes,
    sumA,
    sumB,
    offsets: ofSlice(slice).map(({ lineOffset }) => lineOffset),
    outputs: ofSlice(slice).map(() => 0),
  };
};

it('sums what is left of each slice, whether it lies in a batch or in a lane, and empties the lane', () => {
  const inBatch = new LeftCollector(digestOf);
  inBatch.addFrames(framesOf(records), records.length);
  expect(inBatch.result()).toEqual([sumsOf(3), sumsOf(7)]);
  const lane = laneOf(framesOf(records));
  const inLane = new LeftCollector(digestOf);
  inLane.addLane(lane);
  inLane.addLane(lane);
  expect(inLane.result()).toEqual(inBatch.result());
});

it('joins what several publishers have left', () => {
  const parts = [records.slice(0, 4), records.slice(4)].map((some) => {
    const left = new LeftCollector(digestOf);
    left.addFrames(framesOf(some), some.length);
    return left.result();
  });
  const joined = joinLeft(parts);
  expect([...joined.keys()].sort()).toEqual([3, 7]);
  const sorted = (slice: number) => {
    const one = joined.get(slice)!;
    return { ...one, offsets: one.offsets.toSorted((a, b) => a - b) };
  };
  expect([sorted(3), sorted(7)]).toEqual([sumsOf(3), sumsOf(7)]);
});
