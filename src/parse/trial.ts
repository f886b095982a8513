/**
 * Trial: the one time in a run that lines go through stages in JavaScript twice, before anything is sent.
 * Takes  turns: each thread asks before it begins a slice.
 * Gives  to one of them the trial; the others wait until it has passed.
 * Owns   a cell that all parsers share. Where the trial fails it stays as it is: nobody begins anything until the run is stopped.
 */
import { setTimeout as passTime } from 'node:timers/promises';
import { PARSE_SHARED } from './setup.ts';

const STATE = { DUE: 0, UNDER_WAY: 1, PASSED: 2 } as const;
const LOOK_MS = 2;

export class Trial {
  readonly #shared: Int32Array;
  #isOurs = false;
  #isOver: boolean;

  /** @param isNeeded Whether there is to be one at all. */
  constructor(shared: SharedArrayBuffer, isNeeded: boolean) {
    this.#shared = new Int32Array(shared);
    this.#isOver = !isNeeded;
  }

  /** Lines of the slice at hand are to be tried. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when a slice may be begun: the trial has passed, it is this thread's, or the run is being stopped. */
  async enter(isStopping: () => boolean): Promise<void> {
    while (!this.#isOver && !isStopping()) {
      const state = Atomics.compareExchange(this.#shared, PARSE_SHARED.TRIAL, STATE.DUE, STATE.UNDER_WAY);
      this.#isOurs = state === STATE.DUE;
      this.#isOver = state === STATE.PASSED;
      if (this.#isOurs || this.#isOver) return;
      await passTime(LOOK_MS);
    }
  }

  pass(): void {
    this.#end(STATE.PASSED);
    this.#isOver = true;
  }

  /** The slice is dealt with. Where it had no line that could be tried, the next one has its turn. */
  leave(): void {
    if (this.#isOurs) this.#end(STATE.DUE);
  }

  #end(state: number): void {
    this.#isOurs = false;
    Atomics.store(this.#shared, PARSE_SHARED.TRIAL, state);
  }
}
