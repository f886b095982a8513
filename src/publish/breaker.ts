/**
 * Breaker: stops sending when the service as a whole fails, and probes until it is back.
 * Takes  the outcome of each request, with the time.
 * Gives  whether a request may go now, and when the service counts as unavailable for good.
 * Owns   one union of states. Pure: the caller brings the clock and chance. One breaker per publisher thread.
 */
import { Trouble } from '../base/patience.ts';

/** Consecutive failed requests that open the breaker. */
const FAILURES_MAX = 5;
const PROBE_BASE_MS = 500;
const PROBE_MAX_MS = 10_000;

export type BreakerState = 'closed' | 'open' | 'probing';

export class Breaker {
  #state: BreakerState = 'closed';
  #failures = 0;
  #probeAtMs = 0;
  #probes = 0;
  readonly #trouble = new Trouble();
  /** How often it opened: for the report. */
  openedCount = 0;
  readonly #unavailableMs: number;
  readonly #random: () => number;

  /** @param awayMs After this time without one success the service counts as unavailable for good. */
  constructor(unavailableMs: number, random: () => number) {
    this.#unavailableMs = unavailableMs;
    this.#random = random;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds until a request may go: 0 = now, Infinity while a probe is under way. */
  delayMs(nowMs: number): number {
    if (this.#state === 'closed') return 0;
    if (this.#state === 'probing') return Number.POSITIVE_INFINITY;
    return Math.max(0, this.#probeAtMs - nowMs);
  }

  /** Says that a request is being sent. In state open that is the probe. */
  onSend(): void {
    if (this.#state === 'open') this.#state = 'probing';
  }

  /** Says that the service answered a request, whatever it said about single records. */
  onSuccess(): void {
    this.#state = 'closed';
    this.#failures = 0;
    this.#probes = 0;
    this.#trouble.end();
  }

  /** Says that a request failed as a whole: 5xx, reset, timeout. @returns True when the service is unavailable for good. */
  onFailure(nowMs: number): boolean {
    this.#failures++;
    // In state open this is a request from before it opened: it says nothing new.
    if (this.#state !== 'open' && (this.#state === 'probing' || this.#failures >= FAILURES_MAX)) {
      if (this.#state === 'closed') this.openedCount++;
      this.#state = 'open';
      const capMs = Math.min(PROBE_MAX_MS, PROBE_BASE_MS * 2 ** this.#probes++);
      this.#probeAtMs = nowMs + capMs * (0.5 + this.#random() / 2);
    }
    return this.#trouble.add(nowMs) >= this.#unavailableMs;
  }
}
