/** Publishing fixtures: setups, batches and answers for the tests of the publish stage. The clock and chance are the test's. */
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { type Codec, VERDICT } from '../../src/publish/codec.ts';
import type { MisroutedAggregate, PutAnswer } from '../../src/publish/kinesis/put-records.ts';
import type { PublishRules, PublishSetup } from '../../src/publish/setup.ts';
import type { Batch } from '../../src/publish/shard-queues.ts';
import { ShardSet } from '../../src/publish/shard-set.ts';
import { createStats } from '../../src/publish/stats.ts';
import type { ShardRange } from '../../src/record/hash-range.ts';
import { countersOf, createSlices } from '../../src/ring/slices.ts';
import { createDoorbells } from '../../src/ring/wait.ts';
import { framesOf, type TestRecord } from './frames.ts';

export const HASH_KEYS = 1n << 128n;

/** `count` open shards of equal ranges: shard-0, shard-1, ... */
export function evenShards(count: number): ShardRange[] {
  return Array.from({ length: count }, (_, i) => ({
    shardId: `shard-${i}`,
    start: (HASH_KEYS * BigInt(i)) / BigInt(count),
    end: (HASH_KEYS * BigInt(i + 1)) / BigInt(count) - 1n,
  }));
}

export const RULES: PublishRules = {
  wire: 'cbor',
  inFlightMax: 4,
  batchRecordsMax: 500,
  batchBytesMax: 1024 * 1024,
  aggregateBytesMax: null,
  order: 'none',
  headroom: 0,
  recordsPerSecondMax: Number.POSITIVE_INFINITY,
  bytesPerSecondMax: Number.POSITIVE_INFINITY,
  lingerMs: 100,
  requestTimeoutMs: 5_000,
  unavailableMs: 60_000,
  recordFailuresMax: 5,
};

export function setupOf(
  shards: readonly ShardRange[],
  rules: Partial<PublishRules> = {},
  rest: Partial<PublishSetup> = {},
): PublishSetup {
  return {
    publisherIndex: 0,
    target: { name: 's', id: 'arn:s', region: null, profile: null, endpoint: null },
    traits: { isOnDemand: true, isAutoDistributed: false, recordBytesMax: 1024 * 1024 },
    rules: { ...RULES, ...rules },
    ownedRange: { start: 0n, end: HASH_KEYS - 1n },
    shards,
    lanes: [],
    doorbells: createDoorbells(1),
    control: new SharedArrayBuffer(4),
    slices: createSlices(1),
    digestKey: new Uint8Array(16),
    stats: createStats(1),
    heartbeats: new SharedArrayBuffer(64),
    heartIndex: 0,
    bufferBytesMax: 64 * 1024 * 1024,
    scanner: 'portable',
    seed: 1,
    ...rest,
  };
}

export interface Bench {
  readonly setup: PublishSetup;
  readonly pool: BufferPool;
  readonly shardSet: ShardSet;
  readonly acknowledged: Int32Array;
}

export function shardSetOf(codec: Codec, setup: PublishSetup): Bench {
  const pool = new BufferPool(setup.bufferBytesMax);
  return {
    setup,
    pool,
    shardSet: new ShardSet(setup, codec, pool, 0, () => 0.5),
    acknowledged: countersOf(setup.slices).acknowledged,
  };
}

/** A batch of these records as the publisher would have shifted it. */
export function batchOf(bench: Bench, records: readonly TestRecord[], shardIndex = 0, failures = 0): Batch {
  const frames = framesOf(records);
  const plain = {
    buffer: frames,
    bytes: 0,
    count: 0,
    payloadBytes: 0,
    failures,
    isRetry: false,
  };
  const batch = bench.shardSet.queues.fork(shardIndex, frames.byteLength, plain);
  batch.buffer.set(frames);
  batch.bytes = frames.byteLength;
  batch.count = records.length;
  batch.payloadBytes = records.reduce((sum, r) => sum + r.data.length + Buffer.byteLength(r.key), 0);
  return batch;
}

export function answerOf(
  batch: Batch,
  verdicts: readonly number[],
  misrouted: readonly MisroutedAggregate[] = [],
): PutAnswer {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  for (const verdict of verdicts) counts[verdict]!++;
  return {
    verdict: {
      counts,
      misroutedShardIds: verdicts.filter((verdict) => verdict === VERDICT.MISROUTED).map(() => 'shard-9'),
      failedCode: verdicts.includes(VERDICT.FAILED) ? 'InternalFailure' : null,
      failedMessage: null,
    },
    frameVerdicts: Uint8Array.from(verdicts),
    frames: batch.count,
    framesBytes: batch.bytes,
    misrouted,
  };
}
