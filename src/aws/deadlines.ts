/**
 * Deadlines: ends many waits of one length with one timer. Most of them are over long before: a timer and a signal of its own for each
 * request costs as much as its signature.
 * Takes  the length of all waits.
 * Gives  a deadline to each: what is told when it is late, unless it has been met.
 * Owns   one timer, which does not keep the thread alive: the sockets do that. While the process stands still no time passes: answers that have come
 *        meanwhile are read before their calls can be late.
 */

/** What may end a call early. An AbortSignal is one, too. */
export interface Ending {
  readonly aborted: boolean;
  /** Why, once it is aborted. */
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Reason of a deadline that passed. */
export const LATE = 'timeout';

export class Deadline implements Ending {
  atMs: number;
  aborted = false;
  reason: unknown;
  isMet = false;
  /** Whoever carries the call at the moment. */
  #listener: (() => void) | null = null;

  constructor(atMs: number) {
    this.atMs = atMs;
  }

  /** Only one at a time listens. */
  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    if (this.#listener === listener) this.#listener = null;
  }

  /** Ends the call; the first reason counts. */
  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    const listener = this.#listener;
    this.#listener = null;
    listener?.();
  }
}

/** Looks in the time of a wait: how long the process stood still is known as exactly. */
const STEPS = 10;

export class Deadlines {
  readonly #timeoutMs: number;
  readonly #stepMs: number;
  /** In the order of their beginning, which is that of their times, but for those that were extended. */
  #open: Deadline[] = [];
  #timer: NodeJS.Timeout | null = null;
  #armedAtMs = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#stepMs = timeoutMs / STEPS;
  }

  begin(): Deadline {
    const nowMs = performance.now();
    const deadline = new Deadline(nowMs + this.#timeoutMs);
    this.#open.push(deadline);
    if (this.#timer === null) this.#arm(nowMs);
    return deadline;
  }

  /** The call has come further: it has the whole time again. */
  extend(deadline: Deadline): void {
    deadline.atMs = performance.now() + this.#timeoutMs;
  }

  /** To be called for each deadline, when its call has ended. */
  meet(deadline: Deadline): void {
    deadline.isMet = true;
    // Those in front of it are mostly met, too; the others are looked at when the timer rings.
    let met = 0;
    while (met < this.#open.length && this.#open[met]!.isMet) met++;
    if (met > 0) this.#open.splice(0, met);
  }

  #arm(nowMs: number): void {
    this.#armedAtMs = nowMs;
    const delayMs = Math.min(this.#stepMs, this.#open[0]!.atMs - nowMs);
    this.#timer = setTimeout(() => this.#ring(), Math.max(1, delayMs)).unref();
  }

  #ring(): void {
    this.#timer = null;
    const nowMs = performance.now();
    const gapMs = nowMs - this.#armedAtMs;
    if (gapMs > 2 * this.#stepMs) for (const open of this.#open) open.atMs += gapMs - this.#stepMs / 2;
    const late = this.#open.filter(({ isMet, atMs }) => !isMet && atMs <= nowMs);
    this.#open = this.#open.filter(({ isMet, atMs }) => !isMet && atMs > nowMs);
    if (this.#open.length > 0) this.#arm(nowMs);
    for (const deadline of late) deadline.abort(LATE);
  }
}
