import { describe, expect, it } from 'vitest';
import { GOES, laneOf, markDropped, markFirstOfEachKey, STAYS } from '../../src/publish/frame-walk.ts';
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
    { hashes: [10n, 11n, 1n << 100n], mark: STAYS },
    { hashes: [9n, 10n, 11n], mark: GOES },
    { hashes: [10n, 9n, 11n], mark: GOES },
    { hashes: [10n, 11n, (1n << 100n) + 1n], mark: GOES },
  ])('marks all of an aggregate of hash keys $hashes with $mark for a shard from 10 to 2^100', (one) => {
    const { hashes, mark } = one;
    const around = [20n, 21n];
    const frames = framesOf(
      [...around, ...hashes, ...around].map((hash) => record({ explicitHashKey: hash })),
    );
    const shards = [{ shardId: 's', start: 10n, end: 1n << 100n }];
    const aggregates = [2, 3, 2].map((count) => ({ frames: count, shardId: 's' }));
    expect([...markDropped(frames, aggregates, shards)]).toEqual([0, 0, mark, mark, mark, 0, 0]);
  });

  it('judges each aggregate by the shard that holds it, and takes one in an unknown shard for dropped', () => {
    const frames = framesOf([5n, 6n, 5n, 6n, 5n, 6n].map((hash) => record({ explicitHashKey: hash })));
    const aggregates = ['low', 'high', 'of tomorrow'].map((shardId) => ({ frames: 2, shardId }));
    const shards = [
      { shardId: 'low', start: 0n, end: 9n },
      { shardId: 'high', start: 10n, end: 19n },
    ];
    expect([...markDropped(frames, aggregates, shards)]).toEqual([0, 0, 1, 1, 1, 1]);
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
