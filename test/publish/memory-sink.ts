/** A second sink, in memory: what a publisher may expect of any. What becomes of requests and records is the test's script. */

import type { Batch } from '../../src/publish/batch.ts';
import { readRefused } from '../../src/publish/frame-walk.ts';
import {
  type PutAnswer,
  type RequestFailure,
  type Sink,
  type SinkAddress,
  type SinkFacts,
  type SinkProbe,
  type SinkTraits,
  VERDICT,
} from '../../src/publish/sink.ts';
import { hashKeyOf } from '../../src/record/hash-key.ts';
import type { OwnedShard, ShardRange } from '../../src/record/hash-range.ts';
import { evenShards, TRAITS } from './publishing.ts';

export interface MemoryRecord {
  readonly key: string;
  readonly data: string;
  readonly hashKey: bigint;
}

export interface StoredRecord extends MemoryRecord {
  readonly shardId: string;
  /** Which aggregate it came in, or -1. */
  readonly aggregate: number;
}

/** A request that fails as a whole. */
export class MemoryFailure extends Error {
  readonly failure: RequestFailure;
  /** Its records are stored all the same. */
  readonly isStored: boolean;
  constructor(failure: RequestFailure, isStored = false) {
    super(failure.kind);
    this.failure = failure;
    this.isStored = isStored;
  }
}

export interface Script {
  /** Why a request fails, or null. @param index Of the request, from 0. */
  readonly request?: (index: number, records: readonly MemoryRecord[]) => MemoryFailure | Error | null;
  /** THROTTLED, FAILED, or STORED. @param index Of the record among all that were ever sent, from 0. */
  readonly record?: (index: number, record: MemoryRecord) => number;
  /** So many neighbouring records travel as one. Default: each alone. */
  readonly aggregateRecords?: number;
  readonly traits?: Partial<SinkTraits>;
}

const BIRTH: SinkFacts['birth'] = { createdAtMs: 1, streamId: null };

export class MemorySink implements Sink, SinkProbe {
  shards: readonly ShardRange[];
  readonly stored: StoredRecord[] = [];
  /** Records of each request that arrived. */
  readonly requests: number[] = [];
  inFlightMax = 0;
  isClosed = false;
  birth = BIRTH;
  #inFlight = 0;
  #records = 0;
  #aggregates = 0;
  readonly #script: Script;

  constructor(shardCount: number, script: Script = {}) {
    this.shards = evenShards(shardCount);
    this.#script = script;
  }

  get traits(): SinkTraits {
    return { ...TRAITS, ...this.#script.traits };
  }

  /** Cuts every shard in two. The new ones have other names. */
  split(): void {
    this.shards = evenShards(this.shards.length * 2).map((one) => ({
      ...one,
      shardId: `half-${one.shardId}`,
    }));
  }

  /** What a consumer is shown: an aggregate with one record outside its shard's range is dropped as a whole. */
  shown(): StoredRecord[] {
    const ranges = new Map(
      [...this.shards, ...evenShards(this.shards.length / 2)].map((one) => [one.shardId, one]),
    );
    const isInside = ({ shardId, hashKey }: StoredRecord) => {
      const { start, end } = ranges.get(shardId)!;
      return hashKey >= start && hashKey <= end;
    };
    const dropped = new Set(this.stored.filter((one) => !isInside(one)).map(({ aggregate }) => aggregate));
    return this.stored.filter(({ aggregate }) => aggregate === -1 || !dropped.has(aggregate));
  }

  async put(batch: Batch, shard: OwnedShard): Promise<PutAnswer> {
    const records = recordsOf(batch);
    const index = this.requests.push(records.length) - 1;
    this.inFlightMax = Math.max(this.inFlightMax, ++this.#inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    this.#inFlight--;
    const error = this.#script.request?.(index, records) ?? null;
    if (error !== null && !(error instanceof MemoryFailure && error.isStored)) throw error;
    const answer = this.#store(records, shard, batch.bytes);
    if (error !== null) throw error;
    return answer;
  }

  classify(error: unknown): RequestFailure | null {
    return error instanceof MemoryFailure ? error.failure : null;
  }

  async partitions(): Promise<ShardRange[]> {
    return [...this.shards];
  }

  async probe(): Promise<SinkFacts> {
    const { birth, traits } = this;
    return { ...{ name: 'memory', id: 'memory', arn: 'memory' }, birth, retentionHours: 24, traits };
  }

  async address(): Promise<SinkAddress> {
    return { wire: 'cbor' };
  }

  async confirm({ birth }: Pick<SinkFacts, 'birth'>): Promise<void> {
    if (birth !== this.birth) throw new Error('another one');
  }

  close(): void {
    this.isClosed = true;
  }

  #store(records: readonly MemoryRecord[], expected: OwnedShard, framesBytes: number): PutAnswer {
    const frameVerdicts = new Uint8Array(records.length);
    const counts: [number, number, number, number] = [0, 0, 0, 0];
    const misrouted: { firstFrame: number; frames: number; shardId: string }[] = [];
    const step = this.#script.aggregateRecords ?? 1;
    for (let first = 0; first < records.length; first += step) {
      const group = records.slice(first, first + step);
      let verdict = this.#script.record?.(this.#records, group[0]!) ?? VERDICT.STORED;
      this.#records += group.length;
      // What travels together lands where its shard began when it was sent.
      const hashKey = group.length > 1 ? expected.start : group[0]!.hashKey;
      const { shardId } = this.shards.find(({ start, end }) => hashKey >= start && hashKey <= end)!;
      if (verdict === VERDICT.STORED) {
        const aggregate = group.length > 1 ? this.#aggregates++ : -1;
        this.stored.push(...group.map((one) => ({ ...one, shardId, aggregate })));
        if (shardId !== expected.shardId) verdict = VERDICT.MISROUTED;
        if (verdict === VERDICT.MISROUTED && group.length > 1)
          misrouted.push({ firstFrame: first, frames: group.length, shardId });
      }
      frameVerdicts.fill(verdict, first, first + group.length);
      counts[verdict]!++;
    }
    const failedCode = counts[VERDICT.FAILED] > 0 ? 'Broken' : null;
    return {
      verdict: { counts, failedCode, failedMessage: null },
      frameVerdicts,
      frames: records.length,
      framesBytes,
      misrouted,
    };
  }
}

function recordsOf(batch: Batch): MemoryRecord[] {
  return readRefused(batch, '').map(({ key, data }) => {
    const { high, low } = hashKeyOf(key);
    return {
      key: Buffer.from(key).toString(),
      data: Buffer.from(data).toString(),
      hashKey: (high << 64n) | low,
    };
  });
}
