/**
 * BlockTarget: the open block of a slot, and the two ways to fill it.
 * Takes  bytes of lines from a cutter, or stored bytes as they come.
 * Gives  pieces and lines that are too long, to what holds them back or lets them go.
 * Owns   the block that is being filled, and the buffer of one long line. Small segments go into a block one behind the other.
 */
import { copyBytes } from '../native/copy.ts';
import type { Block, SlotBlocks } from './block-pool.ts';
import type { Holdback } from './holdback.ts';
import type { CutTarget, OversizeLine } from './line-cutter.ts';
import type { Format } from './object.ts';

/** What turns the bytes of one segment into events. */
export interface Writer {
  write(chunk: Uint8Array): number;
  /** Where the next bytes will be written, or null where that is not known. */
  place(): Uint8Array | null;
  /** @returns false when a buffer is missing. */
  end(): boolean;
  readonly done: boolean;
}

/** Copies stored bytes into blocks as they come. */
export class RawWriter implements Writer {
  readonly #size: number;
  readonly #target: BlockTarget;
  #offset = 0;
  #pieceStart: number;

  constructor(size: number, target: BlockTarget) {
    this.#size = size;
    this.#target = target;
    this.#pieceStart = target.position;
  }

  get done(): boolean {
    return this.#offset === this.#size;
  }

  write(chunk: Uint8Array): number {
    let taken = 0;
    while (taken < chunk.length) {
      const block = this.#target.open();
      if (block === null) break;
      const count = Math.min(chunk.length - taken, block.bytes.length - this.#target.position);
      copyBytes(block.bytes, this.#target.position, chunk.subarray(taken, taken + count));
      taken += count;
      this.#target.position += count;
      this.#offset += count;
      const isFull = this.#target.position === block.bytes.length;
      const isLast = this.#offset === this.#size;
      if (!isFull && !isLast) continue;
      const pieceBytes = this.#target.position - this.#pieceStart;
      if (pieceBytes > 0) {
        this.#target.emitRaw(
          block,
          this.#pieceStart,
          this.#target.position,
          this.#offset - pieceBytes,
          isLast,
        );
      }
      if (isFull) this.#target.close();
      this.#pieceStart = this.#target.position;
    }
    return taken;
  }

  place(): Uint8Array | null {
    return this.done ? null : this.#target.place();
  }

  end(): boolean {
    return this.done;
  }
}

/** The open block of a slot, as cutters and raw writers see it. */
export class BlockTarget implements CutTarget<Block> {
  readonly #blocks: SlotBlocks;
  readonly #holdback: Holdback;
  #block: Block | null = null;
  #big: Block | null = null;
  #format: Format = 'plain';
  position = 0;

  constructor(blocks: SlotBlocks, holdback: Holdback) {
    this.#blocks = blocks;
    this.#holdback = holdback;
  }

  begin(format: Format): void {
    this.#format = format;
    this.#holdback.begin(format);
  }

  open(): Block | null {
    if (this.#block === null) {
      this.#block = this.#blocks.take(this.#needed);
      // What we wait for may be pending in a parse batch that waits for more.
      if (this.#block === null) this.#holdback.makeRoom();
    }
    return this.#block;
  }

  place(): Uint8Array | null {
    const block = this.#block ?? this.open();
    return block !== null && this.position < block.bytes.length ? block.bytes.subarray(this.position) : null;
  }

  /**
   * Resolves when the block that was missing is there, and more of them where all will come back: what is held here would not. The parser of
   * a compressed object has nothing else to do while its bytes are waited for; other slots' lines are as good as these.
   */
  room(): Promise<void> {
    const { count } = this.#blocks;
    if (this.#holdback.isHolding) return this.#blocks.room(1);
    return this.#blocks.room(count >> 1, this.#format === 'plain' ? count : count >> 1);
  }

  /**
   * Blocks that nobody else's work brings back: all of them where they are held, and of a compressed object, whose parser takes nothing else
   * before its end. Lines of plain objects are taken as they come.
   */
  get #needed(): number {
    return this.#holdback.isHolding || this.#format !== 'plain' ? this.#blocks.count : 0;
  }

  close(): void {
    if (this.#block !== null) this.#blocks.release(this.#block);
    this.#block = null;
    this.position = 0;
  }

  big(bytes: number): Block | null {
    this.#big = this.#blocks.takeBig(bytes);
    if (this.#big === null) this.#holdback.makeRoom();
    return this.#big;
  }

  dropBig(buffer: Block): void {
    this.#blocks.release(buffer);
    this.#big = null;
  }

  emit(block: Block, start: number, end: number, objectOffset: number): void {
    this.emitRaw(block, start, end, objectOffset, false);
  }

  emitRaw(block: Block, start: number, end: number, objectOffset: number, isLast: boolean): void {
    // A long line's buffer goes over to its only piece; a block is still being filled.
    if (block === this.#big) this.#big = null;
    else block.references++;
    this.#holdback.piece(block, { start, end, objectOffset, isLast });
  }

  oversize(line: OversizeLine): void {
    this.#holdback.oversize(line);
  }

  /** Forgets what was not emitted: the next piece starts behind it. */
  abandon(): void {
    if (this.#big !== null) this.dropBig(this.#big);
  }
}
