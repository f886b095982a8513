/**
 * AdaptiveLimit: the policy that says how many downloads may run at once (additive increase, multiplicative decrease).
 * Takes  the outcome of each request and the time.
 * Gives  `limit`, 1 to `max`. A store scales a prefix gradually and answers SlowDown meanwhile (S3UG): fewer requests end that sooner
 *        than the same number retried.
 * Never  reads a clock or starts anything.
 */
export interface AdaptiveOptions {
  /** `--downloads`. The limit starts here: most runs are never throttled. */
  readonly max: number;
  /** After one halving further throttles are ignored for this long: they belong to the requests sent before it. Default 1000. */
  readonly quietMs?: number;
}

export class AdaptiveLimit {
  readonly max: number;
  readonly #quietMs: number;
  #limit: number;
  #successes = 0;
  #halvedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: AdaptiveOptions) {
    this.max = options.max;
    this.#quietMs = options.quietMs ?? 1000;
    this.#limit = options.max;
  }

  /** Downloads that may run now. */
  get limit(): number {
    return this.#limit;
  }

  /** One more after four rounds of `limit` requests without a throttle. @returns Whether the limit has grown. */
  succeeded(): boolean {
    if (this.#limit >= this.max || ++this.#successes < 4 * this.#limit) return false;
    this.#successes = 0;
    this.#limit++;
    return true;
  }

  /** @param nowMs Monotonic milliseconds. */
  throttled(nowMs: number): void {
    this.#successes = 0;
    if (nowMs - this.#halvedAtMs < this.#quietMs) return;
    this.#halvedAtMs = nowMs;
    this.#limit = Math.max(1, Math.floor(this.#limit / 2));
  }
}
