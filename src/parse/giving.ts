/**
 * Giving: lines of one compressed object on their way from the parser that inflates it to others that have nothing to do.
 * Takes  blocks of shared memory that idle parsers want filled (spare-blocks.ts).
 * Gives  each to the main thread, which makes a task of it like one of a plain object; its ranges are cut here, so that nothing else changes.
 * Owns   the block that is being filled, until it is given.
 * Never  waits, and never gives where nobody is idle: then the parser scans what it has inflated.
 */
import type { WorkRange } from '../ring/ranges.ts';
import type { CutBuffer } from '../source/line-cutter.ts';
import type { GivenLines } from './setup.ts';
import type { SpareBlock, SpareBlocks } from './spare-blocks.ts';

/** Tells the main thread of lines in a block, which is the main thread's from there on. */
export type Give = (block: number, lines: readonly GivenLines[]) => void;

export class Giving {
  readonly #spare: SpareBlocks;
  readonly #give: Give;
  readonly #isHeld: () => boolean;
  #block: SpareBlock | null = null;

  /** @param isHeld Whether publishers are behind: then help brings nothing. */
  constructor(spare: SpareBlocks, isHeld: () => boolean, give: Give) {
    this.#spare = spare;
    this.#isHeld = isHeld;
    this.#give = give;
  }

  /** The block that is being filled; at the begin of one, a new one where somebody wants it. Null: the parser's own. */
  open(position: number): CutBuffer | null {
    if (position === 0 && this.#block === null && !this.#isHeld()) this.#block = this.#spare.take();
    return this.#block;
  }

  /**
   * @param start Index of the lines in the block, which stand for [objectOffset, ...) of the object. @param work What of them is to be carried.
   * @returns Whether the lines are in such a block, and so on their way.
   */
  give(buffer: CutBuffer, start: number, objectOffset: number, work: readonly WorkRange[]): boolean {
    const block = this.#block;
    if (block === null || buffer !== block) return false;
    if (work.length === 0) return true;
    this.#block = null;
    const shift = start - objectOffset;
    const lines = work.map(({ start: rangeStart, end: rangeEnd, only }) => {
      const place = { start: rangeStart + shift, end: rangeEnd + shift, objectOffset: rangeStart };
      return { ...place, rangeStart, rangeEnd, only };
    });
    this.#give(block.index, lines);
    return true;
  }

  /** The block is full, or the object ends: if nothing of it was given, it is free again. */
  close(): void {
    if (this.#block !== null) this.#spare.giveBack(this.#block.index);
    this.#block = null;
  }
}
