/**
 * Retry: the one owner of repetition on the side of the source. An SDK's own retries are off (`maxAttempts: 1`).
 * Takes  failures of one piece of work, and word of its progress.
 * Gives  a wait (exponential, full jitter), or the error that ends the work.
 * Owns   the count of attempts since the last progress. Clock and randomness are arguments.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { isRepeatable } from '../aws/fault-kind.ts';
import { whenLate } from '../base/patience.ts';
import { type FailureKind, type SourceFailure, toMillraceError } from './source-failure.ts';

/** Time and chance, so that tests own both. */
export interface Clock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Unix milliseconds, for signatures. */
  unixMs(): number;
  /** Rejects with the signal's reason when it is aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
  /** 0 <= x < 1. */
  random(): number;
  /** Calls back once; the result takes it back. Must not keep a process alive on its own. */
  later(durationMs: number, callback: () => void): () => void;
  /** The same, when others have not done in that time what they should have. */
  late(timeoutMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  unixMs: () => Date.now(),
  sleep: (durationMs, signal) => wait(durationMs, undefined, { signal }),
  random: () => Math.random(),
  later(durationMs, callback) {
    const timer = setTimeout(callback, durationMs);
    return () => clearTimeout(timer);
  },
  late: (timeoutMs, callback) => whenLate(timeoutMs, callback),
};

export interface RetryPolicy {
  /** Attempts without any progress before the service counts as unavailable. Default 10: about half a minute of trying. */
  readonly attemptsMax: number;
  /** The same while the answer is a throttle: the service is there, only busy. Default 40: about ten minutes. */
  readonly throttleAttemptsMax: number;
  /** First upper bound of the random wait; it doubles with each attempt. Default 100 ms. */
  readonly baseMs: number;
  /** Largest upper bound. Default 20 s. */
  readonly capMs: number;
}
export const RETRY_POLICY_DEFAULT: RetryPolicy = {
  attemptsMax: 10,
  throttleAttemptsMax: 40,
  baseMs: 100,
  capMs: 20_000,
};

export class Retry {
  readonly #policy: RetryPolicy;
  readonly #clock: Clock;
  readonly #what: string;
  readonly #mayPass: (kind: FailureKind) => boolean;
  #attempts = 0;
  #throttles = 0;
  #renewals = 0;

  /**
   * @param what For the error, for example `read <uri>`.
   * @param mayPass What else may be repeated: what the source gave this run before, it may give again (`identity`, `denied`).
   */
  constructor(
    policy: RetryPolicy,
    clock: Clock,
    what: string,
    mayPass: (kind: FailureKind) => boolean = () => false,
  ) {
    this.#policy = policy;
    this.#clock = clock;
    this.#what = what;
    this.#mayPass = mayPass;
  }

  /** Something came through: the next failure is a first one again. */
  progressed(): void {
    this.#attempts = 0;
    this.#throttles = 0;
    this.#renewals = 0;
  }

  /**
   * Waits before the next attempt.
   * @throws {MillraceError} When a repetition cannot help, or has not helped often enough.
   */
  async failed(failure: SourceFailure, signal?: AbortSignal): Promise<void> {
    if (!isRepeatable(failure.kind) && !this.#mayPass(failure.kind))
      throw toMillraceError(failure, this.#what);
    const isThrottle = failure.kind === 'throttle';
    const attempts = isThrottle ? ++this.#throttles : ++this.#attempts;
    if (attempts >= (isThrottle ? this.#policy.throttleAttemptsMax : this.#policy.attemptsMax)) {
      throw toMillraceError(failure, this.#what);
    }
    if (failure.kind === 'credentials' || failure.kind === 'identity' || failure.kind === 'skew') {
      // The first renewal usually helps at once; if not, the next attempts wait like all others.
      if (this.#renewals++ === 0) return;
    }
    await this.#clock.sleep(backoffMs(this.#policy, attempts, this.#clock.random()), signal);
  }
}

/** Full jitter: anything from nothing to base x 2^(attempt - 1), capped. @param attempt 1-based. @param random 0 <= x < 1. */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  return random * Math.min(policy.capMs, policy.baseMs * 2 ** (attempt - 1));
}

/**
 * Runs `work` until it succeeds or a failure ends it.
 * @param toFailure Turns what was thrown into a failure, or throws on.
 * @param renew Called before `work` is repeated: does what the failure demands.
 */
export async function retrying<T>(
  retry: Retry,
  work: () => Promise<T>,
  toFailure: (error: unknown) => SourceFailure,
  signal?: AbortSignal,
  renew: (failure: SourceFailure) => Promise<void> = async () => {},
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal?.throwIfAborted();
      const failure = toFailure(error);
      await retry.failed(failure, signal);
      await renew(failure);
    }
  }
}
