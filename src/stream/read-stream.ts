/**
 * Read stream: all shards of a stream as one async iterable of batches.
 * Takes  a stream, where to begin, where to stop.
 * Gives  batches; within a shard in order, a child shard only after its parents; checkpoints to go on from.
 * Owns   the tasks that read shards, their turns, the sockets. Once it is closed nothing of it runs any longer.
 * Never  holds more than `callsInFlight` answers, however many shards there are.
 *
 * Reads by GetRecords, which shares 2 MiB/s and five calls/s a shard with all other readers. Enhanced fan-out is not there yet.
 */
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { KinesisControl } from '../aws/kinesis-control.ts';
import { type KinesisWay, openKinesisWay, wayOf } from '../aws/kinesis-way.ts';
import type { AwsTarget } from '../aws/target.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { KINESIS } from '../base/limits.ts';
import { Trouble } from '../base/patience.ts';
import type { ChildShard } from './answer.ts';
import { AnswerMemory } from './answer-memory.ts';
import { Lineage, type ShardInfo } from './lineage.ts';
import { listShards, streamNameOf } from './list-shards.ts';
import {
  checkCheckpoint,
  type ShardPosition,
  type StartPosition,
  type StreamCheckpoint,
} from './position.ts';
import { ReadClient } from './read-client.ts';
import { classifyReadFailure } from './read-failure.ts';
import { type ReadLimits, ReadPace } from './read-pace.ts';
import { type ReadError, ShardReader } from './shard-reader.ts';
import { StreamBatch, type Undecodable } from './stream-batch.ts';
import { Turns } from './turns.ts';

export interface ReadStreamOptions {
  /** Give it an HTTP/1.1 handler: `requestHandler: new NodeHttpHandler()`. */
  readonly client: KinesisClient;
  /** Name or ARN. */
  readonly stream: string;
  /** Default TRIM_HORIZON. Not used for shards that a checkpoint knows. */
  readonly start?: StartPosition;
  /** Goes on where another reader was. */
  readonly checkpoint?: StreamCheckpoint;
  /** Ends once everything is read that arrived before this time (milliseconds since the epoch). Default: never ends. */
  readonly untilMs?: number;
  /** Reads these shards only, in any order: not their children, not after their parents. Default: all. */
  readonly shardIds?: readonly string[];
  /** At the tip of a shard, between two calls. Default 1,000. */
  readonly pollIntervalMs?: number;
  /** 1 to 10,000, the default. */
  readonly recordsPerCall?: number;
  /** GetRecords calls under way or waiting to be consumed; each answer is up to 10 MiB. Default 16. */
  readonly callsInFlight?: number;
  readonly limits?: ReadLimits;
  /** Default cbor; an endpoint that refuses it is read in JSON. */
  readonly wire?: 'cbor' | 'json';
  /** Default: native where it is built. */
  readonly decoder?: 'native' | 'portable';
  /**
   * Gives parts of aggregates their hash keys, and looks for aggregates that reach beyond their shard's range (`StreamRecord.isDropped`,
   * `onOutsideHashRange`). Default true.
   */
  readonly checkHashRange?: boolean;
  /** Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** A shard without one answer for this time ends the reader, resumable. Default 300,000. */
  readonly unavailableMs?: number;
  /** Ends the reader: iteration throws the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onUndecodable?: (record: Undecodable) => void;
  /** Parts of aggregates that the Kinesis Client Library drops. They are delivered all the same. */
  readonly onOutsideHashRange?: (found: { shardId: string; count: number }) => void;
  readonly onGetRecordsError?: (error: ReadError) => void;
  /** For tests. */
  readonly clock?: ReaderClock;
}

export interface ReaderClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Resolves after this many milliseconds, or as soon as the signal is aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

export interface StreamReader extends AsyncIterable<StreamBatch> {
  /** Position behind the batches that the consumer has finished: a batch is finished when the next one is asked for. */
  checkpoint(): StreamCheckpoint;
  /** Ends reading; iteration ends too. Resolves when nothing is running. May be called again. */
  close(): Promise<void>;
}

export const wallClock: ReaderClock = {
  nowMs: Date.now,
  sleep: (durationMs, signal) =>
    new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, durationMs);
      signal.addEventListener('abort', done, { once: true });
      if (signal.aborted) done();
    }),
};

/** A shard without one answer for this time ends the reader. */
const UNAVAILABLE_MS = 300_000;
/** Between two tries to list the shards. */
const LIST_INTERVAL_MS = 1_000;

function infoOf(child: ChildShard): ShardInfo {
  return { ...child, isClosed: false };
}

type ReadOptions = Omit<ReadStreamOptions, 'client'>;

class Reader implements StreamReader {
  readonly #options: ReadOptions;
  readonly #streamName: string;
  readonly #clock: ReaderClock;
  readonly #client: ReadClient;
  readonly #control: KinesisControl;
  readonly #lineage = new Lineage();
  /** Where each shard is, for checkpoints. */
  readonly #positions = new Map<string, ShardPosition>();
  readonly #tasks = new Set<Promise<void>>();
  readonly #turns: Turns<StreamBatch>;
  readonly #idleMemories: AnswerMemory[] = [];
  readonly #stop = new AbortController();
  #state: 'new' | 'reading' | 'closed' = 'new';

  constructor(way: KinesisWay, options: ReadOptions) {
    const { callsInFlight = 16, requestTimeoutMs = 30_000 } = options;
    this.#options = options;
    this.#streamName = streamNameOf(options.stream);
    this.#clock = options.clock ?? wallClock;
    this.#turns = new Turns(callsInFlight);
    this.#client = new ReadClient({
      way,
      stream: options.stream,
      wire: options.wire ?? 'cbor',
      requestTimeoutMs,
      socketCountMax: callsInFlight,
    });
    this.#control = new KinesisControl(way, requestTimeoutMs);
    const checkpoint = options.checkpoint && checkCheckpoint(options.checkpoint, this.#streamName);
    for (const [shardId, position] of Object.entries(checkpoint?.shards ?? {}))
      this.#positions.set(shardId, position);
  }

  checkpoint(): StreamCheckpoint {
    return { version: 1, stream: this.#streamName, shards: Object.fromEntries(this.#positions) };
  }

  async close(): Promise<void> {
    this.#state = 'closed';
    this.#stop.abort(new Error('The reader was closed'));
    this.#turns.end();
    await Promise.allSettled(this.#tasks);
    this.#client.close();
    this.#control.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<StreamBatch, void, undefined> {
    if (this.#state === 'closed') return;
    if (this.#state !== 'new') throw new Error('A stream reader is read once');
    this.#state = 'reading';
    const { signal } = this.#options;
    const onAbort = () => {
      this.#turns.fail(signal!.reason);
      // Nobody else waits for a listing that is not answered.
      this.#stop.abort(signal!.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      signal?.throwIfAborted();
      await this.#begin();
      for (let turn = await this.#turns.next(); turn !== null; turn = await this.#turns.next()) {
        yield turn.item;
        turn.done();
      }
    } catch (error) {
      // Closing cuts what is under way; that is not a failure.
      if (this.#state === 'reading') throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      await this.close();
    }
  }

  /** Lists the shards and starts those that are due. */
  async #begin(): Promise<void> {
    const { shardIds, start } = this.#options;
    const shards = await this.#list();
    const wanted = shardIds && new Set(shardIds);
    // A chosen shard is read for itself: it waits for no parent.
    this.#lineage.add(
      wanted
        ? shards.filter(({ shardId }) => wanted.has(shardId)).map((shard) => ({ ...shard, parentIds: [] }))
        : shards,
    );
    const isResumed = this.#options.checkpoint !== undefined;
    for (const { shardId, isClosed } of this.#lineage.shards.values()) {
      const known = this.#positions.get(shardId);
      // A closed shard has no latest records. Shards that a checkpoint does not know are younger than it.
      const isSkipped = known?.type === 'FINISHED' || (!isResumed && start?.type === 'LATEST' && isClosed);
      if (isSkipped) {
        this.#lineage.finish(shardId);
        this.#positions.set(shardId, { type: 'FINISHED' });
      } else if (!known)
        this.#positions.set(
          shardId,
          isResumed ? { type: 'TRIM_HORIZON' } : (start ?? { type: 'TRIM_HORIZON' }),
        );
    }
    this.#startDue();
  }

  /** Once records were read, asks for as long as a service may be unavailable. @throws {MillraceError} MILLRACE_STREAM, MILLRACE_SERVICE_AWAY. */
  async #list(): Promise<ShardInfo[]> {
    const { stream, unavailableMs = UNAVAILABLE_MS } = this.#options;
    const trouble = new Trouble();
    trouble.add(this.#clock.nowMs());
    for (;;) {
      try {
        return await listShards(this.#control, stream, this.#stop.signal);
      } catch (error) {
        this.#stop.signal.throwIfAborted();
        const failure = classifyReadFailure(error, this.#streamName);
        const isOver = trouble.add(this.#clock.nowMs()) >= unavailableMs || !this.#client.hasRead;
        if (failure.kind === 'fatal' || (failure.kind === 'denied' && isOver)) throw failure.error;
        const message = `Cannot list the shards of stream ${this.#streamName}: ${(error as Error).message}`;
        if (isOver)
          throw new MillraceError('MILLRACE_SERVICE_AWAY', message, {
            exitCode: EXIT.resumable,
            cause: error,
          });
      }
      await this.#clock.sleep(LIST_INTERVAL_MS, this.#stop.signal);
    }
  }

  #startDue(): void {
    for (const shard of this.#lineage.takeDue()) {
      const task = this.#readShard(shard).catch((error: unknown) => this.#turns.fail(error));
      this.#tasks.add(task);
      void task.then(() => {
        this.#tasks.delete(task);
        if (this.#tasks.size === 0) this.#turns.end();
      });
    }
    if (this.#tasks.size === 0) this.#turns.end();
  }

  async #readShard(shard: ShardInfo): Promise<void> {
    const options = this.#options;
    const { signal } = this.#stop;
    const reader = new ShardReader({
      client: this.#client,
      streamName: this.#streamName,
      shard,
      start: this.#positions.get(shard.shardId) ?? { type: 'TRIM_HORIZON' },
      recordsPerCall: options.recordsPerCall ?? KINESIS.getRecordsCountMax,
      pollIntervalMs: options.pollIntervalMs ?? 1000,
      untilMs: options.untilMs ?? Number.POSITIVE_INFINITY,
      unavailableMs: options.unavailableMs ?? UNAVAILABLE_MS,
      isHashRangeChecked: options.checkHashRange ?? true,
      pace: new ReadPace(options.limits),
      nowMs: () => this.#clock.nowMs(),
      onGetRecordsError: options.onGetRecordsError,
    });
    let children: readonly ChildShard[] = [];
    while (reader.state === 'open' && !signal.aborted) {
      const waitMs = reader.waitMs();
      if (waitMs > 0) await this.#clock.sleep(waitMs, signal);
      children = await this.#turns.take(async (offer) =>
        signal.aborted ? [] : await this.#readOnce(reader, offer),
      );
    }
    // Some endpoints (moto) never say that a closed shard is read to its end: its tip is the end, then.
    const isAtEnd = reader.state === 'closed' || (reader.state === 'until' && shard.isClosed);
    if (isAtEnd) await this.#finish(shard, children);
  }

  /** One call, and its batch handed to the consumer. @returns The shard's children, where it ended. */
  async #readOnce(
    reader: ShardReader,
    offer: (batch: StreamBatch) => Promise<void>,
  ): Promise<readonly ChildShard[]> {
    const memory = this.#idleMemories.pop() ?? new AnswerMemory(this.#options.decoder);
    const read = await reader.attempt(memory, this.#stop.signal);
    if (read) {
      const { recordCount, millisBehindLatest } = read.outline;
      const place = { streamName: this.#streamName, shardId: reader.shard.shardId };
      const batch = new StreamBatch(read.answer, place, recordCount, millisBehindLatest ?? 0);
      if (recordCount > 0) await offer(batch);
      if (this.#stop.signal.aborted) return [];
      this.#account(reader, batch);
    }
    this.#idleMemories.push(memory);
    return read?.outline.childShards ?? [];
  }

  #account(reader: ShardReader, batch: StreamBatch): void {
    const { onOutsideHashRange, onUndecodable } = this.#options;
    const { shardId } = reader.shard;
    reader.commit(batch.drain());
    this.#positions.set(shardId, reader.position);
    if (batch.outsideCount > 0) onOutsideHashRange?.({ shardId, count: batch.outsideCount });
    if (onUndecodable) for (const record of batch.undecodable()) onUndecodable(record);
  }

  /** The shard is read to its end: its children may be due. */
  async #finish(shard: ShardInfo, children: readonly ChildShard[]): Promise<void> {
    if (this.#options.shardIds === undefined) {
      // Older endpoints do not name the children: then they are listed.
      const added = this.#lineage.add(children.length > 0 ? children.map(infoOf) : await this.#list());
      for (const { shardId } of added) this.#positions.set(shardId, { type: 'TRIM_HORIZON' });
    }
    this.#lineage.finish(shard.shardId);
    this.#startDue();
  }
}

/**
 * Reads a stream: `for await (const batch of readStream({ client, stream: 'orders' })) for (const record of batch.records()) ...`.
 * @throws {MillraceError} From the iteration: MILLRACE_STREAM (no such stream, no permission), MILLRACE_SERVICE_AWAY (resumable).
 */
export function readStream(options: ReadStreamOptions): StreamReader {
  return new Reader(wayOf(options.client), options);
}

/** The same without a client of the SDK. */
export function readStreamAt(target: AwsTarget, options: ReadOptions): StreamReader {
  return new Reader(openKinesisWay(target), options);
}
