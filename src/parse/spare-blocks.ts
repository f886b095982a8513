/**
 * Spare blocks: shared memory in which a parser that inflates gives lines away to parsers that have nothing to do.
 * Takes  from the main thread: how many such blocks idle parsers have a use for now, and each block when its lines are dealt with.
 * Gives  free blocks to parsers that inflate, never more than are wanted.
 * Owns   who has which block, as cells that every thread sees.
 * Never  waits: where no block is to be had, the lines are scanned where they are.
 */
import { ENGINE } from '../base/limits.ts';
import { READ_PADDING_BYTES } from '../source/block-pool.ts';
import type { CutBuffer } from '../source/line-cutter.ts';

/** Shared by the main thread and all parsers. */
export interface SpareMemory {
  /** WANTED, TAKEN, then a cell a block: 1 while somebody has it. */
  readonly cells: SharedArrayBuffer;
  readonly blocks: SharedArrayBuffer;
}

const CELL = { WANTED: 0, TAKEN: 1, BLOCKS: 2 } as const;

export interface SpareBlock extends CutBuffer {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  /** 0-based. */
  readonly index: number;
  readonly byteOffset: number;
}

export function createSpareMemory(count: number): SpareMemory {
  return {
    cells: new SharedArrayBuffer((CELL.BLOCKS + count) * Int32Array.BYTES_PER_ELEMENT),
    blocks: new SharedArrayBuffer(count * ENGINE.blockBytes + READ_PADDING_BYTES),
  };
}

export class SpareBlocks {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly count: number;

  constructor({ cells, blocks }: SpareMemory) {
    this.memory = blocks;
    this.#cells = new Int32Array(cells);
    this.count = this.#cells.length - CELL.BLOCKS;
  }

  /** So many blocks of lines idle parsers could have now. */
  want(count: number): void {
    Atomics.store(this.#cells, CELL.WANTED, Math.min(count, this.count));
  }

  /** A free block, or null: nobody wants one. */
  take(): SpareBlock | null {
    if (Atomics.load(this.#cells, CELL.TAKEN) >= Atomics.load(this.#cells, CELL.WANTED)) return null;
    Atomics.add(this.#cells, CELL.TAKEN, 1);
    for (let index = 0; index < this.count; index++)
      if (Atomics.compareExchange(this.#cells, CELL.BLOCKS + index, 0, 1) === 0) return this.at(index);
    // Another parser was quicker.
    Atomics.sub(this.#cells, CELL.TAKEN, 1);
    return null;
  }

  at(index: number): SpareBlock {
    const byteOffset = index * ENGINE.blockBytes;
    return { bytes: new Uint8Array(this.memory, byteOffset, ENGINE.blockBytes), index, byteOffset };
  }

  giveBack(index: number): void {
    Atomics.store(this.#cells, CELL.BLOCKS + index, 0);
    Atomics.sub(this.#cells, CELL.TAKEN, 1);
  }
}
