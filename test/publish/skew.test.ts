/** The sketch of hot keys: one record in 64 is looked at, hot keys come out with their share, and memory is bounded. */
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import type { Batch } from '../../src/publish/batch.ts';
import { Skew } from '../../src/publish/skew.ts';
import { framesOf, hashKeyOf, record } from './frames.ts';

function batchOf(keys: readonly string[]): Batch {
  const frames = framesOf(keys.map((key) => record({ key, data: Buffer.from('{"a":1}') })));
  return {
    buffer: frames,
    bytes: frames.length,
    count: keys.length,
    payloadBytes: 0,
    failures: 0,
    isRetry: false,
  };
}
const hashOf = (key: string) => (hashKeyOf(record({ key })) >> 80n).toString(16).padStart(12, '0');

it('sums what each shard has acknowledged', () => {
  const skew = new Skew('none');
  skew.take('s0', 3, 30);
  skew.take('s1', 1, 10);
  skew.take('s0', 4, 40);
  expect(skew.counts().shards).toEqual([
    { shardId: 's0', records: 7, bytes: 70 },
    { shardId: 's1', records: 1, bytes: 10 },
  ]);
});

it.each([1, 7, 500, 6_000])('looks at one record in 64, in batches of %i', (size) => {
  const skew = new Skew('hashed');
  const batch = batchOf(Array.from({ length: size }, (_, i) => `k${i}`));
  const batches = Math.ceil(64_000 / size);
  for (let i = 0; i < batches; i++) skew.look('s0', batch);
  const { lookedAt } = skew.counts();
  expect(lookedAt).toBe(Math.floor((batches * size) / 64));
});

it('finds a key with 40 % of the records among 100,000 others, by its hash alone', () => {
  const skew = new Skew('hashed');
  const random = createRandom(7);
  for (let i = 0; i < 250; i++) {
    const keys = Array.from({ length: 500 }, () =>
      random() < 0.4 ? 'hot' : `cold-${Math.floor(random() * 100_000)}`,
    );
    skew.look('s0', batchOf(keys));
  }
  const { lookedAt, lookedAtBytes, keys } = skew.counts();
  expect(keys[0]).toMatchObject({ hash: hashOf('hot'), key: null, shardId: 's0', recordBytes: 10 });
  expect(keys[0]!.count / lookedAt).toBeGreaterThan(0.35);
  expect(keys[0]!.count / lookedAt).toBeLessThan(0.45);
  expect(lookedAtBytes).toBeGreaterThan(lookedAt * 10);
  // What is cold is never told as hot.
  expect(keys.slice(1).every(({ count }) => count / lookedAt < 0.01)).toBe(true);
  expect(keys.length).toBeLessThanOrEqual(8);
});

it('names keys where they may be shown', () => {
  const skew = new Skew('shown');
  skew.look('s0', batchOf(Array.from({ length: 64 }, () => 'käse')));
  expect(skew.counts().keys).toMatchObject([{ key: 'käse', hash: hashOf('käse'), count: 1 }]);
});

it('looks at no key where every record has one of its own', () => {
  const skew = new Skew('none');
  skew.look('s0', batchOf(Array.from({ length: 500 }, () => 'k')));
  expect(skew.counts()).toMatchObject({ lookedAt: 0, keys: [] });
});
