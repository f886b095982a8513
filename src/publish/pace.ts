/**
 * Pace: how fast one shard may be written to, learned from what it refuses.
 * Takes  the shard's known limits, the share left to others, and the outcome of each request.
 * Gives  how long to wait before the next batch may go.
 * Owns   two token buckets (records, bytes), the shard's AIMD factor and its backoff. Pure: the caller brings the clock and chance.
 * Never  sends, waits or counts for the report: see publisher.ts.
 *
 * A provisioned shard has a known ceiling. An on-demand shard starts without one: the first throttle sets it to what the shard
 * was taking at that moment, and quiet time raises it again.
 */
import { KINESIS } from '../limits.ts';

export interface PaceLimits {
  /** Ceiling in records per second, Infinity where none is known. */
  readonly recordsPerSecond: number;
  /** Ceiling in bytes per second (data plus partition keys), Infinity where none is known. */
  readonly bytesPerSecond: number;
}

/** A throttled shard goes down to no less than this share of its ceiling, so that it can notice that the storm is over. */
const FACTOR_MIN = 0.02;
/** A quiet shard wins back this share of its ceiling per second: the whole of it within five seconds. */
const RECOVERY_PER_SECOND = 0.2;
/** At most one decrease in this time: the requests in flight when a shard throttles all report the same event. */
const DECREASE_INTERVAL_MS = 250;
/** Backoff of a shard that refuses most of a request: full jitter up to base x 2^attempts. */
const BACKOFF_BASE_MS = 50;
const BACKOFF_MAX_MS = 4_000;
/** Growth of a learned ceiling in quiet time, per second. */
const LEARNED_GROWTH_PER_SECOND = 0.1;
/** A ceiling learned from a shard's first throttle is at least this, a tenth of what any shard takes. */
const LEARNED_RECORDS_MIN = KINESIS.shardRecordsPerSecond / 10;
const LEARNED_BYTES_MIN = KINESIS.shardBytesPerSecond / 10;
/** Tokens that a bucket holds at most, in seconds of its rate. */
const BURST_SECONDS = 1;

export class ShardPace {
  #limits: PaceLimits;
  #factor = 1;
  #recordTokens: number;
  #byteTokens: number;
  #refilledAtMs: number;
  #decreasedAtMs = Number.NEGATIVE_INFINITY;
  #notBeforeMs = 0;
  #attempts = 0;
  #isLearned = false;
  /** Accepted records and bytes per second, smoothed over about a second; what a learned ceiling starts from. */
  #acceptedRecordsPerSecond = 0;
  #acceptedBytesPerSecond = 0;
  #acceptedAtMs: number;
  readonly #share: number;
  readonly #random: () => number;

  /**
   * @param ceiling What the shard as a whole takes.
   * @param share The part of it that may be used, above 0 to 1; also of a ceiling that is learned later.
   * @param random Uniform in [0, 1): the jitter.
   */
  constructor(ceiling: PaceLimits, share: number, nowMs: number, random: () => number) {
    this.#limits = {
      recordsPerSecond: ceiling.recordsPerSecond * share,
      bytesPerSecond: ceiling.bytesPerSecond * share,
    };
    this.#share = share;
    this.#recordTokens = this.#limits.recordsPerSecond * BURST_SECONDS;
    this.#byteTokens = this.#limits.bytesPerSecond * BURST_SECONDS;
    this.#refilledAtMs = nowMs;
    this.#acceptedAtMs = nowMs;
    this.#random = random;
  }

  /** Share of the ceiling that is in use, 0.02 to 1. */
  get factor(): number {
    return this.#factor;
  }

  /** Takes over what another pace has learned: for the shard that follows it after a split or merge. */
  inherit(parent: ShardPace): void {
    this.#factor = Math.min(this.#factor, parent.#factor);
    this.#attempts = Math.max(this.#attempts, parent.#attempts);
    this.#notBeforeMs = Math.max(this.#notBeforeMs, parent.#notBeforeMs);
  }

  /** Milliseconds until a batch of this size may go; 0 = now. A batch larger than the bucket goes when the bucket is full. */
  delayMs(records: number, bytes: number, nowMs: number): number {
    this.#refill(nowMs);
    const backoffMs = this.#notBeforeMs - nowMs;
    const recordsRate = this.#limits.recordsPerSecond * this.#factor;
    const bytesRate = this.#limits.bytesPerSecond * this.#factor;
    const recordsMs = missingMs(records, this.#recordTokens, recordsRate);
    const bytesMs = missingMs(bytes, this.#byteTokens, bytesRate);
    return Math.max(0, backoffMs, recordsMs, bytesMs);
  }

  /** Takes the tokens of a batch that is being sent. They may go below zero: the debt delays the next one. */
  take(records: number, bytes: number, nowMs: number): void {
    this.#refill(nowMs);
    this.#recordTokens -= records;
    this.#byteTokens -= bytes;
  }

  /** Learns from a request that was answered: how much was stored, how much refused because the shard was full. */
  onAnswer(stored: { records: number; bytes: number }, throttledRecords: number, nowMs: number): void {
    this.#accept(stored.records, stored.bytes, nowMs);
    if (throttledRecords === 0) {
      this.#attempts = 0;
      return;
    }
    const refusedShare = throttledRecords / (throttledRecords + stored.records);
    this.#backOff(refusedShare, nowMs);
    if (nowMs - this.#decreasedAtMs < DECREASE_INTERVAL_MS) return;
    this.#decreasedAtMs = nowMs;
    this.#learnCeiling();
    this.#factor = Math.max(FACTOR_MIN, this.#factor * (1 - refusedShare / 2));
  }

  /**
   * Backs off after a request that failed as a whole, or that ended in InternalFailure for some records.
   * @param failures How often these records failed before: other requests that go well must not reset their patience.
   */
  onRequestFailed(nowMs: number, failures = 0): void {
    this.#attempts = Math.max(this.#attempts, failures);
    this.#backOff(1, nowMs);
  }

  #backOff(refusedShare: number, nowMs: number): void {
    // A shard that takes most of a request is near its limit, not overrun: it waits a little, and does not escalate.
    this.#attempts = refusedShare > 0.5 ? this.#attempts + 1 : 1;
    const capMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** this.#attempts);
    this.#notBeforeMs = nowMs + this.#random() * capMs;
  }

  #learnCeiling(): void {
    if (this.#isLearned || Number.isFinite(this.#limits.bytesPerSecond)) return;
    this.#isLearned = true;
    this.#limits = {
      recordsPerSecond: Math.max(LEARNED_RECORDS_MIN, this.#acceptedRecordsPerSecond * this.#share),
      bytesPerSecond: Math.max(LEARNED_BYTES_MIN, this.#acceptedBytesPerSecond * this.#share),
    };
    this.#recordTokens = 0;
    this.#byteTokens = 0;
  }

  #accept(records: number, bytes: number, nowMs: number): void {
    const elapsedSeconds = Math.max((nowMs - this.#acceptedAtMs) / 1000, 1e-3);
    this.#acceptedAtMs = nowMs;
    const weight = 1 - Math.exp(-elapsedSeconds);
    this.#acceptedRecordsPerSecond += weight * (records / elapsedSeconds - this.#acceptedRecordsPerSecond);
    this.#acceptedBytesPerSecond += weight * (bytes / elapsedSeconds - this.#acceptedBytesPerSecond);
  }

  #refill(nowMs: number): void {
    const elapsedSeconds = (nowMs - this.#refilledAtMs) / 1000;
    if (elapsedSeconds <= 0) return;
    this.#refilledAtMs = nowMs;
    this.#factor = Math.min(1, this.#factor + RECOVERY_PER_SECOND * elapsedSeconds);
    if (this.#isLearned && this.#factor === 1) {
      const growth = 1 + LEARNED_GROWTH_PER_SECOND * elapsedSeconds;
      this.#limits = {
        recordsPerSecond: this.#limits.recordsPerSecond * growth,
        bytesPerSecond: this.#limits.bytesPerSecond * growth,
      };
    }
    const recordsRate = this.#limits.recordsPerSecond * this.#factor;
    const bytesRate = this.#limits.bytesPerSecond * this.#factor;
    this.#recordTokens = Math.min(
      recordsRate * BURST_SECONDS,
      this.#recordTokens + recordsRate * elapsedSeconds,
    );
    this.#byteTokens = Math.min(bytesRate * BURST_SECONDS, this.#byteTokens + bytesRate * elapsedSeconds);
  }
}

/** Time until `tokens` have grown to `wanted`, or to a full bucket where `wanted` is more than that. */
function missingMs(wanted: number, tokens: number, ratePerSecond: number): number {
  if (ratePerSecond === Number.POSITIVE_INFINITY) return 0;
  const missing = Math.min(wanted, ratePerSecond * BURST_SECONDS) - tokens;
  return missing > 0 ? (missing / ratePerSecond) * 1000 : 0;
}
