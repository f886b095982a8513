/**
 * Put records: one PutRecords request, from frames to verdicts.
 * Takes  a batch of frames for one shard.
 * Gives  a verdict for every frame, or why the request as a whole failed.
 * Owns   the memory of the request body while it is on its way.
 * Never  retries, paces or decides what a verdict means: see publisher.ts.
 */
import { BodyHasher, bodiesAtOnce, hashBodies } from '../../aws/body-hash.ts';
import { type KinesisAnswer, KinesisCallError, type KinesisCaller } from '../../aws/kinesis-call.ts';
import type { Wire } from '../../aws/wire.ts';
import { faultPoint } from '../../base/fault-points.ts';
import { KINESIS } from '../../base/limits.ts';
import type { OwnedShard } from '../../record/hash-range.ts';
import type { Batch } from '../batch.ts';
import type { BufferPool } from '../buffer-pool.ts';
import type { EntryForm } from '../entries.ts';
import { type MisroutedAggregate, type PutAnswer, VERDICT } from '../sink.ts';
import { bodySuffix, CBOR_ENTRIES, closeEntries } from './body.ts';
import type { PutCodec, PutVerdict } from './put-codec.ts';

const NONE: readonly MisroutedAggregate[] = [];
/** Records of half a second of a shard are of a few slices, unless objects are small: then their frames are walked over. */
const SLICE_RUNS_MAX = 256;

export interface PutOptions {
  readonly wire: Wire;
  /** Name or ARN. */
  readonly stream: string;
  /** Largest aggregated record, or null. */
  readonly aggregateBytesMax: number | null;
  readonly requestBytesMax: number;
  /** False where the service spreads records as it likes: then no shard is expected. */
  readonly canPredictShard: boolean;
}

export class RecordPutter {
  readonly #caller: KinesisCaller;
  readonly #codec: PutCodec;
  readonly #pool: BufferPool;
  readonly #options: PutOptions;
  readonly #suffix: Uint8Array;
  /** Checksums are computed together with those of the body that is hashed beside. */
  readonly #hasher = new BodyHasher((bodies) => this.#finish(bodies));
  /** Of the bodies that are under way: the checksums that they lacked when they were made. */
  readonly #sums = new Map<Uint8Array, Uint32Array>();
  /** The form in which batches may come, beside frames; null: none. Aggregates are made of frames. */
  readonly entryForm: EntryForm | null;
  /** How many batches of entries are hashed in less time than each alone; 0: this machine gains nothing. */
  readonly preparedAtOnce: number;

  constructor(caller: KinesisCaller, codec: PutCodec, pool: BufferPool, options: PutOptions) {
    this.#caller = caller;
    this.#codec = codec;
    this.#pool = pool;
    this.#options = options;
    const { wire, stream, aggregateBytesMax } = options;
    this.#suffix = bodySuffix(wire, stream);
    this.entryForm = wire === 'cbor' && aggregateBytesMax === null ? CBOR_ENTRIES : null;
    this.preparedAtOnce = this.entryForm === null ? 0 : bodiesAtOnce();
  }

  /** Hashes the bodies of batches that wait. Batches of frames have none yet. */
  prepare(batches: readonly Batch[]): void {
    const ready = batches.filter(({ isEntries }) => isEntries);
    const hashes = hashBodies(ready.map((batch) => this.#bodyOf(batch)));
    for (const [i, hash] of hashes?.entries() ?? []) ready[i]!.prepared = hash;
  }

  /**
   * Sends the batch, or as much of it as one request takes.
   * @throws {KinesisCallError} When the request as a whole failed; `isAmbiguous` says whether records may have been stored.
   */
  async put(batch: Batch, shard: OwnedShard): Promise<PutAnswer> {
    if (batch.isEntries) return this.#putEntries(batch, shard);
    const frames = batch.buffer.subarray(0, batch.bytes);
    const { wire, aggregateBytesMax } = this.#options;
    const out = this.#pool.take(this.#codec.encodedBytesMax(frames, batch.count, wire), true)!;
    try {
      return aggregateBytesMax === null
        ? await this.#putPlain(batch, frames, shard, out)
        : await this.#putAggregated(batch, frames, shard, out, aggregateBytesMax);
    } finally {
      this.#pool.give(out);
    }
  }

  /** Entries are most of a body already, and stay where they are. */
  async #putEntries(batch: Batch, shard: OwnedShard): Promise<PutAnswer> {
    const { bytes, count, prepared = null } = batch;
    const frameVerdicts = new Uint8Array(count);
    const verdict = await this.#call(this.#bodyOf(batch), shard, frameVerdicts, prepared);
    return { verdict, frameVerdicts, frames: count, framesBytes: bytes, misrouted: NONE };
  }

  /** Closes around the entries, as often as it is asked. */
  #bodyOf({ buffer, bytes, count }: Batch): Uint8Array {
    return buffer.subarray(0, closeEntries(buffer, bytes, count, this.#suffix));
  }

  async #putPlain(batch: Batch, frames: Uint8Array, shard: OwnedShard, out: Uint8Array): Promise<PutAnswer> {
    const { wire, stream } = this.#options;
    const bytes = this.#codec.encode(frames, batch.count, wire, stream, out);
    const frameVerdicts = new Uint8Array(batch.count);
    const verdict = await this.#call(out.subarray(0, bytes), shard, frameVerdicts);
    return { verdict, frameVerdicts, frames: batch.count, framesBytes: batch.bytes, misrouted: NONE };
  }

  async #putAggregated(
    batch: Batch,
    frames: Uint8Array,
    shard: OwnedShard,
    out: Uint8Array,
    aggregateBytesMax: number,
  ): Promise<PutAnswer> {
    const { wire, stream, requestBytesMax } = this.#options;
    const entryCounts = new Uint32Array(KINESIS.putRecordsCountMax);
    const runs = new Uint32Array(2 * SLICE_RUNS_MAX);
    const sums = new Uint32Array(2 * KINESIS.putRecordsCountMax);
    const made = this.#codec.encodeAggregated(
      frames,
      batch.count,
      wire,
      stream,
      shard.start.toString(),
      aggregateBytesMax,
      requestBytesMax,
      out,
      entryCounts,
      runs,
      sums,
    );
    const entryVerdicts = new Uint8Array(made.entries);
    const body = out.subarray(0, made.bytes);
    const verdict = await this.#callUnfinished(body, sums.subarray(0, 2 * made.sums), shard, entryVerdicts);
    const frameVerdicts = new Uint8Array(made.frames);
    const misrouted: MisroutedAggregate[] = [];
    let firstFrame = 0;
    let misroutedCount = 0;
    for (let entry = 0; entry < made.entries; entry++) {
      const frameCount = entryCounts[entry]!;
      frameVerdicts.fill(entryVerdicts[entry]!, firstFrame, firstFrame + frameCount);
      if (entryVerdicts[entry] === VERDICT.MISROUTED) {
        const shardId = verdict.misroutedShardIds[misroutedCount++]!;
        // A record that travelled alone is stored wherever it landed.
        if (frameCount > 1) misrouted.push({ firstFrame, frames: frameCount, shardId });
      }
      firstFrame += frameCount;
    }
    const sliceRuns = made.sliceRuns > 0 ? runs.subarray(0, 2 * made.sliceRuns) : null;
    return {
      verdict,
      frameVerdicts,
      frames: made.frames,
      framesBytes: made.framesBytes,
      sliceRuns,
      misrouted,
    };
  }

  /** @param sums What the body lacks; it is finished when its hash is there. */
  async #callUnfinished(
    body: Uint8Array,
    sums: Uint32Array,
    shard: OwnedShard,
    verdicts: Uint8Array,
  ): Promise<PutVerdict> {
    this.#sums.set(body, sums);
    try {
      const hash = await this.#hasher.hash([body], this.#sums.size);
      return await this.#call(body, shard, verdicts, hash);
    } finally {
      this.#sums.delete(body);
    }
  }

  #finish(bodies: readonly Uint8Array[]): void {
    this.#codec.sumAggregates(
      bodies,
      bodies.map((body) => this.#sums.get(body)!),
    );
  }

  async #call(
    body: Uint8Array,
    shard: OwnedShard,
    verdicts: Uint8Array,
    bodyHash: string | null = null,
  ): Promise<PutVerdict> {
    faultPoint('publisher.before-put');
    let memory: Uint8Array | null = null;
    const memoryFor = (byteCount: number) => (memory = this.#pool.take(byteCount, true)!);
    try {
      const answer = await this.#caller.call('PutRecords', body, undefined, memoryFor, bodyHash);
      faultPoint('publisher.after-put');
      return this.#read(answer, this.#options.canPredictShard ? shard.shardId : null, verdicts);
    } finally {
      if (memory !== null) this.#pool.give(memory);
    }
  }

  #read(answer: KinesisAnswer, expectedShardId: string | null, verdicts: Uint8Array): PutVerdict {
    try {
      return this.#codec.readPutResult(
        answer.body,
        this.#options.wire,
        verdicts.length,
        expectedShardId,
        verdicts,
      );
    } catch (error) {
      // The service took the request, but its answer is lost: the records may be stored.
      throw new KinesisCallError({
        operation: 'PutRecords',
        awsCode: null,
        message: 'the answer could not be read',
        statusCode: answer.status,
        isAmbiguous: true,
        cause: error,
      });
    }
  }
}
