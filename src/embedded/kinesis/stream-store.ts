/**
 * StreamStore: what one stream holds: shards, their records, what has been trimmed.
 * Takes  Batches: request bodies with an index of their records, sorted by shard.
 * Gives  Runs: the records of one request in one shard, in order; positions are counters from 1.
 * Owns   request bodies. Nothing is copied on the way in: a record is three places in the body of the request that brought it.
 *        When a body is trimmed it goes back to the pool, so whoever reads a run copies before it lets go of the thread.
 * Never  knows a protocol, a limit or a fault.
 */
import { KINESIS } from '../../base/limits.ts';
import { toWords } from './hash-key.ts';

/** u32 columns of one record in an index. A record without an explicit hash key has HASH_BYTES 0. */
export const COLUMN = {
  DATA_AT: 0,
  DATA_BYTES: 1,
  KEY_AT: 2,
  KEY_BYTES: 3,
  HASH_AT: 4,
  HASH_BYTES: 5,
  COUNT: 6,
} as const;

/** Digits of the counter at the end of a sequence number; what stands before it is the shard's own and constant. */
export const COUNTER_DIGITS = 14;

/** The records of one request that one shard took. */
export interface Run {
  readonly body: Buffer;
  /** COLUMN.COUNT words per record, for the whole request. */
  readonly index: Uint32Array;
  /** First record of this run in `index`. */
  readonly from: number;
  readonly count: number;
  readonly firstCounter: number;
  readonly arrivedAtMs: number;
}

interface Delivery {
  readonly body: Buffer;
  readonly bytes: number;
  readonly records: number;
  readonly arrivedAtMs: number;
  readonly shards: readonly Shard[];
}

export class Shard {
  readonly shardId: string;
  readonly ordinal: number;
  readonly startKey: bigint;
  readonly endKey: bigint;
  readonly parents: readonly string[];
  readonly createdAtMs: number;
  /** Sequence numbers of this shard up to their counter: 56 digits in all, as the service's, and above the parents'. */
  readonly sequencePrefix: string;
  closedAtMs: number | null = null;
  children: Shard[] = [];
  /** Counter of the record stored last; counters start at 1. */
  lastCounter = 0;
  bytes = 0;
  throttled = 0;
  #runs: Run[] = [];
  #firstRun = 0;

  constructor(ordinal: number, startKey: bigint, endKey: bigint, parents: readonly Shard[], nowMs: number) {
    this.ordinal = ordinal;
    this.shardId = `shardId-${String(ordinal).padStart(12, '0')}`;
    this.startKey = startKey;
    this.endKey = endKey;
    this.parents = parents.map((parent) => parent.shardId);
    this.createdAtMs = nowMs;
    const born = String(Math.trunc(nowMs)).padStart(13, '0');
    this.sequencePrefix = `49${born}${'0'.repeat(21)}${String(ordinal).padStart(6, '0')}`;
  }

  sequenceNumber(counter: number): string {
    return this.sequencePrefix + String(counter).padStart(COUNTER_DIGITS, '0');
  }

  /** The counter in a sequence number of this shard, or `undefined` where it is not one. */
  counterOf(sequenceNumber: string): number | undefined {
    const digits = sequenceNumber.slice(this.sequencePrefix.length);
    if (!sequenceNumber.startsWith(this.sequencePrefix) || !/^\d{14}$/.test(digits)) return undefined;
    return Number(digits);
  }

  append(run: Run): void {
    this.#runs.push(run);
  }

  dropOldestRun(): void {
    this.#firstRun++;
    if (this.#firstRun > 1024 && this.#firstRun * 2 > this.#runs.length) {
      this.#runs = this.#runs.slice(this.#firstRun);
      this.#firstRun = 0;
    }
  }

  /** Counter of the oldest record that is still here, or of the next one to come. */
  get firstCounter(): number {
    return this.#runs[this.#firstRun]?.firstCounter ?? this.lastCounter + 1;
  }

  /** Runs from the one that holds `counter`, or the first behind it, on. */
  *runsFrom(counter: number): Generator<Run> {
    yield* this.#runsFrom((run) => run.firstCounter + run.count > counter);
  }

  /** Counter of the first record that arrived at or after a time. */
  counterAt(timeMs: number): number {
    for (const run of this.#runsFrom((candidate) => candidate.arrivedAtMs >= timeMs)) return run.firstCounter;
    return this.lastCounter + 1;
  }

  *#runsFrom(isLate: (run: Run) => boolean): Generator<Run> {
    let low = this.#firstRun;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isLate(this.#runs[middle]!)) high = middle;
      else low = middle + 1;
    }
    for (let at = low; at < this.#runs.length; at++) yield this.#runs[at]!;
  }
}

export interface StreamSettings {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
}

export class Stream {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
  status: 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' = 'ACTIVE';
  /** When a change that is under way ends. */
  busyUntilMs = 0;
  mode: 'PROVISIONED' | 'ON_DEMAND' = 'PROVISIONED';
  distribution: 'USER_PARTITION_KEY' | 'AUTO' | undefined;
  recordBytesMax: number = KINESIS.recordBytesDefault;
  retentionHours = 24;
  readonly shards: Shard[] = [];
  /** Open shards in the order of their hash keys, and where each starts (four words per shard). */
  openShards: readonly Shard[] = [];
  starts = new Uint32Array(0);
  trimmedRecords = 0;
  heldBytes = 0;
  #deliveries: Delivery[] = [];
  #firstDelivery = 0;

  constructor(settings: StreamSettings) {
    this.name = settings.name;
    this.arn = settings.arn;
    this.createdAtMs = settings.createdAtMs;
  }

  addShard(startKey: bigint, endKey: bigint, parents: readonly Shard[], nowMs: number): Shard {
    const shard = new Shard(this.shards.length, startKey, endKey, parents, nowMs);
    this.shards.push(shard);
    for (const parent of parents) {
      parent.children.push(shard);
      parent.closedAtMs ??= nowMs;
    }
    return shard;
  }

  /** Call after shards were added: routing follows the open ones. */
  reroute(): void {
    const open = this.shards.filter((shard) => shard.closedAtMs === null);
    open.sort((a, b) => (a.startKey < b.startKey ? -1 : 1));
    this.openShards = open;
    this.starts = new Uint32Array(open.length * 4);
    for (const [i, shard] of open.entries()) this.starts.set(toWords(shard.startKey), i * 4);
  }

  /** Takes a request's runs. They must have been appended to their shards. */
  hold(delivery: Delivery): void {
    this.#deliveries.push(delivery);
    this.heldBytes += delivery.bytes;
  }

  /**
   * Drops the oldest requests until at most `heldBytesMax` bytes of bodies are held and none is older than the retention period.
   * @returns The bodies that nobody refers to any longer.
   */
  trim(heldBytesMax: number, nowMs: number): Buffer[] {
    const freed: Buffer[] = [];
    const oldestMs = nowMs - this.retentionHours * 3_600_000;
    for (;;) {
      const oldest = this.#deliveries[this.#firstDelivery];
      if (oldest === undefined || (this.heldBytes <= heldBytesMax && oldest.arrivedAtMs >= oldestMs)) break;
      this.#firstDelivery++;
      this.heldBytes -= oldest.bytes;
      this.trimmedRecords += oldest.records;
      for (const shard of oldest.shards) shard.dropOldestRun();
      freed.push(oldest.body);
    }
    if (this.#firstDelivery > 1024 && this.#firstDelivery * 2 > this.#deliveries.length) {
      this.#deliveries = this.#deliveries.slice(this.#firstDelivery);
      this.#firstDelivery = 0;
    }
    return freed;
  }
}
