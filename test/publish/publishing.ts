/** Publishing fixtures: setups, batches and answers for the tests of the publish stage. The clock and chance are the test's. */
import assert from 'node:assert/strict';
import type { Batch } from '../../src/publish/batch.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import type { Codec } from '../../src/publish/codec.ts';
import type { EntryForm } from '../../src/publish/entries.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { Refusals } from '../../src/publish/refusals.ts';
import { Reshard } from '../../src/publish/reshard.ts';
import { acknowledgeInto, type SettleParts } from '../../src/publish/settle.ts';
import type { PublishNotice, PublishRules, PublishSetup } from '../../src/publish/setup.ts';
import { ShardSet } from '../../src/publish/shard-set.ts';
import { type MisroutedAggregate, type PutAnswer, type SinkTraits, VERDICT } from '../../src/publish/sink.ts';
import { createStats, statsRow } from '../../src/publish/stats.ts';
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

/** A sink that takes what it is given, and requests as large as a stream's. */
export const TRAITS: SinkTraits = {
  isOnDemand: true,
  isAutoDistributed: false,
  recordBytesMax: 1024 * 1024,
  keyCharsMax: 256,
  requestRecordsMax: 500,
  requestBytesMax: 10 * 1024 * 1024,
  shardRate: { recordsPerSecond: 1000, bytesPerSecond: 1024 * 1024 },
};

export const RULES: PublishRules = {
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
    streamName: 's',
    traits: TRAITS,
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
  readonly reshard: Reshard;
  /** Asks what the shards are now: these. @returns What was posted about it. */
  readonly reshardTo: (shards: readonly ShardRange[]) => Promise<PublishNotice[]>;
  readonly stats: Float64Array;
  readonly acknowledged: Int32Array;
  readonly acknowledging: Pick<SettleParts, 'acknowledge' | 'acknowledgeRuns' | 'acknowledgeEntries'>;
}

/** @param form In which batches are filled; default: frames. */
export function shardSetOf(codec: Codec, setup: PublishSetup, form: EntryForm | null = null): Bench {
  const pool = new BufferPool(setup.bufferBytesMax);
  const shardSet = new ShardSet(setup, codec, pool, 0, () => 0.5, form);
  const counters = countersOf(setup.slices);
  const { acknowledged } = counters;
  const acknowledging = acknowledgeInto(counters, codec);
  const stats = statsRow(setup.stats, 0);
  let shards: readonly ShardRange[] = [];
  let asked = Promise.withResolvers<void>();
  const notices: PublishNotice[] = [];
  const reshard = new Reshard({
    ...{ ...acknowledging, setup, shardSet, codec, stats },
    sink: { partitions: async () => [...shards] },
    refusals: new Refusals(shardSet, () => 0),
    post: (notice) => notices.push(notice),
    nowMs: () => 0,
    onHopeless: (error) => notices.push({ kind: 'failed', error: error.toWire() }),
    onAsked: () => asked.resolve(),
  });
  let nowMs = 0;
  const reshardTo = async (next: readonly ShardRange[]) => {
    shards = next;
    asked = Promise.withResolvers<void>();
    reshard.note();
    nowMs += 10_000;
    reshard.advance(nowMs, 0);
    await asked.promise;
    return notices.splice(0);
  };
  return { setup, pool, shardSet, reshard, reshardTo, acknowledged, acknowledging, stats };
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

/** A batch of these records as it comes out of a lane; they fill one. */
export function filledOf(codec: Codec, { shardSet }: Bench, records: readonly TestRecord[]): Batch {
  const lane = laneOf(framesOf(records));
  const { queues } = shardSet;
  for (;;) {
    const { status, shardIndex, needBytes } = codec.drain(lane, queues.table);
    if (status === 'empty') break;
    assert(queues.makeRoom(shardIndex, needBytes, 0));
  }
  queues.close(0);
  return queues.shift(0);
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
      failedCode: verdicts.includes(VERDICT.FAILED) ? 'InternalFailure' : null,
      failedMessage: null,
    },
    frameVerdicts: Uint8Array.from(verdicts),
    frames: batch.count,
    framesBytes: batch.bytes,
    misrouted,
  };
}
