/**
 * Kinesis probe: a Kinesis data stream as the main thread sees it: asked before the first record is put, and once more after the last.
 * Takes  how Kinesis is reached, and the stream's name or ARN.
 * Gives  the SinkProbe of src/publish/sink.ts.
 * Owns   the SDK's client for the control plane. Never puts a record.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { createKinesisClient, resolveService } from '../../aws/kinesis-client.ts';
import type { AwsTarget } from '../../aws/target.ts';
import type { ShardRange } from '../../record/hash-range.ts';
import type { SinkFacts, SinkProbe, WireWish } from '../sink.ts';
import { negotiateWire } from './negotiate-wire.ts';
import type { KinesisAddress } from './sink.ts';
import { assertSameStream, listOpenShards, probeStream } from './stream-probe.ts';

/** @param stream Name or ARN. */
export function openKinesis(target: AwsTarget, stream: string): SinkProbe {
  return new KinesisProbe(target, stream);
}

class KinesisProbe implements SinkProbe {
  readonly #target: AwsTarget;
  readonly #stream: string;
  readonly #client: KinesisClient;

  constructor(target: AwsTarget, stream: string) {
    this.#target = target;
    this.#stream = stream;
    this.#client = createKinesisClient(target);
  }

  probe(signal?: AbortSignal): Promise<SinkFacts> {
    return probeStream(this.#client, this.#stream, signal);
  }

  partitions(signal?: AbortSignal): Promise<ShardRange[]> {
    return listOpenShards(this.#client, this.#stream, signal);
  }

  async address(
    facts: SinkFacts,
    { wire: wish, isAsked }: WireWish,
    notices: string[],
  ): Promise<KinesisAddress> {
    const { name: streamName, id: streamId } = facts;
    const client = this.#client;
    const service = await resolveService(client, streamId.startsWith('arn:') ? streamId : undefined);
    const isOpen = wish === 'cbor' && isAsked;
    const wire = isOpen ? await negotiateWire(client, service, streamId, notices) : wish;
    return { target: this.#target, service, streamName, streamId, wire };
  }

  confirm(
    facts: Pick<SinkFacts, 'name' | 'id' | 'birth'>,
    advice: string,
    signal?: AbortSignal,
  ): Promise<void> {
    return assertSameStream(this.#client, facts, advice, signal);
  }

  close(): void {
    this.#client.destroy();
  }
}
