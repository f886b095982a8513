/** How records spread: the hottest shard over all publishers, and hot keys in the unit that fills a shard. */
import { expect, it } from 'vitest';
import { skewOf } from '../../src/observe/skew.ts';
import type { FrequentKey, SkewCounts } from '../../src/publish/skew.ts';

const SHARD_RATE = { recordsPerSecond: 1_000, bytesPerSecond: 1 << 20 };
const NOTHING: SkewCounts = { shards: [], lookedAt: 0, lookedAtBytes: 0, keys: [] };
const key = (hash: string, count: number, recordBytes = 100): FrequentKey => ({
  hash,
  key: null,
  shardId: 's0',
  count,
  recordBytes,
});

it('says nothing where nothing was delivered', () => {
  expect(skewOf([], 4, false, SHARD_RATE)).toBeNull();
  expect(skewOf([NOTHING], 4, false, SHARD_RATE)).toBeNull();
});

it('adds what two publishers have put to one shard', () => {
  const counts = [
    { ...NOTHING, shards: [{ shardId: 's0', records: 300, bytes: 30_000 }] },
    {
      ...NOTHING,
      shards: [
        { shardId: 's0', records: 300, bytes: 30_000 },
        { shardId: 's1', records: 400, bytes: 40_000 },
      ],
    },
  ];
  expect(skewOf(counts, 2, false, SHARD_RATE)).toEqual({
    unit: 'records',
    shards: 2,
    recordBytes: 100,
    hottestShard: { shardId: 's0', share: 0.6 },
    hotKeys: [],
  });
});

it('counts bytes where they fill a shard first: with large records, and with --aggregate', () => {
  const shards = [
    { shardId: 's0', records: 900, bytes: 900 * 100 },
    { shardId: 's1', records: 100, bytes: 100 * 9_100 },
  ];
  const counts = [{ ...NOTHING, shards }];
  expect(skewOf(counts, 2, false, SHARD_RATE)).toMatchObject({
    unit: 'records',
    hottestShard: { shardId: 's0' },
  });
  expect(skewOf(counts, 2, true, SHARD_RATE)).toMatchObject({
    unit: 'bytes',
    hottestShard: { shardId: 's1', share: 0.91 },
  });
  const large = [{ ...NOTHING, shards: [{ shardId: 's0', records: 10, bytes: 20_000 }] }];
  expect(skewOf(large, 1, false, SHARD_RATE)).toMatchObject({ unit: 'bytes' });
});

it('tells keys with half of a shard’s fair share or more, the hottest first, and only those seen often enough', () => {
  const shards = [{ shardId: 's0', records: 64_000, bytes: 6_400_000 }];
  const one = { shards, lookedAt: 600, lookedAtBytes: 60_000, keys: [key('aa', 150), key('bb', 70)] };
  const other = { ...NOTHING, lookedAt: 400, lookedAtBytes: 40_000, keys: [key('cc', 200), key('dd', 7)] };
  const found = skewOf([one, other], 4, false, SHARD_RATE)!;
  expect(found.hotKeys.map(({ hash, share }) => [hash, share])).toEqual([
    ['cc', 0.2],
    ['aa', 0.15],
  ]);
  expect(skewOf([one, other], 64, false, SHARD_RATE)!.hotKeys.map(({ hash }) => hash)).toEqual([
    'cc',
    'aa',
    'bb',
  ]);
});

it('says nothing of keys after a few looks', () => {
  const shards = [{ shardId: 's0', records: 2_000, bytes: 200_000 }];
  expect(
    skewOf([{ shards, lookedAt: 31, lookedAtBytes: 3_100, keys: [key('aa', 31)] }], 4, false, SHARD_RATE),
  ).toMatchObject({
    hotKeys: [],
  });
});
