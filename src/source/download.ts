/**
 * Download: one byte range of one pinned object, whatever the network does meanwhile.
 * Takes  an object, a range, and a sink that may run out of room.
 * Gives  every byte of the range to the sink, once and in order.
 * Owns   resumption: after a cut, a stall or a refusal it asks again from the byte reached, still under If-Match.
 * Never  knows what the bytes mean.
 */
import type { IncomingMessage } from 'node:http';
import zlib from 'node:zlib';
import { failureOf, S3Failure } from './failure.ts';
import type { ObjectGetter } from './get-object.ts';
import type { SourceObject } from './object.ts';
import { type Clock, Retry, type RetryPolicy } from './retry.ts';

/** Where bytes go. */
export interface ByteSink {
  /** @returns Bytes taken; fewer than offered and not `done`: wait for `room()` and offer the rest. */
  write(chunk: Uint8Array): number;
  /** Resolves when `write` can take something again. */
  room(): Promise<void>;
  /** No more bytes are wanted. */
  readonly done: boolean;
}

/** Counted over a whole run. */
export interface DownloadStats {
  /** GetObject requests sent. */
  requests: number;
  /** Body bytes received. */
  bytes: number;
  /** Requests that had to be repeated, throttles included. */
  retries: number;
  throttles: number;
}

export interface DownloadContext {
  readonly getter: ObjectGetter;
  readonly clock: Clock;
  readonly retry: RetryPolicy;
  /** A body (or an answer) that brings fewer than STALL_BYTES_MIN bytes in this time is given up and asked for again. Default 20 s. */
  readonly stallTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly stats: DownloadStats;
  readonly onThrottle: () => void;
  readonly onSuccess: () => void;
}

/** Fewer bytes than these in a stall timeout are no download. */
export const STALL_BYTES_MIN = 1024;
/** A body whose rest is not wanted is read to its end when it is no longer than this: that is cheaper than a new connection. */
const DRAIN_BYTES_MAX = 256 * 1024;

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
): Promise<number> {
  const retry = new Retry(context.retry, context.clock, `read s3://${object.bucket}/${object.key}`);
  let position = start;
  while (position < end && !sink.done) {
    context.signal.throwIfAborted();
    const attempt = new Attempt(context, object, position, end, sink);
    try {
      await attempt.run();
      position = attempt.position;
      context.onSuccess();
    } catch (error) {
      context.signal.throwIfAborted();
      const failure = failureOf(error);
      if (attempt.position - position >= Math.min(STALL_BYTES_MIN, end - position)) retry.progressed();
      position = attempt.position;
      if (failure.kind === 'throttle') {
        context.stats.throttles++;
        context.onThrottle();
      }
      await retry.failed(failure, context.signal);
      context.stats.retries++;
      await context.getter.renew(failure).catch(() => {}); // the next attempt says what is wrong
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
  readonly #controller = new AbortController();
  /** Byte of the object that comes next. */
  position: number;
  #stall: S3Failure | null = null;
  #crc = 0;

  constructor(context: DownloadContext, object: SourceObject, start: number, end: number, sink: ByteSink) {
    this.#context = context;
    this.#object = object;
    this.#start = start;
    this.#end = end;
    this.#sink = sink;
    this.position = start;
  }

  async run(): Promise<void> {
    const { signal, getter, stats } = this.#context;
    const abort = () => this.#controller.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    const watch = new StallWatch(this.#context.clock, this.#context.stallTimeoutMs, () => {
      this.#stall = new S3Failure('transient', `no answer within ${this.#context.stallTimeoutMs} ms`, {
        awsCode: 'Stalled',
      });
      this.#controller.abort(this.#stall);
    });
    try {
      stats.requests++;
      const { body, crc32 } = await getter.get(this.#object, this.#start, this.#end, this.#controller.signal);
      await this.#pump(body, watch, crc32 !== null);
      if (crc32 !== null && this.position === this.#end) this.#checkCrc(crc32);
    } catch (error) {
      throw this.#stall ?? error;
    } finally {
      watch.stop();
      signal.removeEventListener('abort', abort);
    }
  }

  #checkCrc(expected: string): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#crc);
    const actual = bytes.toString('base64');
    if (actual !== expected) {
      throw new S3Failure('unreadable', `its bytes have the CRC32 ${actual}, S3 holds ${expected}`, {
        awsCode: 'BadChecksum',
      });
    }
  }

  /** Moves the body into the sink. Plain events: an async iterator would cost a promise and a copy of the backlog per chunk. */
  #pump(body: IncomingMessage, watch: StallWatch, isSummed: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      let isSettled = false;
      const settle = (error?: unknown) => {
        if (isSettled) return;
        isSettled = true;
        this.#controller.signal.removeEventListener('abort', onAbort);
        body.removeListener('data', onData);
        body.on('error', () => {}); // what happens to the rest is nobody's business any more
        if (this.#end - this.position <= DRAIN_BYTES_MAX && error === undefined) body.resume();
        else body.destroy();
        if (error === undefined) resolve();
        else reject(error);
      };
      const onAbort = () => settle(this.#controller.signal.reason);
      const offer = (chunk: Uint8Array) => {
        const taken = this.#sink.write(chunk);
        this.position += taken;
        if (this.#sink.done) return settle();
        if (taken === chunk.length) {
          if (hasEnded) settle();
          else if (body.isPaused()) body.resume();
          return;
        }
        body.pause();
        watch.pause();
        // The connection receives into one buffer (src/aws/reading-agent.ts): what is kept beyond this call is a copy.
        const rest = Uint8Array.from(chunk.subarray(taken));
        this.#sink
          .room()
          .then(() => {
            if (isSettled) return;
            watch.resume();
            offer(rest);
          })
          .catch(settle);
      };
      let received = this.position;
      let hasEnded = false;
      const onData = (chunk: Uint8Array) => {
        received += chunk.length;
        if (received > this.#end)
          return settle(new S3Failure('unreadable', 'the body is longer than the range asked for'));
        this.#context.stats.bytes += chunk.length;
        watch.received(chunk.length);
        if (isSummed) this.#crc = zlib.crc32(chunk, this.#crc);
        try {
          offer(chunk);
        } catch (error) {
          settle(error); // thrown within an event it would end the process
        }
      };
      const onEnd = () => {
        hasEnded = true;
        if (received < this.#end) {
          settle(new S3Failure('transient', `the body ended ${this.#end - received} bytes early`));
        } else if (this.position === this.#end) {
          settle();
        } // else the last bytes wait for room, although the stream is paused: offer() settles when they are in
      };
      body.on('data', onData);
      body.on('end', onEnd);
      body.on('error', (error) => settle(failureOf(error)));
      body.on('close', () => {
        if (!body.readableEnded)
          settle(new S3Failure('transient', 'the connection was closed within the body'));
      });
      this.#controller.signal.addEventListener('abort', onAbort, { once: true });
      if (this.#controller.signal.aborted) onAbort();
    });
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
    this.stop();
  }

  resume(): void {
    this.#receivedBefore = STALL_BYTES_MIN;
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(): void {
    this.#cancel = this.#clock.later(this.#halfMs, () => {
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
