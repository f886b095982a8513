import { describe, expect, it } from 'vitest';
import { readRefused } from '../../src/publish/frame-walk.ts';
import type { PublishSetup } from '../../src/publish/setup.ts';
import { codecs } from './codecs.ts';
import { hashKeyOf, record, type TestRecord } from './frames.ts';
import { type Bench, batchOf, evenShards, HASH_KEYS, setupOf, shardSetOf, TRAITS } from './publishing.ts';

const HALF = HASH_KEYS / 2n;
const LEFT = { start: 0n, end: HALF - 1n };

/** Offsets of the records that wait for a shard, in order; their memory is given back. */
function waitingOf({ shardSet: { queues } }: Bench, shardIndex: number): number[] {
  queues.close(shardIndex);
  const offsets: number[] = [];
  while (queues.peek(shardIndex)) {
    const batch = queues.shift(shardIndex);
    offsets.push(...readRefused(batch, '').map(({ objectOffset }) => objectOffset));
    queues.release(shardIndex, batch);
  }
  return offsets;
}

describe.each(codecs)('ShardSet with the $kind codec', (codec) => {
  const start = (
    shardCount: number,
    rules: Parameters<typeof setupOf>[1] = {},
    rest: Partial<PublishSetup> = {},
  ) => shardSetOf(codec, setupOf(evenShards(shardCount), rules, rest));
  /** Records with keys of their own, in one batch of shard 0. */
  function queue(bench: Bench, count: number, from = 0): TestRecord[] {
    const records = Array.from({ length: count }, (_, i) =>
      record({ key: `k${from + i}`, lineOffset: from + i, slice: 0 }),
    );
    bench.shardSet.queues.unshift(0, batchOf(bench, records));
    return records;
  }

  it('has a queue and a pace for each shard that meets its range, cut to it', () => {
    const { shardSet } = start(3, {}, { ownedRange: LEFT });
    expect(shardSet.shards.map(({ shardId }) => shardId)).toEqual(['shard-0', 'shard-1']);
    expect([shardSet.paces.length, shardSet.inFlight, shardSet.isEmpty]).toEqual([2, [0, 0], true]);
    expect(shardSet.shards[1]!.fraction).toBeCloseTo(0.5);
    expect(shardSet.shards[1]!.end).toBe(LEFT.end);
  });

  it.each([
    { name: 'a provisioned shard', isOnDemand: false, headroom: 0, burst: 1_000 },
    { name: 'a provisioned shard of which others get 30 %', isOnDemand: false, headroom: 0.3, burst: 700 },
    { name: 'an on-demand shard', isOnDemand: true, headroom: 0.3, burst: Number.POSITIVE_INFINITY },
  ])('paces $name', ({ isOnDemand, headroom, burst }) => {
    const traits = { ...TRAITS, isOnDemand };
    const [pace] = start(1, { headroom }, { traits }).shardSet.paces;
    expect(pace!.delayMs(1, 1, 0)).toBe(0);
    if (burst === Number.POSITIVE_INFINITY) pace!.take(1e9, 1e12, 0);
    else pace!.take(burst, 0, 0);
    expect(pace!.delayMs(1, 0, 0) > 0).toBe(burst !== Number.POSITIVE_INFINITY);
  });

  it.each([
    { aggregateBytesMax: null, count: 9, payloadBytes: 100_000, onWire: 9 },
    { aggregateBytesMax: 51_200, count: 9, payloadBytes: 51_199, onWire: 1 },
    { aggregateBytesMax: 51_200, count: 9, payloadBytes: 51_200, onWire: 2 },
    { aggregateBytesMax: 51_200, count: 1, payloadBytes: 900_000, onWire: 1 },
  ])(
    'counts a batch of $count records and $payloadBytes bytes as $onWire, aggregates of $aggregateBytesMax',
    (one) => {
      const { aggregateBytesMax, count, payloadBytes, onWire } = one;
      const { shardSet } = start(1, { aggregateBytesMax });
      const batch = { buffer: new Uint8Array(0), bytes: 0, failures: 0, isRetry: false, count, payloadBytes };
      expect(shardSet.recordsOnWire(batch)).toBe(onWire);
    },
  );

  it('leaves everything as it is where the shards are the same', () => {
    const bench = start(2);
    const queues = bench.shardSet.queues;
    queue(bench, 3);
    expect(bench.shardSet.update(evenShards(2), 0)).toBe(false);
    expect(bench.shardSet.queues).toBe(queues);
    expect(waitingOf(bench, 0)).toEqual([0, 1, 2]);
  });

  it('moves what waits to the shards of a split, in order, and gives the memory of the old queues back', () => {
    const bench = start(1);
    const later = queue(bench, 500, 500);
    const records = [...queue(bench, 500), ...later];
    expect(bench.shardSet.update(evenShards(2), 0)).toBe(true);
    expect(bench.shardSet.inFlight).toEqual([0, 0]);
    for (const [index, isLeft] of [true, false].entries()) {
      const wanted = records.filter((one) => hashKeyOf(one) < HALF === isLeft);
      expect(waitingOf(bench, index)).toEqual(wanted.map(({ lineOffset }) => lineOffset));
    }
    expect([bench.shardSet.isEmpty, bench.pool.outBytes]).toEqual([true, 0]);
  });

  it('keeps its part of a shard that was merged with another publisher’s, and that part of its pace', () => {
    const traits = { ...TRAITS, isOnDemand: false };
    const bench = start(4, {}, { ownedRange: LEFT, traits });
    bench.shardSet.update(evenShards(1), 0);
    const [shard] = bench.shardSet.shards;
    expect([bench.shardSet.shards.length, shard!.fraction, shard!.end]).toEqual([1, 0.5, LEFT.end]);
    bench.shardSet.paces[0]!.take(500, 0, 0);
    expect(bench.shardSet.paces[0]!.delayMs(500, 0, 0)).toBeCloseTo(1_000);
  });

  it('hands a pace on to the shards that have the same hash keys, and to no other', () => {
    const bench = start(2);
    bench.shardSet.paces[0]!.onAnswer({ records: 0, bytes: 0 }, 500, 250);
    bench.shardSet.update(evenShards(4), 250);
    expect(bench.shardSet.paces.map(({ factor }) => factor)).toEqual([0.5, 0.5, 1, 1]);
    // The ceiling that was learned goes on as well; the others still have none.
    for (const [i, pace] of bench.shardSet.paces.entries()) {
      pace.take(1e6, 0, 250);
      expect(pace.delayMs(500, 0, 2_000) > 0, `shard ${i}`).toBe(i < 2);
    }
  });

  it('goes on with a merged shard as with the slowest of those that it follows', () => {
    const bench = start(2);
    bench.shardSet.paces[1]!.onAnswer({ records: 0, bytes: 0 }, 500, 250);
    bench.shardSet.update(evenShards(1), 250);
    expect(bench.shardSet.paces.map(({ factor }) => factor)).toEqual([0.5]);
  });

  it.each([
    { name: 'alone: 500 records', rules: {}, dataBytes: 10, sizes: [500, 100] },
    { name: 'alone: half a second of a shard’s bytes', rules: {}, dataBytes: 10_479, sizes: [50, 50] },
    {
      name: 'in order and aggregated: one aggregate',
      rules: { order: 'key', aggregateBytesMax: 51_200 } as const,
      dataBytes: 2_550,
      sizes: [10, 10],
    },
  ])('closes batches of records that travel $name', ({ rules, dataBytes, sizes }) => {
    const bench = start(1, rules);
    const { queues } = bench.shardSet;
    const count = sizes[0]! + sizes[1]!;
    const records = Array.from({ length: count }, (_, i) => {
      const key = String(i).padStart(6, '0');
      return record({ key, lineOffset: i, data: Buffer.alloc(dataBytes) });
    });
    const batch = batchOf(bench, records);
    queues.unshift(0, batch);
    // A change of shards sorts everything anew, within the limits of a batch.
    bench.shardSet.update(
      evenShards(1).map((shard) => ({ ...shard, shardId: 'next' })),
      0,
    );
    const after = bench.shardSet.queues;
    after.close(0);
    const found: number[] = [];
    while (after.peek(0)) {
      const one = after.shift(0);
      found.push(one.count);
      after.release(0, one);
    }
    expect(found).toEqual(sizes);
  });
});
