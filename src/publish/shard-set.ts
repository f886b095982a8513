/**
 * Shard set: the shards of one publisher as they are now, and the change to the next ones when the stream is resharded.
 * Takes  the shards of the publisher's range; later those that the sink has then.
 * Gives  for each shard its queue of batches and its pace.
 * Owns   queues, paces, requests in flight and what was acknowledged per shard.
 * Never  sends or asks: see publisher.ts and reshard.ts.
 */
import { type OwnedShard, type ShardRange, shardsWithin } from '../record/hash-range.ts';
import type { Batch, BatchLimits } from './batch.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { Codec } from './codec.ts';
import type { EntryForm } from './entries.ts';
import { laneOf } from './frame-walk.ts';
import { orderOf } from './order.ts';
import { ShardPace } from './pace.ts';
import type { PublishSetup } from './setup.ts';
import { ShardQueues } from './shard-queues.ts';
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

const UNBOUNDED = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };

export class ShardSet {
  queues: ShardQueues;
  /** How the records spread over all shards that there were. */
  readonly skew: Skew;
  readonly inFlight: number[] = [];
  #limits: BatchLimits;
  paces: ShardPace[];
  readonly #setup: PublishSetup;
  readonly #codec: Codec;
  readonly #pool: BufferPool;
  readonly #random: () => number;
  readonly #form: EntryForm | null;

  /** @param form In which the sink takes batches beside frames, or null. */
  constructor(
    setup: PublishSetup,
    codec: Codec,
    pool: BufferPool,
    nowMs: number,
    random: () => number,
    form: EntryForm | null = null,
  ) {
    this.#setup = setup;
    this.#form = orderOf(setup.rules).isOfFrames ? null : form;
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

  /** True when no record waits for any shard. */
  get isEmpty(): boolean {
    return this.queues.isEmpty;
  }

  /** From now on batches hold no more payload than this: something on the way takes no larger ones. */
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

  /** Milliseconds until the shard's pace lets the batch go; 0 = now. */
  paceDelayMs(shardIndex: number, batch: Batch, nowMs: number): number {
    return this.paces[shardIndex]!.delayMs(this.recordsOnWire(batch), batch.payloadBytes, nowMs);
  }

  /**
   * Switches to the sink's shards as they are now. Nothing may be in flight.
   * @param ahead Go before everything that waits. Their memory belongs to the queues afterwards.
   * @returns Whether the shards differ from before.
   */
  update(all: readonly ShardRange[], nowMs: number, ahead: readonly Batch[] = []): boolean {
    const shards = shardsWithin(all, this.#setup.ownedRange);
    const hasChanged =
      shards.length !== this.shards.length || shards.some((s, i) => s.shardId !== this.shards[i]!.shardId);
    const waiting = hasChanged ? this.queues.takeAll() : [];
    if (hasChanged) this.#replace(shards, nowMs);
    for (const batch of [...ahead, ...waiting]) this.#adopt(batch, nowMs);
    return hasChanged;
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
    const look = (shardId: string, batch: Batch) => this.skew.look(shardId, batch);
    return new ShardQueues(shards, this.#limits, this.#pool, look, this.#form);
  }

  #adopt(batch: Batch, nowMs: number): void {
    const frames = this.queues.framesOf(batch);
    this.queues.adopt(laneOf(frames), frames.byteLength, this.#codec, nowMs);
    this.#pool.give(batch.buffer);
  }

  #createPace(shard: OwnedShard, nowMs: number): ShardPace {
    const { traits, rules } = this.#setup;
    const share = shard.fraction * (1 - rules.headroom);
    const ceiling = traits.isOnDemand ? UNBOUNDED : traits.shardRate;
    return new ShardPace(ceiling, share, nowMs, this.#random, traits.shardRate);
  }
}

function batchLimits({ rules, traits }: PublishSetup): BatchLimits {
  const { aggregateBytesMax } = rules;
  const shardBytes = traits.shardRate.bytesPerSecond * BATCH_SECONDS_OF_SHARD;
  const requestBytes = Math.min(orderOf(rules).requestBytesMax, traits.requestBytesMax);
  if (aggregateBytesMax === null) {
    return {
      recordCountMax: Math.min(rules.batchRecordsMax, traits.requestRecordsMax),
      payloadBytesMax: Math.min(requestBytes, shardBytes),
    };
  }
  return {
    recordCountMax: AGGREGATED_BATCH_RECORDS,
    payloadBytesMax: Math.floor(Math.min(requestBytes * AGGREGATED_PAYLOAD_SHARE, shardBytes)),
  };
}
