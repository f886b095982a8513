/**
 * First values: where the first N values of an object end (`--framing`).
 * Takes  the bytes of one object, in runs. Gives  how many there are, and the place behind the last one.
 * Owns   nothing but the place: what a value is here the value count says, which `verify` holds every run to. A loss between values counts
 *        as one of them, as a line that is bad counts.
 */
import { ValueCounter } from '../parse/value-count.ts';
import type { LineFinder } from './first-lines.ts';

export interface ValueFraming {
  /** As ParseSetup has them. */
  readonly tokens: readonly string[] | null;
  readonly lineBytesMax: number;
}

export class FirstValues implements LineFinder {
  readonly #wanted: number;
  readonly #counter: ValueCounter;
  #taken = 0;
  #end: number | null = null;

  constructor({ tokens, lineBytesMax }: ValueFraming, wanted: number) {
    this.#wanted = wanted;
    this.#counter = new ValueCounter(tokens, lineBytesMax, (_start, end) => {
      if (++this.#taken === wanted) this.#end = end;
    });
  }

  get end(): number | null {
    return this.#end;
  }

  get hasMore(): boolean {
    return this.#taken > this.#wanted || (this.#end !== null && this.#counter.hasBegun);
  }

  take(bytes: Uint8Array): void {
    this.#counter.add(bytes);
  }

  count(isWhole: boolean): number {
    return this.#taken + (this.#counter.count(isWhole).endsOpen ? 1 : 0);
  }
}
