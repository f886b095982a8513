/**
 * Shard reader: one shard, one GetRecords call at a time.
 * Takes  a position to begin at; turns, which its owner gives it.
 * Gives  answers, opened; the position behind what its owner has dealt with.
 * Owns   iterator, position, pace and the count of failures of this shard.
 * Never  waits: waitMs() says how long its owner has to. Never keeps an answer: that belongs to its owner.
 */
import type { Wire } from '../aws/wire.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { Trouble } from '../base/patience.ts';
import type { Answer, AnswerOutline, HashRange } from './answer.ts';
import type { AnswerMemory } from './answer-memory.ts';
import type { ShardInfo } from './lineage.ts';
import type { ShardPosition } from './position.ts';
import type { ReadClient } from './read-client.ts';
import { classifyReadFailure } from './read-failure.ts';
import type { ReadPace } from './read-pace.ts';

export interface ReadError {
  readonly shardId: string;
  readonly error: Error;
  /** What the reader does now; after `fatal` it ends. */
  readonly action: 'renew-iterator' | 'retry' | 'fatal';
}

export interface ShardReaderOptions {
  readonly client: ReadClient;
  readonly streamName: string;
  readonly shard: ShardInfo;
  readonly start: ShardPosition;
  readonly recordsPerCall: number;
  readonly pollIntervalMs: number;
  /** Reading ends once everything that arrived before this time is read; Infinity: never. */
  readonly untilMs: number;
  /** Without one answer for this time the service counts as unavailable for good. */
  readonly unavailableMs: number;
  readonly isHashRangeChecked: boolean;
  readonly pace: ReadPace;
  readonly nowMs: () => number;
  readonly onGetRecordsError: ((error: ReadError) => void) | undefined;
}

/** Arrival times are approximate: records that came within a second of each other may be in either order. (inferred) */
const ARRIVAL_MARGIN_MS = 1000;
/** A service may garble an answer once; one that cannot write CBOR does so always. */
const UNREADABLE_MAX = 3;
const MASK_64 = (1n << 64n) - 1n;

function rangeOf(shard: ShardInfo): HashRange {
  const first = BigInt(shard.startingHashKey);
  const last = BigInt(shard.endingHashKey);
  return BigUint64Array.of(first >> 64n, first & MASK_64, last >> 64n, last & MASK_64);
}

export class ShardReader {
  readonly shard: ShardInfo;
  readonly #options: ShardReaderOptions;
  readonly #range: HashRange | null;
  #position: ShardPosition;
  #iterator: string | null = null;
  readonly #failing = new Trouble();
  /** Answers in CBOR that could not be read, one after the other. */
  #unreadableCount = 0;
  /** How far reading had come when it last got on, and when that was. */
  #readToMs = Number.NEGATIVE_INFINITY;
  /** Answers that bring it no further. */
  readonly #standing = new Trouble();
  /** `open`; `closed`: read to the end of the shard; `until`: read as far as was wanted. */
  state: 'open' | 'closed' | 'until' = 'open';

  constructor(options: ShardReaderOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.#position = options.start;
    this.#range = options.isHashRangeChecked ? rangeOf(options.shard) : null;
  }

  /** Where to go on after everything that was committed. */
  get position(): ShardPosition {
    return this.state === 'closed' ? { type: 'FINISHED' } : this.#position;
  }

  /** How long to wait before the next attempt. */
  waitMs(): number {
    return this.#options.pace.waitMs(this.#options.nowMs());
  }

  /**
   * One attempt at the next answer.
   * @param memory What reads the answer; it is the caller's, and in use until commit().
   * @returns Null when the attempt failed and is worth repeating after waitMs().
   * @throws {MillraceError} When it is not. The signal's reason, when that ended it.
   */
  async attempt(
    memory: AnswerMemory,
    signal: AbortSignal,
  ): Promise<{ answer: Answer; outline: AnswerOutline } | null> {
    const { client, nowMs, pace, recordsPerCall } = this.#options;
    try {
      this.#iterator ??= await this.#firstIterator(signal);
      const startMs = nowMs();
      const { body, wire } = await client.records(this.#iterator, recordsPerCall, signal, memory.bodyFor);
      const answer = memory.answerFor(wire);
      const outline = this.#open(answer, body, wire);
      this.#failing.end();
      pace.succeeded(startMs, body.length);
      this.#goOn(outline, startMs);
      return { answer, outline };
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof MillraceError) throw error;
      this.#failed(error as Error);
      return null;
    }
  }

  async #firstIterator(signal: AbortSignal): Promise<string> {
    const { client, nowMs, shard } = this.#options;
    const beforeMs = nowMs();
    const iterator = await client.shardIterator(shard.shardId, this.#position, signal);
    // "The latest" moves on, but asking again after a pause or a lost iterator must mean the same moment.
    if (this.#position.type === 'LATEST') this.#position = { type: 'AT_TIMESTAMP', timestampMs: beforeMs };
    return iterator;
  }

  #open(answer: Answer, body: Buffer, wire: Wire): AnswerOutline {
    try {
      const outline = answer.open(body, this.#range);
      this.#unreadableCount = 0;
      return outline;
    } catch (error) {
      if (wire === 'cbor' && ++this.#unreadableCount === UNREADABLE_MAX) this.#options.client.giveUpCbor();
      throw error;
    }
  }

  #goOn(outline: AnswerOutline, startMs: number): void {
    const { pace, pollIntervalMs, untilMs } = this.#options;
    this.#iterator = outline.nextIterator;
    if (outline.nextIterator === null) {
      this.state = 'closed';
      return;
    }
    const behindMs = outline.millisBehindLatest ?? 0;
    const isEmpty = outline.recordCount === 0;
    // Whatever arrived before this moment has been read.
    const readToMs = startMs - behindMs;
    // Only an empty answer is believed: some endpoints say that nothing is behind whenever they are asked.
    if (isEmpty && readToMs >= untilMs + (behindMs > 0 ? ARRIVAL_MARGIN_MS : 0)) this.state = 'until';
    else if (behindMs === 0 ? startMs < untilMs : isEmpty && behindMs < pollIntervalMs)
      pace.rest(startMs, pollIntervalMs);
    if (!isEmpty || readToMs > this.#readToMs + ARRIVAL_MARGIN_MS) {
      this.#readToMs = readToMs;
      this.#standing.end();
    }
    const standingMs = this.#standing.add(startMs);
    if (this.state === 'open' && standingMs >= this.#options.unavailableMs) throw this.#stuck(behindMs);
  }

  /** Always behind, with nothing in any answer: waiting for an end would take for ever. */
  #stuck(behindMs: number): MillraceError {
    const { unavailableMs, shard, streamName } = this.#options;
    const message = `Cannot read stream ${streamName} to its end: shard ${shard.shardId} has brought nothing in ${Math.round(unavailableMs / 1000)} s, and still says that it is ${behindMs} ms behind`;
    return new MillraceError('MILLRACE_SERVICE_AWAY', message, { exitCode: EXIT.resumable });
  }

  /** The answer's records are dealt with. @param last The last of them; null where there was none. */
  commit(last: { readonly sequenceNumber: string; readonly arrivalMs: number } | null): void {
    if (last === null) return;
    this.#position = { type: 'AFTER_SEQUENCE_NUMBER', sequenceNumber: last.sequenceNumber };
    // With busy producers the tip is never reached: a record that came clearly later is as good.
    const isLater = last.arrivalMs > this.#options.untilMs + ARRIVAL_MARGIN_MS;
    if (isLater && this.state === 'open') this.state = 'until';
  }

  #failed(error: Error): void {
    const { unavailableMs, client, nowMs, onGetRecordsError, pace, shard, streamName } = this.#options;
    const failure = classifyReadFailure(error, streamName);
    const now = nowMs();
    if (failure.kind === 'fatal' || (failure.kind === 'denied' && !client.hasRead)) {
      onGetRecordsError?.({ shardId: shard.shardId, error, action: 'fatal' });
      throw failure.error;
    }
    if (this.#failing.add(now) >= unavailableMs) {
      onGetRecordsError?.({ shardId: shard.shardId, error, action: 'fatal' });
      if (failure.kind === 'denied') throw failure.error;
      const message = `Cannot read stream ${streamName}: no answer for shard ${shard.shardId} in ${Math.round(unavailableMs / 1000)} s, at last ${error.message}`;
      throw new MillraceError('MILLRACE_SERVICE_AWAY', message, { exitCode: EXIT.resumable, cause: error });
    }
    const isExpired = failure.kind === 'expired';
    onGetRecordsError?.({ shardId: shard.shardId, error, action: isExpired ? 'renew-iterator' : 'retry' });
    if (isExpired) this.#iterator = null;
    pace.failed(now);
  }
}
