/**
 * Read client: GetShardIterator and GetRecords of one stream.
 * Takes  positions and iterators. Gives  iterators; the bytes of answers, and the encoding they are in.
 * Owns   the choice of encoding: CBOR, until an endpoint refuses it; then JSON for good.
 * Never  retries anything else, waits, or looks into records.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { decodeCbor, encodeCbor } from '../aws/cbor.ts';
import {
  type BodyMemory,
  type KinesisAnswer,
  KinesisCallError,
  type KinesisCaller,
} from '../aws/kinesis-call.ts';
import { createKinesisCaller } from '../aws/kinesis-client.ts';
import { streamInput } from './list-shards.ts';
import type { ShardPosition } from './position.ts';

type Wire = 'cbor' | 'json';
type Input = Record<string, string | number | Date | undefined>;

/** What an endpoint says that knows no CBOR. */
const REFUSALS = new Set([
  'SerializationException',
  'UnsupportedMediaTypeException',
  'UnknownOperationException',
]);

function encode(wire: Wire, input: Input): Buffer {
  if (wire === 'cbor') return encodeCbor(input);
  return Buffer.from(JSON.stringify(input));
}

export interface ReadClientOptions {
  readonly client: KinesisClient;
  /** Name or ARN. */
  readonly stream: string;
  readonly wire: Wire;
  readonly requestTimeoutMs: number;
  readonly socketCountMax: number;
}

export class ReadClient {
  readonly #options: ReadClientOptions;
  #caller: KinesisCaller | null = null;
  #opening: Promise<KinesisCaller> | null = null;
  #isWireSure = false;
  #isClosed = false;

  constructor(options: ReadClientOptions) {
    this.#options = options;
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
    return { body: answer.body, wire };
  }

  async #call(
    operation: 'GetShardIterator' | 'GetRecords',
    body: (wire: Wire) => Buffer,
    signal: AbortSignal,
    bodyFor?: BodyMemory,
  ): Promise<{ answer: KinesisAnswer; wire: Wire }> {
    const caller = await this.#open(this.#caller?.wire ?? this.#options.wire);
    try {
      const answer = await caller.call(operation, body(caller.wire), signal, bodyFor);
      this.#isWireSure = true;
      return { answer, wire: caller.wire };
    } catch (error) {
      const isRefused = error instanceof KinesisCallError && REFUSALS.has(error.awsCode ?? '');
      if (this.#isWireSure || caller.wire === 'json' || !isRefused) throw error;
      const json = await this.#reopen(caller);
      return { answer: await json.call(operation, body('json'), signal, bodyFor), wire: 'json' };
    }
  }

  async #open(wire: Wire): Promise<KinesisCaller> {
    if (this.#caller) return this.#caller;
    const { client, stream, requestTimeoutMs, socketCountMax } = this.#options;
    this.#opening ??= createKinesisCaller({
      client,
      wire,
      requestTimeoutMs,
      socketCountMax,
      ...(stream.startsWith('arn:') ? { streamArn: stream } : {}),
    });
    try {
      this.#caller = await this.#opening;
    } finally {
      this.#opening = null;
    }
    if (this.#isClosed) this.#caller.close();
    return this.#caller;
  }

  /** Calls that are under way in CBOR end by themselves; their sockets close when they are idle. */
  async #reopen(refused: KinesisCaller): Promise<KinesisCaller> {
    if (this.#caller === refused) this.#caller = null;
    return this.#open('json');
  }

  close(): void {
    this.#isClosed = true;
    this.#caller?.close();
  }
}

/** Seconds in JSON, a date in CBOR. */
function timestampIn(wire: Wire, timestampMs: number | undefined): Date | number | undefined {
  if (timestampMs === undefined) return undefined;
  return wire === 'cbor' ? new Date(timestampMs) : timestampMs / 1000;
}
