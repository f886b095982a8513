/**
 * Trial turns: which task's lines are tried twice (src/parse/trial.ts): those of the first one that has not ended.
 * Takes  tasks by their numbers, which ascend. Gives  the lowest of those that have not ended to all parsers.
 * Owns   one cell of their shared memory.
 */
import { PARSE_SHARED } from '../parse/setup.ts';

export class TrialTurns {
  readonly #shared: Int32Array;
  /** Insertion order is their order. */
  readonly #open = new Set<number>();
  #next = 0;

  constructor(shared: SharedArrayBuffer) {
    this.#shared = new Int32Array(shared);
  }

  begin(task: number): void {
    this.#open.add(task);
    this.#next = task + 1;
  }

  end(task: number): void {
    this.#open.delete(task);
    const [first = this.#next] = this.#open;
    Atomics.store(this.#shared, PARSE_SHARED.TURN, first);
  }
}
