/**
 * Kinesis probe: a Kinesis data stream as the main thread sees it: asked before the first record is put, and once more after the last.
 * Takes  how Kinesis is reached, and the stream's name or ARN.
 * Gives  the SinkProbe of src/publish/sink.ts.
 * Owns   the connections to the control plane. Never puts a record.
 */
import { KinesisControl } from '../../aws/kinesis-control.ts';
import { type KinesisWay, openKinesisWay } from '../../aws/kinesis-way.ts';
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
  readonly #way: KinesisWay;
  readonly #control: KinesisControl;

  constructor(target: AwsTarget, stream: string) {
    this.#target = target;
    this.#stream = stream;
    this.#way = openKinesisWay(target);
    this.#control = new KinesisControl(this.#way);
  }

  probe(signal?: AbortSignal): Promise<SinkFacts> {
    return probeStream(this.#control, this.#stream, signal);
  }

  partitions(signal?: AbortSignal): Promise<ShardRange[]> {
    return listOpenShards(this.#control, this.#stream, signal);
  }

  async address(
    facts: SinkFacts,
    { wire: wish, isAsked }: WireWish,
    notices: string[],
  ): Promise<KinesisAddress> {
    const { name: streamName, id: streamId } = facts;
    const way = this.#way;
    const found = await way.service('data', streamId.startsWith('arn:') ? streamId : undefined);
    const service = { ...found, clockOffsetMs: await this.#control.clockOffsetMs(this.#stream) };
    const isOpen = wish === 'cbor' && isAsked;
    const wire = isOpen ? await negotiateWire(way.credentials, service, streamId, notices) : wish;
    return { target: this.#target, service, streamName, streamId, wire };
  }

  confirm(
    facts: Pick<SinkFacts, 'name' | 'id' | 'birth'>,
    advice: string,
    signal?: AbortSignal,
  ): Promise<void> {
    return assertSameStream(this.#control, facts, advice, signal);
  }

  close(): void {
    this.#control.close();
  }
}
