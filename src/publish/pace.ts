/**
 * Pace: how fast one shard may be written to, learned from what it refuses.
 * Takes  the shard's known limits, the share left to others, and the outcome of each request.
 * Gives  how long to wait before the next batch may go.
 * Owns   two token buckets (records, bytes), the shard's AIMD factor and its backoff. Pure: the caller brings the clock and chance.
 * Never  sends, waits or counts for the report: see publisher.ts.
 *
 * A provisioned shard has a known ceiling. An on-demand shard starts without one: the first throttle sets it to what the shard
 * was taking at that moment, and quiet time raises it again.
 *
 * Answers are evaluated a quarter second at a time. A share of records that was refused lowers the factor; a full shard then refuses
 * less. Where a slower shard refuses as much as before, its refusals are not about pace: they are noise, the factor goes back
 * to where it was, and only refusals beyond the noise count for the next seconds. Nobody gains when a sender slows down for noise.
 */
import { compare, type Epoch } from './epoch.ts';
import type { Rate } from './sink.ts';

/** A throttled shard goes down to no less than this share of its ceiling, so that it can notice that the storm is over. */
const FACTOR_MIN = 0.02;
/** A quiet shard wins back this share of its ceiling per second: the whole of it within four seconds. */
const RECOVERY_PER_SECOND = 0.3;
/** The same while it still refuses: slowly, or a full shard would be sent too much all the time. */
const RECOVERY_PER_SECOND_REFUSED = 0.1;
/** Backoff of a shard that refuses most of a request: full jitter up to base x 2^attempts. */
const BACKOFF_BASE_MS = 50;
const BACKOFF_MAX_MS = 4_000;
/** Growth of a learned ceiling in quiet time, per second. */
const LEARNED_GROWTH_PER_SECOND = 0.1;
/** It grows to at most this multiple of what the shard was last seen to take, or after some hours it would have no bound. */
const LEARNED_HEADROOM = 2;
/** Tokens that a bucket holds at most, in seconds of its rate. */
const BURST_SECONDS = 1;

/** Answers are evaluated together once they span this time and hold this many records; after the longer time few records must do. */
const EPOCH_MS = 250;
const EPOCH_RECORDS = 300;
const EPOCH_MS_MAX = 2_000;
/** What is taken for noise is tried again after this time. */
const NOISE_LIFE_MS = 10_000;
/** Refusals up to this multiple of the noise are noise: a quarter second's sample is not exact. */
const NOISE_SLACK = 1.25;
/** Noise hardly ever refuses more records than this in a row: if it refuses four in ten, less than once in a thousand times. */
const NOISE_IN_ROW_MAX = 8;
const NOTHING: Rate = { recordsPerSecond: 0, bytesPerSecond: 0 };

export class ShardPace {
  #limits: Rate;
  #factor = 1;
  #recordTokens: number;
  #byteTokens: number;
  #refilledAtMs: number;
  #notBeforeMs = 0;
  #attempts = 0;
  #isLearned = false;
  /** Accepted records and bytes per second, smoothed over about a second; what a learned ceiling starts from. */
  #acceptedRecordsPerSecond = 0;
  #acceptedBytesPerSecond = 0;
  #acceptedAtMs: number;
  /** The epoch that is open. The first one begins with the first batch. */
  #epochAtMs: number;
  #hasBegun = false;
  #epochRecords = 0;
  #epochRefused = 0;
  #isRefusing = false;
  /** Records that were refused since the last one was stored. */
  #refusedInRow = 0;
  /** Share of refusals that slowing down did not change, and when that was found. */
  #noise = 0;
  #noiseAtMs = 0;
  /** Where the factor stood before it was lowered, and what the shard refused then: what the next epochs are compared with. */
  #before: (Epoch & { readonly factor: number; readonly limits: Rate }) | null = null;
  readonly #share: number;
  readonly #random: () => number;
  readonly #least: Rate;

  /**
   * @param ceiling What the shard as a whole takes; Infinity where that is not known.
   * @param share The part of it that may be used, above 0 to 1; also of a ceiling that is learned later.
   * @param random Uniform in [0, 1): the jitter.
   * @param least What every shard takes: no lower ceiling is learned.
   */
  constructor(ceiling: Rate, share: number, nowMs: number, random: () => number, least: Rate = NOTHING) {
    this.#limits = {
      recordsPerSecond: ceiling.recordsPerSecond * share,
      bytesPerSecond: ceiling.bytesPerSecond * share,
    };
    this.#share = share;
    this.#recordTokens = this.#limits.recordsPerSecond * BURST_SECONDS;
    this.#byteTokens = this.#limits.bytesPerSecond * BURST_SECONDS;
    this.#refilledAtMs = nowMs;
    this.#acceptedAtMs = nowMs;
    this.#epochAtMs = nowMs;
    this.#random = random;
    this.#least = least;
  }

  /** Share of the ceiling that is in use, 0.02 to 1. */
  get factor(): number {
    return this.#factor;
  }

  /**
   * Takes over what another pace has learned, for the shard that follows it after a split or merge: its factor, its rest, its
   * noise and its learned ceiling, as much of it as this publisher's part of the shard is.
   */
  inherit(parent: ShardPace): void {
    this.#factor = Math.min(this.#factor, parent.#factor);
    this.#attempts = Math.max(this.#attempts, parent.#attempts);
    this.#notBeforeMs = Math.max(this.#notBeforeMs, parent.#notBeforeMs);
    this.#noise = Math.max(this.#noise, parent.#noise);
    this.#noiseAtMs = Math.max(this.#noiseAtMs, parent.#noiseAtMs);
    if (!parent.#isLearned) return;
    const part = this.#share / parent.#share;
    this.#isLearned = true;
    this.#limits = {
      recordsPerSecond: Math.min(this.#limits.recordsPerSecond, parent.#limits.recordsPerSecond * part),
      bytesPerSecond: Math.min(this.#limits.bytesPerSecond, parent.#limits.bytesPerSecond * part),
    };
    this.#recordTokens = Math.min(this.#recordTokens, this.#limits.recordsPerSecond * BURST_SECONDS);
    this.#byteTokens = Math.min(this.#byteTokens, this.#limits.bytesPerSecond * BURST_SECONDS);
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

  /**
   * Milliseconds for which a batch may wait longer than it has to, and the shard takes no less over time: until its bucket is full.
   * 0 where there is no bound, and while the shard refuses: then the pace alone says when.
   */
  spareMs(nowMs: number): number {
    this.#refill(nowMs);
    const { recordsPerSecond, bytesPerSecond } = this.#limits;
    if (this.#factor < 1 || this.#notBeforeMs > nowMs || !Number.isFinite(recordsPerSecond)) return 0;
    // The emptier bucket is the one that holds the shard.
    const records = BURST_SECONDS - this.#recordTokens / recordsPerSecond;
    const bytes = BURST_SECONDS - this.#byteTokens / bytesPerSecond;
    return Math.max(records, bytes) * 1000;
  }

  /** Takes the tokens of a batch that is being sent. They may go below zero: the debt delays the next one. */
  take(records: number, bytes: number, nowMs: number): void {
    this.#refill(nowMs);
    if (!this.#hasBegun) this.#epochAtMs = nowMs;
    this.#hasBegun = true;
    this.#recordTokens -= records;
    this.#byteTokens -= bytes;
  }

  /** Learns from a request that was answered: how much was stored, how much refused because the shard was full. */
  onAnswer(stored: { records: number; bytes: number }, throttledRecords: number, nowMs: number): void {
    this.#accept(stored.records, stored.bytes, nowMs);
    if (throttledRecords === 0) this.#attempts = 0;
    this.#refusedInRow = stored.records === 0 ? this.#refusedInRow + throttledRecords : 0;
    // The pace answers for refusals of a part. A shard that takes next to nothing is given a rest as well, but not for the few records
    // that noise refuses now and then.
    const isOverrun =
      this.#noise === 0 ? throttledRecords > stored.records : this.#refusedInRow > NOISE_IN_ROW_MAX;
    if (isOverrun) this.#backOff(stored.records === 0, nowMs);
    this.#epochRecords += stored.records + throttledRecords;
    this.#epochRefused += throttledRecords;
    const elapsedMs = nowMs - this.#epochAtMs;
    if (elapsedMs < EPOCH_MS || (this.#epochRecords < EPOCH_RECORDS && elapsedMs < EPOCH_MS_MAX)) return;
    // After a pause nothing can be compared: the shard may have changed by now.
    if (elapsedMs > 2 * EPOCH_MS_MAX) this.#before = null;
    const recordsPerSecond = (this.#epochRecords / elapsedMs) * 1_000;
    const refusedShare = this.#epochRefused / Math.max(1, this.#epochRecords);
    this.#epochAtMs = nowMs;
    this.#epochRecords = 0;
    this.#epochRefused = 0;
    this.#judge({ recordsPerSecond, refusedShare }, nowMs);
  }

  /**
   * Backs off after a request that failed as a whole, or that did so for some records.
   * @param failures How often these records failed before: other requests that go well must not reset their patience.
   */
  onRequestFailed(nowMs: number, failures = 0): void {
    this.#attempts = Math.max(this.#attempts, failures);
    this.#backOff(true, nowMs);
  }

  #judge(epoch: Epoch, nowMs: number): void {
    const { refusedShare } = epoch;
    if (nowMs - this.#noiseAtMs > NOISE_LIFE_MS) this.#noise = 0;
    if (refusedShare < this.#noise) this.#noise += (refusedShare - this.#noise) / 4;
    const excess = Math.max(0, refusedShare - this.#noise * NOISE_SLACK);
    this.#isRefusing = excess > 0;
    if (excess === 0) {
      this.#before = null;
      return;
    }
    const before = this.#before;
    const verdict = before === null ? 'fuller' : compare(before, epoch);
    if (before !== null && verdict === 'noise') {
      this.#noise = refusedShare;
      this.#noiseAtMs = nowMs;
      this.#isRefusing = false;
      this.#factor = Math.max(this.#factor, before.factor);
      this.#limits = before.limits;
      this.#isLearned &&= Number.isFinite(before.limits.recordsPerSecond);
      this.#before = null;
      return;
    }
    if (verdict === 'fuller') this.#before = { ...epoch, factor: this.#factor, limits: this.#limits };
    else if (before !== null && verdict === 'faster') this.#before = { ...before, ...epoch };
    this.#learnCeiling();
    this.#factor = Math.max(FACTOR_MIN, this.#factor * (1 - excess / 2));
  }

  #backOff(hasStoredNothing: boolean, nowMs: number): void {
    // A shard that takes some of a request is not overrun: its wait does not grow.
    this.#attempts = hasStoredNothing ? this.#attempts + 1 : 1;
    const capMs = Math.min(BACKOFF_MAX_MS, BACKOFF_BASE_MS * 2 ** this.#attempts);
    this.#notBeforeMs = nowMs + this.#random() * capMs;
  }

  get #growthMax(): number {
    const { recordsPerSecond, bytesPerSecond } = this.#limits;
    const records = this.#acceptedRecordsPerSecond / recordsPerSecond;
    const bytes = this.#acceptedBytesPerSecond / bytesPerSecond;
    return Math.max(1, LEARNED_HEADROOM * Math.max(records, bytes));
  }

  #learnCeiling(): void {
    if (this.#isLearned || Number.isFinite(this.#limits.bytesPerSecond)) return;
    this.#isLearned = true;
    this.#limits = {
      recordsPerSecond: Math.max(this.#least.recordsPerSecond, this.#acceptedRecordsPerSecond) * this.#share,
      bytesPerSecond: Math.max(this.#least.bytesPerSecond, this.#acceptedBytesPerSecond) * this.#share,
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
    const recovery = this.#isRefusing ? RECOVERY_PER_SECOND_REFUSED : RECOVERY_PER_SECOND;
    this.#factor = Math.min(1, this.#factor + recovery * elapsedSeconds);
    if (this.#isLearned && this.#factor === 1) {
      const growth = Math.min(1 + LEARNED_GROWTH_PER_SECOND * elapsedSeconds, this.#growthMax);
      this.#limits = {
        recordsPerSecond: this.#limits.recordsPerSecond * growth,
        bytesPerSecond: this.#limits.bytesPerSecond * growth,
      };
    }
    this.#recordTokens = refilled(
      this.#recordTokens,
      this.#limits.recordsPerSecond * this.#factor,
      elapsedSeconds,
    );
    this.#byteTokens = refilled(this.#byteTokens, this.#limits.bytesPerSecond * this.#factor, elapsedSeconds);
  }
}

function refilled(tokens: number, ratePerSecond: number, elapsedSeconds: number): number {
  // Infinity - Infinity is not a number: an unbounded bucket stays full.
  if (ratePerSecond === Number.POSITIVE_INFINITY) return ratePerSecond;
  return Math.min(ratePerSecond * BURST_SECONDS, tokens + ratePerSecond * elapsedSeconds);
}

/** Time until `tokens` have grown to `wanted`, or to a full bucket where `wanted` is more than that. */
function missingMs(wanted: number, tokens: number, ratePerSecond: number): number {
  if (ratePerSecond === Number.POSITIVE_INFINITY) return 0;
  const missing = Math.min(wanted, ratePerSecond * BURST_SECONDS) - tokens;
  return missing > 0 ? (missing / ratePerSecond) * 1000 : 0;
}
