/**
 * BlockPool: the shared memory that downloads fill and parsers read.
 * Takes  releases, once the pieces in a block have been dealt with.
 * Gives  blocks to download slots. Each slot has a quota of its own, so that segments running ahead can never take the block
 *        that the segment everybody waits for needs: no deadlock, without any cleverness.
 * Owns   the one SharedArrayBuffer of all blocks, and the count of pieces that still refer to each.
 * Invariant: a slot never owns more than its quota of blocks plus one buffer for a long line.
 */
import assert from 'node:assert';
import type { CutBuffer } from './line-cutter.ts';

/** Readable bytes behind every piece, so that vector code may load whole registers. Their content means nothing. */
export const READ_PADDING_BYTES = 128;

/** What a block is given back to. */
export interface BlockOwner {
  /** One reference less. */
  release(block: Block): void;
}

/** Part of a SharedArrayBuffer. `bytes` = `buffer` from `byteOffset` on. */
export interface Block extends CutBuffer {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  /** 0-based within the pool; -1: a buffer of its own, for one long line. */
  readonly index: number;
  readonly slot: BlockOwner;
  /** Pieces given away and not yet released, plus one while the slot is filling it. */
  references: number;
}

export interface BlockPoolOptions {
  readonly slotCount: number;
  /** Blocks that one slot may hold, at least 2. */
  readonly blocksPerSlot: number;
  readonly blockBytes: number;
}

export class BlockPool {
  /** Memory of all blocks, for the parsers to map once. */
  readonly memory: SharedArrayBuffer;
  readonly blockBytes: number;
  readonly slots: readonly SlotBlocks[];

  constructor(options: BlockPoolOptions) {
    assert(options.blocksPerSlot >= 2, 'one block to fill while the other is read');
    const { slotCount, blocksPerSlot, blockBytes } = options;
    this.blockBytes = blockBytes;
    this.memory = new SharedArrayBuffer(BlockPool.memoryBytes(options));
    this.slots = Array.from({ length: slotCount }, (_, slotIndex) => {
      return new SlotBlocks(slotIndex, this.memory, slotIndex * blocksPerSlot, blocksPerSlot, blockBytes);
    });
  }

  /** What a pool costs, without its buffers for long lines (at most `lineBytesMax` a slot). */
  static memoryBytes(options: BlockPoolOptions): number {
    return options.slotCount * options.blocksPerSlot * options.blockBytes + READ_PADDING_BYTES;
  }

  /** Ends all waiting for room with `reason`. */
  close(reason: unknown): void {
    for (const slot of this.slots) slot.close(reason);
  }
}

/** The blocks of one download slot. */
export class SlotBlocks {
  readonly slotIndex: number;
  /** Blocks of the slot, free or not. */
  readonly count: number;
  readonly blockBytes: number;
  readonly #free: Block[] = [];
  #bigOwned = 0;
  #waiter: PromiseWithResolvers<void> | null = null;
  #wantsBig = false;
  /** Free blocks that whoever waits is woken for. */
  #wanted = 1;
  #closed: { reason: unknown } | null = null;

  constructor(
    slotIndex: number,
    memory: SharedArrayBuffer,
    first: number,
    count: number,
    blockBytes: number,
  ) {
    this.slotIndex = slotIndex;
    this.count = count;
    this.blockBytes = blockBytes;
    for (let index = first + count - 1; index >= first; index--) {
      const byteOffset = index * blockBytes;
      const bytes = new Uint8Array(memory, byteOffset, blockBytes);
      this.#free.push({ bytes, buffer: memory, byteOffset, index, slot: this, references: 0 });
    }
  }

  /** A free block with one reference, or null. */
  take(): Block | null {
    const block = this.#free.pop() ?? null;
    if (block === null) this.#wantsBig = false;
    else block.references = 1;
    return block;
  }

  /** A buffer for one long line, with one reference, or null while the slot's last one is still being read. */
  takeBig(bytes: number): Block | null {
    this.#wantsBig = this.#bigOwned > 0;
    if (this.#wantsBig) return null;
    this.#bigOwned++;
    const buffer = new SharedArrayBuffer(bytes + READ_PADDING_BYTES);
    return {
      bytes: new Uint8Array(buffer, 0, bytes),
      buffer,
      byteOffset: 0,
      index: -1,
      slot: this,
      references: 1,
    };
  }

  /** One reference less. The last one makes the block free again. */
  release(block: Block): void {
    assert(block.references > 0 && block.slot === this);
    if (--block.references > 0) return;
    if (block.index < 0) this.#bigOwned--;
    else this.#free.push(block);
    if (this.#isRoom) this.#wake();
  }

  /**
   * Resolves when what the last refused `take` or `takeBig` asked for is available.
   * @param blocks So many at least: waking a socket for two blocks costs no more than for one.
   */
  room(blocks = 1): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed.reason);
    this.#wanted = blocks;
    if (this.#isRoom) return Promise.resolve();
    this.#waiter ??= Promise.withResolvers();
    return this.#waiter.promise;
  }

  get #isRoom(): boolean {
    return this.#wantsBig ? this.#bigOwned === 0 : this.#free.length >= this.#wanted;
  }

  close(reason: unknown): void {
    this.#closed = { reason };
    this.#waiter?.reject(reason);
    this.#waiter = null;
  }

  #wake(): void {
    this.#waiter?.resolve();
    this.#waiter = null;
  }
}
