/**
 * Listener: the ear of a thread with an event loop for its doorbell, for its clock and for itself.
 * Takes  rings of other threads; nudges of its own thread; a time to wait at most.
 * Gives  one wake-up for all that happened in one turn of the event loop.
 * Owns   one open wait on the bell and one timer, both kept from wait to wait: a publisher waits thousands of times a second, and most
 *        of the time its own answers end the wait.
 * Never  loses what was rung since `count()`. A wake-up may come for nothing: the caller looks again.
 */
import type { Bell } from './wait.ts';

/** A timer that ends a wait a little early serves as well. */
const EARLY_MS = 1;

export class Listener {
  readonly #bell: Bell;
  /** Resolves the wait of the caller, or null. */
  #wake: (() => void) | null = null;
  /** Whether `rung` is waited for; it may be left over from a wait that ended otherwise. */
  #isListening = false;
  #isNudged = false;
  #timer: NodeJS.Timeout | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(bell: Bell) {
    this.#bell = bell;
  }

  /** See Bell. To be taken before the caller looks for work. */
  count(): number {
    return this.#bell.count();
  }

  /** Something happened on this thread: ends the wait, or the next one, after the callbacks that are due now. */
  nudge(): void {
    if (this.#isNudged) return;
    this.#isNudged = true;
    if (this.#wake !== null) setImmediate(() => this.#end());
  }

  /**
   * Resolves when the bell has been rung since `lastSeen`, at a nudge, or when the time is up. It keeps the thread alive.
   * @param lastSeen What `count()` said before the caller last looked.
   * @param isMuted The caller has no use for more work: those who ring for work need not wake it, until this wait has ended.
   */
  async heard(lastSeen: number, timeoutMs: number, isMuted = false): Promise<void> {
    if (isMuted) this.#bell.mute(true);
    const waiting = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#arm(timeoutMs);
    if (this.#isNudged) setImmediate(() => this.#end());
    else if (this.#bell.count() !== lastSeen) this.#end();
    else if (!this.#isListening) void this.#listen(lastSeen);
    await waiting;
    // Before the caller counts and looks: what is written from now on is rung for, what was written before is seen.
    if (isMuted) this.#bell.mute(false);
  }

  /** Lets the thread end. */
  close(): void {
    clearTimeout(this.#timer);
  }

  async #listen(lastSeen: number): Promise<void> {
    this.#isListening = true;
    await this.#bell.rung(lastSeen);
    this.#isListening = false;
    this.#end();
  }

  #end(): void {
    const wake = this.#wake;
    if (wake === null) return;
    this.#wake = null;
    this.#isNudged = false;
    wake();
  }

  /** Sets the timer, unless the one that runs ends as early. */
  #arm(timeoutMs: number): void {
    const atMs = performance.now() + timeoutMs;
    if (this.#timer !== undefined && this.#timerAtMs <= atMs + EARLY_MS) return;
    clearTimeout(this.#timer);
    this.#timerAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#end();
    }, timeoutMs);
  }
}
