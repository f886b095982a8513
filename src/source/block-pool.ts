/**
 * BlockPool: the shared memory that downloads fill and parsers read.
 * Takes  releases, once the pieces in a block have been dealt with.
 * Gives  blocks to download slots, first the one that came back last: memory that was never used is never resident. Each slot has a quota
 *        of its own, so that segments running ahead can never take the block that the segment everybody waits for needs.
 * Owns   the one SharedArrayBuffer of all blocks, and the count of pieces that still refer to each; how many are filled at once where
 *        nobody waits for a certain one.
 * Invariant: a slot never owns more than its quota of blocks plus one buffer for a long line, and always gets what it says it needs of them.
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

const NOBODY: BlockOwner = { release: () => assert.fail('a block that is free is not released') };

/** Part of a SharedArrayBuffer. `bytes` = `buffer` from `byteOffset` on. */
export interface Block extends CutBuffer {
  readonly bytes: Uint8Array<SharedArrayBuffer>;
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  /** 0-based within the pool; -1: a buffer of its own, for one long line. */
  readonly index: number;
  /** Whoever has it. */
  slot: BlockOwner;
  /** Pieces given away and not yet released, plus one while the slot is filling it. */
  references: number;
}

export interface BlockPoolOptions {
  readonly slotCount: number;
  /** Blocks that one slot may hold, at least 2. */
  readonly blocksPerSlot: number;
  readonly blockBytes: number;
  /**
   * Blocks that may be out at once, but for those that slots cannot do without. More than slots: one that rests keeps its open block.
   * Default: all.
   */
  readonly blocksOutMax?: number;
  /** Slots of which many wait get more blocks, one after the other. Not where somebody waits for a certain slot. Default false. */
  readonly inBursts?: boolean;
}

/** So many wait, and downloads are not what a run waits for: one more that waits keeps no parser from its work. */
const MANY_WAITING = 4;

/** What all slots have in common. */
class SharedBlocks {
  readonly #free: Block[];
  readonly #outMax: number;
  readonly #inBursts: boolean;
  #outCount = 0;
  /** Who waits, the longest first. */
  readonly #waiting = new Set<SlotBlocks>();

  constructor(free: Block[], outMax: number, inBursts: boolean) {
    this.#free = free;
    this.#outMax = outMax;
    this.#inBursts = inBursts;
  }

  /** Whether who waits is woken for many blocks. */
  get givesMany(): boolean {
    return this.#inBursts && this.#waiting.size >= MANY_WAITING;
  }

  /** Blocks that may go out. */
  get room(): number {
    return this.#outMax - this.#outCount;
  }

  take(): Block {
    this.#outCount++;
    return this.#free.pop()!;
  }

  give(block: Block): void {
    this.#outCount--;
    this.#free.push(block);
  }

  enqueue(slot: SlotBlocks): void {
    this.#waiting.add(slot);
  }

  dequeue(slot: SlotBlocks): void {
    this.#waiting.delete(slot);
  }

  /** Wakes those for whom there is room, as many as can have what they want. */
  wake(): void {
    let taken = 0;
    for (const slot of this.#waiting) {
      const { wanted } = slot;
      if (slot.wake(taken)) taken += wanted;
    }
  }
}

export class BlockPool {
  /** Memory of all blocks, for the parsers to map once. */
  readonly memory: SharedArrayBuffer;
  readonly blockBytes: number;
  readonly slots: readonly SlotBlocks[];

  constructor(options: BlockPoolOptions) {
    assert(options.blocksPerSlot >= 2, 'one block to fill while the other is read');
    const { slotCount, blocksPerSlot, blockBytes, blocksOutMax = Number.POSITIVE_INFINITY } = options;
    const { inBursts = false } = options;
    assert(blocksOutMax > slotCount, 'a slot that rests keeps its open block');
    this.blockBytes = blockBytes;
    this.memory = new SharedArrayBuffer(BlockPool.memoryBytes(options));
    const free = Array.from({ length: slotCount * blocksPerSlot }, (_, i) => this.#block(i));
    const shared = new SharedBlocks(free.reverse(), blocksOutMax, inBursts);
    this.slots = Array.from({ length: slotCount }, () => new SlotBlocks(shared, blocksPerSlot, blockBytes));
  }

  /** What a pool costs, without its buffers for long lines (at most `lineBytesMax` a slot). */
  static memoryBytes(options: BlockPoolOptions): number {
    return options.slotCount * options.blocksPerSlot * options.blockBytes + READ_PADDING_BYTES;
  }

  /** Ends all waiting for room with `reason`. */
  close(reason: unknown): void {
    for (const slot of this.slots) slot.close(reason);
  }

  #block(index: number): Block {
    const byteOffset = index * this.blockBytes;
    const bytes = new Uint8Array(this.memory, byteOffset, this.blockBytes);
    return { bytes, buffer: this.memory, byteOffset, index, slot: NOBODY, references: 0 };
  }
}

/** The blocks of one download slot. */
export class SlotBlocks {
  /** Blocks that the slot may have. */
  readonly count: number;
  readonly blockBytes: number;
  readonly #shared: SharedBlocks;
  #owned = 0;
  #bigOwned = 0;
  #waiter: PromiseWithResolvers<void> | null = null;
  #wantsBig = false;
  /** So many blocks it gets in any case. */
  #needed = 0;
  #wanted = 1;
  #wantedOfMany = 1;
  #closed: { reason: unknown } | null = null;

  constructor(shared: SharedBlocks, count: number, blockBytes: number) {
    this.#shared = shared;
    this.count = count;
    this.blockBytes = blockBytes;
  }

  /** Blocks that whoever waits is woken for. */
  get wanted(): number {
    if (this.#wantsBig) return 0;
    return this.#shared.givesMany ? this.#wantedOfMany : this.#wanted;
  }

  /**
   * A free block with one reference, or null.
   * @param needed So many blocks the slot cannot do without, those that it has included: they are given whatever others have.
   */
  take(needed = 0): Block | null {
    this.#needed = needed;
    if (this.#roomBeside(0) < 1) {
      this.#wantsBig = false;
      return null;
    }
    const block = this.#shared.take();
    block.slot = this;
    block.references = 1;
    this.#owned++;
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
    block.slot = NOBODY;
    if (block.index < 0) {
      this.#bigOwned--;
    } else {
      this.#owned--;
      this.#shared.give(block);
    }
    this.#shared.wake();
  }

  /**
   * Resolves when what the last refused `take` or `takeBig` asked for is available.
   * @param blocks So many at least: waking a socket for many blocks costs no more than for one.
   * @param blocksOfMany The same where many others wait, too, and have work for everybody meanwhile.
   */
  room(blocks = 1, blocksOfMany = blocks): Promise<void> {
    if (this.#closed !== null) return Promise.reject(this.#closed.reason);
    this.#wanted = blocks;
    this.#wantedOfMany = blocksOfMany;
    if (this.#isRoomBeside(0)) return Promise.resolve();
    this.#waiter ??= Promise.withResolvers();
    this.#shared.enqueue(this);
    return this.#waiter.promise;
  }

  /** The slot asks for nothing more now: what it was woken for is for others. */
  rest(): void {
    this.#shared.wake();
  }

  /** Wakes who waits, if there is room beside blocks that others were woken for. @returns Whether there is. */
  wake(promised: number): boolean {
    if (!this.#isRoomBeside(promised)) return false;
    this.#shared.dequeue(this);
    this.#waiter?.resolve();
    this.#waiter = null;
    return true;
  }

  close(reason: unknown): void {
    this.#closed = { reason };
    this.#shared.dequeue(this);
    this.#waiter?.reject(reason);
    this.#waiter = null;
  }

  #isRoomBeside(promised: number): boolean {
    return this.#wantsBig ? this.#bigOwned === 0 : this.#roomBeside(promised) >= this.wanted;
  }

  #roomBeside(promised: number): number {
    const own = this.#needed - this.#owned;
    return Math.min(this.count - this.#owned, Math.max(own, this.#shared.room - promised));
  }
}
