import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { laneOf, readRefused } from '../../src/publish/frame-walk.ts';
import { CBOR_ENTRIES } from '../../src/publish/kinesis/body.ts';
import { ShardQueues } from '../../src/publish/shard-queues.ts';
import { shardsWithin } from '../../src/record/hash-range.ts';
import { codecs } from './codecs.ts';
import { framesOf, record, type TestRecord } from './frames.ts';
import { evenShards, HASH_KEYS } from './publishing.ts';

const KIB64 = 64 * 1024;
const EVERYTHING = { start: 0n, end: HASH_KEYS - 1n };

const forms = codecs.flatMap((codec) => [
  { codec, kind: codec.kind, form: null, what: 'frames' },
  { codec, kind: codec.kind, form: CBOR_ENTRIES, what: 'entries' },
]);

describe.each(forms)('ShardQueues of $what with the $kind codec', ({ codec, form }) => {
  function start(limits = {}, budgetBytes = 1 << 24, shardCount = 1) {
    const pool = new BufferPool(budgetBytes);
    const shards = shardsWithin(evenShards(shardCount), EVERYTHING);
    const all = { recordCountMax: 500, payloadBytesMax: 1 << 20, ...limits };
    return { pool, queues: new ShardQueues(shards, all, pool, undefined, form) };
  }
  /** Drains as a publisher does. @returns How often room was made; null where it was refused. */
  function fill(queues: ShardQueues, records: readonly TestRecord[]): number | null {
    const lane = laneOf(framesOf(records));
    for (let rooms = 0; ; rooms++) {
      const result = codec.drain(lane, queues.table);
      if (result.status !== 'shard-full') return rooms;
      if (!queues.makeRoom(result.shardIndex, result.needBytes, 0)) return null;
    }
  }
  function empty(queues: ShardQueues, shardIndex = 0): number[][] {
    const batches: number[][] = [];
    queues.close(shardIndex);
    while (queues.peek(shardIndex)) {
      const batch = queues.shift(shardIndex);
      queues.toFrames(shardIndex, batch);
      batches.push(readRefused(batch, '').map((r) => r.objectOffset));
      queues.release(shardIndex, batch);
    }
    return batches;
  }
  const small = (count: number, fields: Partial<TestRecord> = {}) =>
    Array.from({ length: count }, (_, i) => record({ lineOffset: i, ...fields }));

  it.each([
    { count: 499, sizes: [499] },
    { count: 500, sizes: [500] },
    { count: 501, sizes: [500, 1] },
  ])('packs $count records into batches of $sizes', ({ count, sizes }) => {
    const { pool, queues } = start();
    fill(queues, small(count));
    const batches = empty(queues);
    expect(batches.map((b) => b.length)).toEqual(sizes);
    expect(batches.flat()).toEqual(Array.from({ length: count }, (_, i) => i));
    expect([pool.outBytes, queues.isEmpty]).toEqual([0, true]);
  });

  it.each([
    { name: 'at the limit of payload', bytesMax: 20, sizes: [2] },
    { name: 'one byte under it', bytesMax: 19, sizes: [1, 1] },
    { name: 'alone above it', bytesMax: 5, sizes: [1, 1] },
  ])('packs two records of ten bytes $name', ({ bytesMax, sizes }) => {
    const { queues } = start({ payloadBytesMax: bytesMax });
    fill(queues, small(2, { data: Buffer.alloc(9) }));
    expect(empty(queues).map((b) => b.length)).toEqual(sizes);
  });

  it('grows an open batch instead of closing it', () => {
    const { pool, queues } = start();
    fill(queues, small(100, { data: Buffer.alloc(2_000) }));
    expect(pool.outBytes).toBe(4 * KIB64);
    expect(empty(queues).map((b) => b.length)).toEqual([100]);
    expect(pool.outBytes).toBe(0);
  });

  it('stops a shard at its share of the memory, and takes more once a batch is released', () => {
    const { pool, queues } = start({ recordCountMax: 1 }, 4 * KIB64, 2);
    const left = { explicitHashKey: 0n };
    expect(fill(queues, small(3, left))).toBeNull();
    expect(pool.outBytes).toBe(2 * KIB64);
    // The other shard still has its own share.
    expect(fill(queues, small(2, { explicitHashKey: HASH_KEYS - 1n }))).toBe(2);
    queues.release(0, queues.shift(0));
    expect(fill(queues, small(1, left))).toBe(1);
  });

  it('lends a full shard two thirds of the memory while the others need little, and leaves them the rest', () => {
    const { pool, queues } = start({ recordCountMax: 1 }, 12 * KIB64, 4);
    const left = { explicitHashKey: 0n };
    const right = { explicitHashKey: HASH_KEYS - 1n };
    expect(fill(queues, small(9, left))).toBeNull();
    expect(pool.outBytes).toBe(8 * KIB64);
    expect(fill(queues, small(3, right))).toBe(3);
    // What the others hold is no longer free, so the full shard waits until it has its share alone.
    for (let released = 0; released < 5; released++) {
      queues.release(0, queues.shift(0));
      if (released === 0) expect(fill(queues, small(1, left))).toBeNull();
    }
    expect(fill(queues, small(1, left))).toBe(1);
  });

  it('merges a refused batch into the open one only where it fits', () => {
    for (const { countMax, isMerged } of [
      { countMax: 4, isMerged: true },
      { countMax: 3, isMerged: false },
    ]) {
      const { pool, queues } = start({ recordCountMax: countMax });
      fill(queues, small(2));
      queues.close(0);
      const refused = queues.shift(0);
      fill(queues, small(2));
      expect(queues.mergeIntoOpen(0, refused)).toBe(isMerged);
      if (!isMerged) queues.unshift(0, refused);
      expect(empty(queues).flat()).toHaveLength(4);
      expect(pool.outBytes).toBe(0);
    }
  });

  it.each([
    { name: 'where both fit', countMax: 4, failures: 0, isMerged: true },
    { name: 'not over the count of a request', countMax: 3, failures: 0, isMerged: false },
    {
      name: 'not with records that failed another number of times',
      countMax: 4,
      failures: 1,
      isMerged: false,
    },
  ])('merges a refused batch into the first that waits, $name', ({ countMax, failures, isMerged }) => {
    const { pool, queues } = start({ recordCountMax: countMax });
    for (const offset of [0, 2]) {
      fill(
        queues,
        [offset, offset + 1].map((lineOffset) => record({ lineOffset })),
      );
      queues.close(0);
    }
    const [refused, waiting] = [queues.shift(0), queues.peek(0)!];
    refused.isRetry = true;
    refused.failures = failures;
    expect(queues.mergeIntoFirst(0, refused)).toBe(isMerged);
    expect([waiting.count, waiting.isRetry]).toEqual(isMerged ? [4, true] : [2, false]);
    if (!isMerged) queues.unshift(0, refused);
    expect(empty(queues).flat().sort()).toEqual([0, 1, 2, 3]);
    expect(pool.outBytes).toBe(0);
  });

  it('merges a refused batch into none where none waits', () => {
    const { queues } = start();
    fill(queues, small(2));
    queues.close(0);
    expect(queues.mergeIntoFirst(0, queues.shift(0))).toBe(false);
  });

  it('gives every byte back when all is taken out, an open batch without a record included', () => {
    const { pool, queues } = start();
    queues.makeRoom(0, 100, 0);
    expect(pool.outBytes).toBe(KIB64);
    expect(queues.takeAll()).toEqual([]);
    expect(pool.outBytes).toBe(0);
  });

  it('adopts the frames of other shards in order, over any budget', () => {
    const { pool, queues } = start({}, 1, 2);
    const records = Array.from({ length: 3_000 }, (_, i) => record({ key: `k${i}`, lineOffset: i }));
    const frames = framesOf(records);
    queues.adopt(laneOf(frames), frames.byteLength, codec, 5);
    expect(queues.openedAtMs(0)).toBe(5);
    const both = [empty(queues, 0).flat(), empty(queues, 1).flat()];
    for (const offsets of both) expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(both.flat().sort((a, b) => a - b)).toEqual(records.map((r) => r.lineOffset));
    expect(pool.outBytes).toBe(0);
  });
});
