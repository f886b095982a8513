/**
 * Download: one byte range of one pinned object, whatever the network does meanwhile.
 * Takes  an object, a range, and a sink that may run out of room.
 * Gives  every byte of the range to the sink, once and in order.
 * Owns   resumption: after a cut, a stall or a refusal it asks again from the byte reached, still under If-Match.
 * Never  knows what the bytes mean.
 */
import type { AnswerBody } from '../aws/http-body.ts';
import { objectUri } from '../base/object-uri.ts';
import type { SourceObject } from './object.ts';
import type { SegmentSum } from './proofs.ts';
import { type Clock, Retry, type RetryPolicy } from './retry.ts';
import type { RangeReader } from './source.ts';
import { SourceFailure } from './source-failure.ts';
import { Denials, type Witness } from './witness.ts';

/** Where bytes go. */
export interface ByteSink {
  /** @returns Bytes taken; fewer than offered and not `done`: wait for `room()` and offer the rest. */
  write(chunk: Uint8Array): number;
  /** Memory that the next bytes may be put into before they are written, or null. It stays the sink's; `write` moves it on. */
  place?(): Uint8Array | null;
  /** Resolves when `write` can take something again. */
  room(): Promise<void>;
  /** No more bytes are wanted. */
  readonly done: boolean;
}

/** Counted over a whole run. */
export interface DownloadStats {
  /** Requests sent. */
  requests: number;
  /** Body bytes received. */
  bytes: number;
  /** Requests that had to be repeated, throttles included. */
  retries: number;
  throttles: number;
}

export interface DownloadContext {
  readonly reader: RangeReader;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  /** A body (or an answer) that brings fewer than STALL_BYTES_MIN bytes in this time is given up and asked for again. Default 20 s. */
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly stats: DownloadStats;
  readonly onThrottle: () => void;
  readonly onSuccess: () => void;
  readonly witness: Witness;
}

/** Fewer bytes than this in a stall timeout do not count as a download. */
export const STALL_BYTES_MIN = 1024;

/**
 * @param start First byte. @param end Byte after the last, at most `object.size`.
 * @returns The byte reached: `end`, or less when the sink was done before.
 * @throws {MillraceError} OBJECT_CHANGED, OBJECT_UNREADABLE, SERVICE_AWAY or SOURCE. Bytes given to the sink stay valid.
 */
export async function download(
  context: DownloadContext,
  object: SourceObject,
  start: number,
  end: number,
  sink: ByteSink,
  sum: SegmentSum | null = null,
): Promise<number> {
  const what = `read ${objectUri(object)}`;
  const denials = new Denials(context.witness, object);
  const retry = new Retry(context.retry, context.clock, what, (kind) => denials.mayPass(kind));
  let position = start;
  while (position < end && !sink.done) {
    context.signal.throwIfAborted();
    const attempt = new Attempt(context, object, position, end, sink, sum);
    try {
      await attempt.run();
      position = attempt.position;
      context.witness.saw(object);
      context.onSuccess();
    } catch (error) {
      context.signal.throwIfAborted();
      const failure = context.reader.classify(error);
      if (attempt.position - position >= Math.min(STALL_BYTES_MIN, end - position)) retry.progressed();
      position = attempt.position;
      if (failure.kind === 'throttle') {
        context.stats.throttles++;
        context.onThrottle();
      }
      if (failure.kind === 'denied' || failure.kind === 'identity') await denials.judge();
      await retry.failed(failure, context.signal).catch((ending: unknown) => {
        throw context.signal.aborted ? ending : denials.asEnding(ending);
      });
      context.stats.retries++;
      await context.reader.renew(failure).catch(() => {}); // the next attempt says what is wrong
    }
  }
  return position;
}

/** One request, from its sending to the last byte that the sink wants. */
class Attempt {
  readonly #context: DownloadContext;
  readonly #object: SourceObject;
  readonly #start: number;
  readonly #end: number;
  readonly #sink: ByteSink;
  readonly #sum: SegmentSum | null;
  readonly #controller = new AbortController();
  /** Byte of the object that comes next. */
  position: number;
  #stall: SourceFailure | null = null;

  constructor(
    context: DownloadContext,
    object: SourceObject,
    start: number,
    end: number,
    sink: ByteSink,
    sum: SegmentSum | null,
  ) {
    this.#context = context;
    this.#object = object;
    this.#start = start;
    this.#end = end;
    this.#sink = sink;
    this.#sum = sum;
    this.position = start;
  }

  async run(): Promise<void> {
    const { signal, reader, stats } = this.#context;
    const abort = () => this.#controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const watch = new StallWatch(this.#context.clock, this.#context.stallTimeoutMs, () => {
      this.#stall = new SourceFailure('transient', `no answer within ${this.#context.stallTimeoutMs} ms`, {
        serviceCode: 'Stalled',
      });
      this.#controller.abort(this.#stall);
    });
    try {
      stats.requests++;
      const { body, checksum } = await reader.read(
        this.#object,
        this.#start,
        this.#end,
        this.#controller.signal,
      );
      this.#sum?.answered(checksum);
      await this.#pump(body, watch);
    } catch (error) {
      throw this.#stall ?? error;
    } finally {
      watch.stop();
      signal.removeEventListener('abort', abort);
    }
  }

  /** Moves the body into the sink, straight from where it was received. */
  async #pump(body: AnswerBody, watch: StallWatch): Promise<void> {
    const { stats, signal } = this.#context;
    let sinkError: unknown = null;
    await body.read(
      (bytes) => {
        if (bytes.length > this.#end - this.position) {
          throw new SourceFailure('unreadable', 'the body is longer than the range asked for');
        }
        const taken = this.#sink.write(bytes);
        this.#sum?.add(this.position, bytes.subarray(0, taken));
        this.position += taken;
        stats.bytes += taken;
        watch.received(taken);
        if (this.#sink.done) {
          body.discard();
        } else if (taken < bytes.length) {
          watch.pause();
          this.#sink.room().then(
            () => {
              watch.resume();
              body.resume();
            },
            (error: unknown) => {
              sinkError = error;
              body.discard();
            },
          );
        }
        return taken;
      },
      () => this.#sink.place?.() ?? null,
    );
    if (sinkError !== null) throw sinkError;
    signal.throwIfAborted();
    if (this.position < this.#end && !this.#sink.done) {
      throw new SourceFailure('transient', `the body ended ${this.#end - this.position} bytes early`);
    }
  }
}

/** Notices that too little arrives. Looks twice in a timeout instead of moving a timer with every chunk. */
class StallWatch {
  readonly #clock: Clock;
  readonly #halfMs: number;
  readonly #onStall: () => void;
  #received = 0;
  #receivedBefore = STALL_BYTES_MIN;
  #cancel: (() => void) | null = null;
  #isStopped = false;

  constructor(clock: Clock, stallTimeoutMs: number, onStall: () => void) {
    this.#clock = clock;
    this.#halfMs = stallTimeoutMs / 2;
    this.#onStall = onStall;
    this.#arm();
  }

  received(bytes: number): void {
    this.#received += bytes;
  }

  /** We are the ones who do not read. */
  pause(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  resume(): void {
    if (this.#isStopped) return;
    this.#receivedBefore = STALL_BYTES_MIN;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.pause();
  }

  #arm(): void {
    this.#cancel = this.#clock.late(this.#halfMs, () => {
      this.#cancel = null;
      if (this.#received + this.#receivedBefore < STALL_BYTES_MIN) {
        this.#onStall();
        return;
      }
      this.#receivedBefore = this.#received;
      this.#received = 0;
      this.#arm();
    });
  }
}
