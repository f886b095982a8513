/**
 * Kinesis sink: a Kinesis data stream as a publisher sees it.
 * Takes  how the stream is reached. Gives  the Sink of src/publish/sink.ts.
 * Owns   the connections of one publisher thread.
 * Never  loads what lists shards before a reshard asks for them.
 */

import { KinesisCallError, type KinesisCaller, type KinesisService } from '../../aws/kinesis-call.ts';
import type { AwsTarget } from '../../aws/target.ts';
import type { OwnedShard, ShardRange } from '../../record/hash-range.ts';
import type { Batch } from '../batch.ts';
import type { BufferPool } from '../buffer-pool.ts';
import type { EntryForm } from '../entries.ts';
import type { PutAnswer, RequestFailure, Sink, SinkAddress } from '../sink.ts';
import { classifyFailure } from './error-classification.ts';
import type { PutCodec } from './put-codec.ts';
import { type PutOptions, RecordPutter } from './put-records.ts';

/** How a publisher thread reaches the stream. No secret travels: each thread asks the SDK's default credential chain. */
export interface KinesisAddress extends SinkAddress {
  readonly target: AwsTarget;
  readonly service: KinesisService;
  readonly streamName: string;
  /** Name or ARN, as it was given. */
  readonly streamId: string;
}

export interface KinesisSinkParts {
  readonly address: Omit<KinesisAddress, 'service'>;
  readonly caller: KinesisCaller;
  readonly codec: PutCodec;
  readonly pool: BufferPool;
  readonly options: Omit<PutOptions, 'wire' | 'stream'>;
}

export class KinesisSink implements Sink {
  readonly #address: Omit<KinesisAddress, 'service'>;
  readonly #caller: KinesisCaller;
  readonly #putter: RecordPutter;

  constructor({ address, caller, codec, pool, options }: KinesisSinkParts) {
    this.#address = address;
    this.#caller = caller;
    const { wire, streamId: stream } = address;
    this.#putter = new RecordPutter(caller, codec, pool, { ...options, wire, stream });
  }

  get entryForm(): EntryForm | null {
    return this.#putter.entryForm;
  }

  get preparedAtOnce(): number {
    return this.#putter.preparedAtOnce;
  }

  prepare(batches: readonly Batch[]): void {
    this.#putter.prepare(batches);
  }

  put(batch: Batch, shard: OwnedShard): Promise<PutAnswer> {
    return this.#putter.put(batch, shard);
  }

  classify(error: unknown): RequestFailure | null {
    return error instanceof KinesisCallError ? classifyFailure(error, this.#address.streamName) : null;
  }

  async partitions(): Promise<ShardRange[]> {
    const [{ KinesisControl }, { openKinesisWay }, { listOpenShards }] = await Promise.all([
      import('../../aws/kinesis-control.ts'),
      import('../../aws/kinesis-way.ts'),
      import('./stream-probe.ts'),
    ]);
    const control = new KinesisControl(openKinesisWay(this.#address.target));
    try {
      return await listOpenShards(control, this.#address.streamId);
    } finally {
      control.close();
    }
  }

  close(): void {
    this.#caller.close();
  }
}
