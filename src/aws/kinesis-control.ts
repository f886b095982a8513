/**
 * Kinesis control: calls of the control plane, few of each run.
 * Takes  the way to Kinesis; the stream's name or ARN.
 * Gives  what the service says of a stream, and its shards.
 * Owns   connections, and the repetition of these calls (control-retries.ts): nobody else repeats them.
 * Never  asks in CBOR: JSON is what every endpoint reads.
 */
import type { ListShardsOutput, Shard, StreamDescriptionSummary } from '@aws-sdk/client-kinesis';
import { retryingControl } from './control-retries.ts';
import { type KinesisCaller, type KinesisOperation, openKinesisCaller } from './kinesis-call.ts';
import { foreignAnswer } from './kinesis-error.ts';
import type { KinesisWay } from './kinesis-way.ts';

/** DescribeStreamSummary and ListShards are answered within a second, or not at all. */
const ANSWER_TIMEOUT_MS = 10_000;

/** How a request names the stream: with its ARN where one is known. */
export function streamInput(stream: string): { StreamARN: string } | { StreamName: string } {
  return stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream };
}

export class KinesisControl {
  readonly #way: KinesisWay;
  readonly #answerTimeoutMs: number;
  /** By ARN, or by nothing: an ARN may have an endpoint of its own. */
  readonly #callers = new Map<string | undefined, Promise<KinesisCaller>>();

  /** @param answerTimeoutMs Of each attempt, from its start to the last byte. Default, and most: 10,000. */
  constructor(way: KinesisWay, answerTimeoutMs = ANSWER_TIMEOUT_MS) {
    this.#way = way;
    this.#answerTimeoutMs = Math.min(answerTimeoutMs, ANSWER_TIMEOUT_MS);
  }

  /** @throws As `call`. */
  async describe(stream: string, signal?: AbortSignal): Promise<StreamDescriptionSummary | undefined> {
    const output = await this.call<{ StreamDescriptionSummary?: Described }>(
      'DescribeStreamSummary',
      stream,
      streamInput(stream),
      signal,
    );
    const { StreamCreationTimestamp: seconds, ...summary } = output.StreamDescriptionSummary ?? {};
    if (output.StreamDescriptionSummary === undefined) return undefined;
    const created = { StreamCreationTimestamp: new Date(Math.round(Number(seconds) * 1000)) };
    return { ...summary, ...(seconds !== undefined && created) } as StreamDescriptionSummary;
  }

  /** All shards, page by page. @param first What the first request says beside the stream. @throws As `call`. */
  async shards(stream: string, first: object, signal?: AbortSignal): Promise<Shard[]> {
    const shards: Shard[] = [];
    let nextToken: string | undefined;
    do {
      // A request with a token must not name the stream again.
      const input = nextToken ? { NextToken: nextToken } : { ...streamInput(stream), ...first };
      const page = await this.call<ListShardsOutput>('ListShards', stream, input, signal);
      shards.push(...(page.Shards ?? []));
      nextToken = page.NextToken;
    } while (nextToken);
    return shards;
  }

  /**
   * @param stream For the choice of the endpoint. @param input All that the request says.
   * @throws {KinesisCallError} As the last attempt. @throws Whatever the credential chain says where it gives none.
   */
  async call<Output extends object>(
    operation: KinesisOperation,
    stream: string,
    input: object,
    signal?: AbortSignal,
  ): Promise<Output> {
    signal?.throwIfAborted();
    const body = Buffer.from(JSON.stringify(input));
    await this.#way.credentials();
    const caller = await this.#callerFor(stream);
    const { status, body: answer } = await retryingControl(
      () => caller.call(operation, body, signal),
      signal,
    );
    if (answer.length === 0) return {} as Output;
    try {
      return JSON.parse(answer.toString('utf8'), (_name, value) => value ?? undefined); // some write null for nothing
    } catch (error) {
      throw foreignAnswer(operation, status, error);
    }
  }

  /** How far the service's clock is ahead of ours, as far as these calls have found out. */
  async clockOffsetMs(stream: string): Promise<number> {
    return (await this.#callerFor(stream)).clockOffsetMs;
  }

  #callerFor(stream: string): Promise<KinesisCaller> {
    const streamArn = stream.startsWith('arn:') ? stream : undefined;
    const opened = this.#callers.get(streamArn);
    if (opened !== undefined) return opened;
    const { credentials } = this.#way;
    const requestTimeoutMs = this.#answerTimeoutMs;
    const caller = this.#way
      .service('control', streamArn)
      .then((service) => openKinesisCaller({ service, credentials, wire: 'json', requestTimeoutMs }));
    this.#callers.set(streamArn, caller);
    caller.catch(() => this.#callers.delete(streamArn));
    return caller;
  }

  /** Calls that are under way fail. */
  close(): void {
    for (const caller of this.#callers.values())
      caller.then(
        (one) => one.close(),
        () => {},
      );
  }
}

/** As it stands in JSON, where times are seconds. */
type Described = Partial<Omit<StreamDescriptionSummary, 'StreamCreationTimestamp'>> & {
  readonly StreamCreationTimestamp?: number;
};
