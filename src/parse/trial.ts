/**
 * Trial: the one time in a run that lines go through stages in JavaScript twice, before anything is sent.
 * Takes  turns: each thread asks before lines of a task go to the stages. Tasks are numbered in the order of the source until it is over.
 * Gives  the trial to the first task that has lines for the stages; the others wait until it has passed. So it is the same lines that are tried in
 *        every run, however fast which of them came.
 * Owns   a cell that all parsers share; whose turn it is says the main thread (src/run/trial-turns.ts). Where the trial fails nobody begins
 *        anything until the run is stopped.
 */
import { setTimeout as passTime } from 'node:timers/promises';
import { PARSE_SHARED } from './setup.ts';

export const TRIAL = { DUE: 0, PASSED: 1, FAILED: 2 } as const;
const LOOK_MS = 2;

export class Trial {
  readonly #shared: Int32Array;
  readonly #onPassed: () => void;
  #sequence = -1;
  #isOurs = false;
  #isOver: boolean;

  /** @param isNeeded Whether there is to be one at all. @param onPassed Called in the thread that has tried the lines. */
  constructor(shared: SharedArrayBuffer, isNeeded: boolean, onPassed: () => void = () => {}) {
    this.#shared = new Int32Array(shared);
    this.#onPassed = onPassed;
    this.#isOver = !isNeeded;
  }

  /** Lines of the slice at hand are to be tried. */
  get isOurs(): boolean {
    return this.#isOurs;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Lines of this task come next. */
  begin(sequence: number): void {
    this.#sequence = sequence;
    this.#isOurs = false;
  }

  /** Resolves when lines of the task may go to the stages: the trial has passed, it is this task's, or the run is being stopped. */
  async enter(isStopping: () => boolean): Promise<void> {
    for (; !this.#isOver && !this.#isOurs && !isStopping(); await passTime(LOOK_MS)) {
      const state = Atomics.load(this.#shared, PARSE_SHARED.TRIAL);
      this.#isOver = state === TRIAL.PASSED;
      if (this.#isOver) return;
      const turn = Atomics.load(this.#shared, PARSE_SHARED.TURN);
      this.#isOurs = state === TRIAL.DUE && turn === this.#sequence;
      if (this.#isOurs) return;
    }
  }

  pass(): void {
    this.#isOurs = false;
    this.#isOver = true;
    Atomics.store(this.#shared, PARSE_SHARED.TRIAL, TRIAL.PASSED);
    this.#onPassed();
  }

  fail(): void {
    this.#isOurs = false;
    Atomics.store(this.#shared, PARSE_SHARED.TRIAL, TRIAL.FAILED);
  }
}
