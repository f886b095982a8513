/**
 * TokenBucket: one limit per second of one shard. Pure policy: the clock is an argument.
 * Takes  an amount and the time.
 * Gives  whether it fits. Takes nothing where it does not fit.
 */
export class TokenBucket {
  readonly perSecond: number;
  readonly capacity: number;
  #tokens: number;
  #filledAtMs: number;

  /**
   * @param perSecond Refill, amounts a second.
   * @param capacity What a rested bucket holds: the burst. One second's refill unless given.
   */
  constructor(perSecond: number, nowMs: number, capacity = perSecond) {
    this.perSecond = perSecond;
    this.capacity = capacity;
    this.#tokens = capacity;
    this.#filledAtMs = nowMs;
  }

  /** An amount above the capacity fits a full bucket, which then owes the rest: a 10 MiB record must pass at 1 MiB/s some time. */
  has(amount: number, nowMs: number): boolean {
    if (nowMs > this.#filledAtMs) {
      this.#tokens = Math.min(
        this.capacity,
        this.#tokens + ((nowMs - this.#filledAtMs) * this.perSecond) / 1000,
      );
    }
    this.#filledAtMs = nowMs;
    return this.#tokens >= Math.min(amount, this.capacity);
  }

  take(amount: number): void {
    this.#tokens -= amount;
  }
}
