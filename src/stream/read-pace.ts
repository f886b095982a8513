/**
 * Read pace: when one shard may be asked again. Five calls and two MiB a second are shared by all readers of a shard.
 * Takes  the start and the size of every call, refusals; the caller's clock and chance.
 * Gives  the earliest time of the next call.
 * Never  waits or reads a clock itself.
 */
import { KINESIS } from '../base/limits.ts';

export interface ReadLimits {
  /** Default 5. Infinity for an endpoint without limits. */
  readonly callsPerSecond?: number;
  /** Default 2 MiB. Infinity for an endpoint without limits. */
  readonly bytesPerSecond?: number;
}

const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;

export class ReadPace {
  readonly #gapMs: number;
  readonly #msPerByte: number;
  readonly #random: () => number;
  #dueMs = 0;
  #failures = 0;

  constructor(limits: ReadLimits = {}, random: () => number = Math.random) {
    this.#gapMs = 1000 / (limits.callsPerSecond ?? KINESIS.shardReadsPerSecond);
    this.#msPerByte = 1000 / (limits.bytesPerSecond ?? KINESIS.shardReadBytesPerSecond);
    this.#random = random;
  }

  /** Milliseconds to wait before the next call. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#dueMs - nowMs);
  }

  /** A call that began at `startMs` brought this many bytes. They are paid for before the next call. */
  succeeded(startMs: number, bytes: number): void {
    this.#failures = 0;
    this.#dueMs = startMs + Math.max(this.#gapMs, bytes * this.#msPerByte);
  }

  /** The shard is read to its tip: leave it alone for a while. */
  rest(nowMs: number, pollIntervalMs: number): void {
    this.#dueMs = Math.max(this.#dueMs, nowMs + pollIntervalMs);
  }

  /** A call failed: wait twice as long as the last time, at random between half and whole, so that readers drift apart. */
  failed(nowMs: number): void {
    const ceilingMs = Math.min(BACKOFF_MS_MIN * 2 ** this.#failures++, BACKOFF_MS_MAX);
    this.#dueMs = nowMs + ceilingMs * (0.5 + this.#random() / 2);
  }
}
