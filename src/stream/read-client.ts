/**
 * Read client: GetShardIterator and GetRecords of one stream.
 * Takes  positions and iterators. Gives  iterators; the bytes of answers, and the encoding they are in.
 * Owns   the encoding: CBOR, unless the endpoint is found not to read or write it well (src/aws/wire.ts); then JSON from there on.
 * Never  retries anything else, or looks into records.
 */
import { decodeCbor, encodeCbor } from '../aws/cbor.ts';
import type { BodyMemory, KinesisAnswer, KinesisCaller } from '../aws/kinesis-call.ts';
import { streamInput } from '../aws/kinesis-control.ts';
import { createKinesisCaller, type KinesisWay } from '../aws/kinesis-way.ts';
import { settleWire, type Wire } from '../aws/wire.ts';
import type { ShardPosition } from './position.ts';

type Input = Record<string, string | number | Date | undefined>;

function encode(wire: Wire, input: Input): Buffer {
  if (wire === 'cbor') return encodeCbor(input);
  return Buffer.from(JSON.stringify(input));
}

export interface ReadClientOptions {
  readonly way: KinesisWay;
  /** Name or ARN. */
  readonly stream: string;
  readonly wire: Wire;
  readonly requestTimeoutMs: number;
  readonly socketCountMax: number;
}

export class ReadClient {
  readonly #options: ReadClientOptions;
  readonly #callers = new Map<Wire, Promise<KinesisCaller>>();
  /** Null until the endpoint has shown which one it reads. */
  #wire: Wire | null;
  #settling: Promise<void> | null = null;
  #hasRead = false;
  #isClosed = false;

  constructor(options: ReadClientOptions) {
    this.#options = options;
    this.#wire = options.wire === 'json' ? 'json' : null;
  }

  /** Whether records were ever read: what is denied then was allowed before. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** @throws {KinesisCallError} As the call. */
  async shardIterator(shardId: string, position: ShardPosition, signal: AbortSignal): Promise<string> {
    const input = {
      ...streamInput(this.#options.stream),
      ShardId: shardId,
      ShardIteratorType: position.type,
      StartingSequenceNumber: 'sequenceNumber' in position ? position.sequenceNumber : undefined,
    };
    const timestampMs = position.type === 'AT_TIMESTAMP' ? position.timestampMs : undefined;
    const { answer, wire } = await this.#call(
      'GetShardIterator',
      (wire) => encode(wire, { ...input, Timestamp: timestampIn(wire, timestampMs) }),
      signal,
    );
    const decoded = wire === 'cbor' ? decodeCbor(answer.body) : JSON.parse(answer.body.toString('utf8'));
    return String((decoded as { ShardIterator: string }).ShardIterator);
  }

  /** @throws {KinesisCallError} As the call. */
  async records(
    iterator: string,
    limit: number,
    signal: AbortSignal,
    bodyFor: BodyMemory,
  ): Promise<{ body: Buffer; wire: Wire }> {
    const { stream } = this.#options;
    const input = {
      ShardIterator: iterator,
      Limit: limit,
      ...(stream.startsWith('arn:') ? { StreamARN: stream } : {}),
    };
    const { answer, wire } = await this.#call('GetRecords', (wire) => encode(wire, input), signal, bodyFor);
    this.#hasRead = true;
    return { body: answer.body, wire };
  }

  async #call(
    operation: 'GetShardIterator' | 'GetRecords',
    body: (wire: Wire) => Buffer,
    signal: AbortSignal,
    bodyFor?: BodyMemory,
  ): Promise<{ answer: KinesisAnswer; wire: Wire }> {
    const ask = async (wire: Wire) =>
      (await this.#callerFor(wire)).call(operation, body(wire), signal, bodyFor);
    // One call finds out the encoding, the others wait for it: a service that fails for a moment fails all of them at once.
    while (this.#wire === null && this.#settling !== null) await this.#settling;
    if (this.#wire !== null) return { answer: await ask(this.#wire), wire: this.#wire };
    const settled = settleWire(ask, signal);
    this.#settling = settled.then(
      ({ wire }) => {
        this.#wire = wire;
      },
      () => {
        this.#settling = null;
      },
    );
    const { wire, outcome } = await settled;
    if ('error' in outcome) throw outcome.error;
    return { answer: outcome.answer, wire };
  }

  /** Answers in CBOR were unreadable again and again (kinesalite cuts long ones off): from now on they are asked for in JSON. */
  giveUpCbor(): void {
    this.#wire = 'json';
  }

  #callerFor(wire: Wire): Promise<KinesisCaller> {
    const opened = this.#callers.get(wire);
    if (opened) return opened;
    const { way, stream, requestTimeoutMs, socketCountMax } = this.#options;
    const streamArn = stream.startsWith('arn:') ? { streamArn: stream } : {};
    const caller = createKinesisCaller({ way, wire, requestTimeoutMs, socketCountMax, ...streamArn });
    this.#callers.set(wire, caller);
    caller.then(
      (one) => this.#isClosed && one.close(),
      () => this.#callers.delete(wire),
    );
    return caller;
  }

  close(): void {
    this.#isClosed = true;
    // If it cannot be opened, whoever asked for it has been told.
    for (const caller of this.#callers.values())
      caller.then(
        (one) => one.close(),
        () => {},
      );
  }
}

/** Seconds in JSON, a date in CBOR. */
function timestampIn(wire: Wire, timestampMs: number | undefined): Date | number | undefined {
  if (timestampMs === undefined) return undefined;
  return wire === 'cbor' ? new Date(timestampMs) : timestampMs / 1000;
}
