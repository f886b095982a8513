/** Native values: finds values side by side as a thin face of the C++ one (src/native/cut-window.h). See values.ts. */
import type { NativeAddon } from '../native/load.ts';
import {
  CUT_STOPS,
  type CutEnd,
  type CutPlace,
  type CutState,
  type ValueFinder,
  type ValueLines,
} from './values.ts';

/** What the addon exports for this. The twin of src/native/cut-values.cc. */
interface CutExports {
  cutValues(
    bytes: Uint8Array,
    start: number,
    end: number,
    objectOffset: number,
    isLast: boolean,
    state: number,
    lines: Uint8Array,
    rows: Float64Array,
    kinds: Uint8Array,
    sums: Float64Array,
    instructions: number,
  ): void;
}

/** Cells of `sums`. */
export const CUT_SUM = { COUNT: 0, NEXT: 1, STOP: 2, STATE: 3, USED: 4, CELLS: 5 } as const;

export class NativeValues implements ValueFinder {
  readonly #cut: CutExports['cutValues'];
  readonly #instructions: number;
  readonly #sums = new Float64Array(CUT_SUM.CELLS);

  /** @param instructions Index into `nativeInstructions`; by default the fastest. Tests try them all. */
  constructor(addon: NativeAddon, instructions = -1) {
    this.#cut = (addon as unknown as CutExports).cutValues;
    this.#instructions = instructions;
  }

  find(
    bytes: Uint8Array,
    start: number,
    end: number,
    { objectOffset, isLast, state }: CutPlace,
    into: ValueLines,
  ): CutEnd {
    const sums = this.#sums;
    this.#cut(
      bytes,
      start,
      end,
      objectOffset,
      isLast,
      state,
      into.bytes,
      into.rows,
      into.kinds,
      sums,
      this.#instructions,
    );
    into.count = sums[CUT_SUM.COUNT]!;
    into.usedBytes = sums[CUT_SUM.USED]!;
    return {
      stop: CUT_STOPS[sums[CUT_SUM.STOP]!]!,
      state: sums[CUT_SUM.STATE] as CutState,
      next: sums[CUT_SUM.NEXT]!,
    };
  }
}
