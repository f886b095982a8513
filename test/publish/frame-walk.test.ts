import { describe, expect, it } from 'vitest';
import { GOES, laneOf, markFirstOfEachKey, markOutside, STAYS } from '../../src/publish/frame-walk.ts';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { LANE_DATA_BYTE } from '../../src/ring/layout.ts';
import { framesOf, record } from './frames.ts';

describe('frame walk', () => {
  it('lets the first record of each key go, keys told apart by bytes', () => {
    const keys = ['a', 'b', 'a', 'é', 'b', 'e\u0301', 'é'];
    const frames = framesOf(keys.map((key) => record({ key })));
    expect([...markFirstOfEachKey(frames, keys.length)]).toEqual([1, 1, 0, 1, 0, 1, 0]);
  });

  it.each([
    { hash: 9n, mark: GOES },
    { hash: 10n, mark: STAYS },
    { hash: 1n << 100n, mark: STAYS },
    { hash: (1n << 100n) + 1n, mark: GOES },
  ])('marks hash key $hash with $mark for a shard from 10 to 2^100', ({ hash, mark }) => {
    const frames = framesOf([record({ explicitHashKey: hash })]);
    const shard = { shardId: 's', start: 10n, end: 1n << 100n };
    expect([...markOutside(frames, 1, shard)]).toEqual([mark]);
    expect([...markOutside(frames, 1, undefined)]).toEqual([GOES]);
  });

  it.each([1, 1_000, 1_366])('puts %s frames into a lane that a consumer reads to its end', (count) => {
    const frames = framesOf(Array.from({ length: count }, (_, i) => record({ lineOffset: i })));
    const lane = laneOf(frames);
    expect((lane.byteLength - LANE_DATA_BYTE) % 65_536).toBe(0);
    const consumer = new LaneConsumer(lane);
    let read = 0;
    for (; consumer.next(); read++) expect(consumer.lineOffset).toBe(read);
    expect(read).toBe(count);
  });
});
