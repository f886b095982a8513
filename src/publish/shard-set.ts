/**
 * Shard set: the shards of one publisher as they are now, and the change to the next ones when the stream is resharded.
 * Takes  the shards of the publisher's range; later the stream's new shard map.
 * Gives  for each shard its queue of batches and its pace.
 * Owns   queues, paces, requests in flight and what was acknowledged per shard, and the misrouted aggregated records.
 * Never  sends or asks the service: see publisher.ts.
 */
import { KINESIS } from '../base/limits.ts';
import { type OwnedShard, type ShardRange, shardsWithin } from '../record/hash-range.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Codec } from './codec.ts';
import { GOES, laneOf, markDropped, STAYS, type StoredAggregate } from './frame-walk.ts';
import { ShardPace } from './pace.ts';
import type { PublishSetup } from './setup.ts';
import { type Batch, type BatchLimits, ShardQueues } from './shard-queues.ts';
import { Skew } from './skew.ts';

/** With aggregation a batch holds at most this many records; more would not make requests cheaper. */
const AGGREGATED_BATCH_RECORDS = 32 * 1024;
/**
 * Payload of a batch is at most what a shard takes in this time, so that the pace stays smooth, and the batch in the processor's cache:
 * with batches of megabytes aggregation costs half as much again (docs/PERFORMANCE.md).
 */
const BATCH_SECONDS_OF_SHARD = 0.5;
/** Part of an aggregated record that is payload when its records are as small as records get. */
const AGGREGATED_PAYLOAD_SHARE = 0.5;

/** Aggregated records, one behind the other in a batch, that reached shards whose ranges their parts may not all lie in. */
interface Misrouted {
  readonly batch: Batch;
  readonly aggregates: readonly StoredAggregate[];
}

/** What a change of shards has done to the records of were misrouted aggregates. */
export interface ShardChange {
  readonly hasChanged: boolean;
  /** They go again: consumers drop their aggregate, or nobody knows its shard. */
  readonly resentCount: number;
  /** They are where consumers find them. */
  readonly settled: { readonly records: number; readonly bytes: number };
}

export class ShardSet {
  queues: ShardQueues;
  /** How the records spread over all shards that there were. */
  readonly skew: Skew;
  readonly inFlight: number[] = [];
  #limits: BatchLimits;
  paces: ShardPace[];
  #misrouted: Misrouted[] = [];
  readonly #setup: PublishSetup;
  readonly #codec: Codec;
  readonly #pool: BufferPool;
  readonly #random: () => number;

  constructor(setup: PublishSetup, codec: Codec, pool: BufferPool, nowMs: number, random: () => number) {
    this.#setup = setup;
    this.#codec = codec;
    this.#pool = pool;
    this.#random = random;
    this.skew = new Skew(setup.keyWatch ?? 'none');
    const shards = shardsWithin(setup.shards, setup.ownedRange);
    this.#limits = batchLimits(setup);
    this.queues = this.#createQueues(shards);
    this.paces = shards.map((shard) => this.#createPace(shard, nowMs));
    this.inFlight.push(...shards.map(() => 0));
  }

  get shards(): readonly OwnedShard[] {
    return this.queues.shards;
  }

  /** True when no record waits, not even one that were misrouted. */
  get isEmpty(): boolean {
    return this.queues.isEmpty && this.#misrouted.length === 0;
  }

  /** Whether aggregated records wait for the shard map. */
  get hasMisrouted(): boolean {
    return this.#misrouted.length > 0;
  }

  get misroutedBatches(): Batch[] {
    return this.#misrouted.map(({ batch }) => batch);
  }

  /** From now on batches hold no more payload than this: somebody on the way takes no larger ones. */
  limitPayload(bytesMax: number): void {
    if (bytesMax >= this.#limits.payloadBytesMax) return;
    this.#limits = { ...this.#limits, payloadBytesMax: bytesMax };
    this.queues.limitPayload(bytesMax);
  }

  /** Records that a batch counts for at the service, where an aggregated record is one. */
  recordsOnWire(batch: Batch): number {
    const { aggregateBytesMax } = this.#setup.rules;
    return aggregateBytesMax === null
      ? batch.count
      : Math.min(batch.count, 1 + Math.floor(batch.payloadBytes / aggregateBytesMax));
  }

  /** Keeps misrouted aggregated records until `update` tells which shard has which range. */
  keepMisrouted(batch: Batch, aggregates: readonly StoredAggregate[]): void {
    this.#misrouted.push({ batch, aggregates });
  }

  /**
   * Goes over to the stream's shards as they are now. Nothing may be in flight.
   * @param acknowledge Told the records of were misrouted aggregates that are where a consumer finds them, all or none of each: marks GOES.
   */
  update(
    all: readonly ShardRange[],
    nowMs: number,
    acknowledge: (frames: Uint8Array, count: number, marks: Uint8Array) => void,
  ): ShardChange {
    const shards = shardsWithin(all, this.#setup.ownedRange);
    const hasChanged =
      shards.length !== this.shards.length || shards.some((s, i) => s.shardId !== this.shards[i]!.shardId);
    const waiting = hasChanged ? this.queues.takeAll() : [];
    if (hasChanged) this.#replace(shards, nowMs);
    let resentCount = 0;
    const settled = { records: 0, bytes: 0 };
    for (const { batch, aggregates } of this.#misrouted.splice(0)) {
      const frames = batch.buffer.subarray(0, batch.bytes);
      const dropped = markDropped(frames, aggregates, all);
      const safe = dropped.map((mark) => (mark === GOES ? STAYS : GOES));
      acknowledge(frames, batch.count, safe);
      const again = this.#codec.select(frames, batch.count, dropped, GOES, batch.buffer);
      settled.records += batch.count - again.count;
      settled.bytes += batch.payloadBytes - again.payloadBytes;
      resentCount += again.count;
      this.#adopt(Object.assign(batch, again), nowMs);
    }
    for (const batch of waiting) this.#adopt(batch, nowMs);
    return { hasChanged, resentCount, settled };
  }

  #replace(shards: readonly OwnedShard[], nowMs: number): void {
    const before = this.shards;
    const pacesBefore = this.paces;
    this.queues = this.#createQueues(shards);
    this.paces = shards.map((shard) => {
      const pace = this.#createPace(shard, nowMs);
      for (const [i, old] of before.entries()) {
        if (old.start <= shard.end && shard.start <= old.end) pace.inherit(pacesBefore[i]!);
      }
      return pace;
    });
    this.inFlight.splice(0, this.inFlight.length, ...shards.map(() => 0));
  }

  #createQueues(shards: readonly OwnedShard[]): ShardQueues {
    return new ShardQueues(shards, this.#limits, this.#pool, (shardId, batch) =>
      this.skew.look(shardId, batch),
    );
  }

  #adopt(batch: Batch, nowMs: number): void {
    this.queues.adopt(laneOf(batch.buffer.subarray(0, batch.bytes)), batch.bytes, this.#codec, nowMs);
    this.#pool.give(batch.buffer);
  }

  #createPace(shard: OwnedShard, nowMs: number): ShardPace {
    const { traits, rules } = this.#setup;
    const share = shard.fraction * (1 - rules.headroom);
    const ceiling = traits.isOnDemand
      ? { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY }
      : { recordsPerSecond: KINESIS.shardRecordsPerSecond, bytesPerSecond: KINESIS.shardBytesPerSecond };
    return new ShardPace(ceiling, share, nowMs, this.#random);
  }
}

function batchLimits({ rules }: PublishSetup): BatchLimits {
  const { aggregateBytesMax } = rules;
  const shardBytes = KINESIS.shardBytesPerSecond * BATCH_SECONDS_OF_SHARD;
  if (aggregateBytesMax === null) {
    return {
      recordCountMax: rules.batchRecordsMax,
      payloadBytesMax: Math.min(rules.batchBytesMax, shardBytes),
    };
  }
  const requestBytes = rules.order === 'key' ? aggregateBytesMax : rules.batchBytesMax;
  return {
    recordCountMax: AGGREGATED_BATCH_RECORDS,
    payloadBytesMax: Math.floor(Math.min(requestBytes * AGGREGATED_PAYLOAD_SHARE, shardBytes)),
  };
}
