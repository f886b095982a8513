import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutOwnedRanges, packStarts, shardsWithin, sortShards } from '../../src/record/hash-range.ts';
import { evenShards, HASH_KEYS } from '../publish/publishing.ts';

describe('shard map', () => {
  it('sorts shards that tile the hash keys', () => {
    const shards = evenShards(5);
    expect(sortShards([...shards].reverse())).toEqual(shards);
  });

  it.each([
    { name: 'a gap', change: (s: ReturnType<typeof evenShards>) => s.filter((_, i) => i !== 1) },
    { name: 'an overlap', change: (s: ReturnType<typeof evenShards>) => [...s, s[1]!] },
    { name: 'a missing end', change: (s: ReturnType<typeof evenShards>) => s.slice(0, -1) },
    { name: 'no shard', change: () => [] },
  ])('refuses $name', ({ change }) => {
    expect(() => sortShards(change(evenShards(4)))).toThrow(/Open shards/);
  });

  it('cuts all hash keys among publishers, at shard borders, with shard counts at most one apart', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }), (a, b) => {
        const [shardCount, publisherCount] = [Math.max(a, b), Math.min(a, b)];
        const shards = evenShards(shardCount);
        const ranges = cutOwnedRanges(shards, publisherCount);
        expect(ranges[0]!.start).toBe(0n);
        expect(ranges.at(-1)!.end).toBe(HASH_KEYS - 1n);
        for (let i = 1; i < ranges.length; i++) expect(ranges[i]!.start).toBe(ranges[i - 1]!.end + 1n);
        const owned = ranges.map((range) => shardsWithin(shards, range));
        expect(owned.flat().map((s) => s.shardId)).toEqual(shards.map((s) => s.shardId));
        expect(owned.flat().every((s) => s.fraction === 1)).toBe(true);
        const counts = owned.map((s) => s.length);
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200 },
    );
  });

  it('gives each of two owners its part of a shard that was merged across their border', () => {
    const [left, right] = cutOwnedRanges(evenShards(2), 2);
    const merged = evenShards(1);
    for (const range of [left!, right!]) {
      expect(shardsWithin(merged, range)).toEqual([{ shardId: 'shard-0', ...range, fraction: 0.5 }]);
    }
  });

  it('packs range starts as high and low halves', () => {
    const starts = packStarts([
      { start: 0n },
      { start: (1n << 64n) - 1n },
      { start: 1n << 64n },
      { start: HASH_KEYS - 1n },
    ]);
    const max = (1n << 64n) - 1n;
    expect([...starts]).toEqual([0n, 0n, 0n, max, 1n, 0n, max, max]);
  });
});
