/**
 * LineCutter: the room where a stream of bytes becomes pieces of whole lines.
 * Takes  the bytes of one segment, chunk by chunk, from the byte before the segment's start (if it has one) to its last owned line.
 * Gives  pieces of whole lines, in order, through `CutTarget.emit`; lines too long to hold through `CutTarget.oversize`.
 * Owns   the seam rule: with nl(x) = offset of the first newline at or after x, and nl(-1) = -1, the segment [s, e) is the bytes
 *        (nl(s - 1), nl(e - 1)]. Neighbours therefore share no line and miss none, whatever the length of the lines.
 * Never  does I/O or waits: when there is no buffer it takes fewer bytes than offered and is called again.
 *
 * It serves downloads of plain objects on the main thread and decompressed bytes in a parser thread alike.
 */
import assert from 'node:assert';
import { copyBytes } from '../native/copy.ts';

const NEWLINE = 10;

/** Anything with room for lines: a pooled block, or a buffer of its own for one long line. */
export interface CutBuffer {
  readonly bytes: Uint8Array;
}

/** A line longer than `lineBytesMax`. It is not kept: only where it was, how long it was, and how it began. */
export interface OversizeLine {
  /** Offset of its first byte in the (decompressed) object. */
  readonly objectOffset: number;
  /** Bytes without the newline. */
  readonly length: number;
  /** Its first OVERSIZE_HEAD_BYTES bytes; not shared with anything. */
  readonly head: Uint8Array;
}
export const OVERSIZE_HEAD_BYTES = 64 * 1024;

/** Where a cutter puts bytes. Several cutters may use one target one after the other: the next goes on in the open block. */
export interface CutTarget<B extends CutBuffer> {
  /** The open block, or a fresh one; null when none is free now. */
  open(): B | null;
  /** What is free of the open block, or null where there is none. Bytes that lie there when they are written need not be copied. */
  place?(): Uint8Array | null;
  /** First free byte of the open block. The cutter advances it. */
  position: number;
  /** The open block is full: `position` is 0 from now on, and the next `open()` gives another. */
  close(): void;
  /** A buffer of at least `bytes` for one long line, or null when none is free now. */
  big(bytes: number): B | null;
  /** The buffer from `big()` is not needed after all. */
  dropBig(buffer: B): void;
  /** A piece of whole lines, never empty. The piece is the receiver's from here on. */
  emit(buffer: B, start: number, end: number, objectOffset: number): void;
  oversize(line: OversizeLine): void;
}

export interface LineCutterOptions {
  /** The segment [start, end) in the object. The first byte written is that at max(0, start - 1). */
  readonly start: number;
  /** May be Infinity: everything up to the end of the input. */
  readonly end: number;
  /** Longest line that is kept, without its newline. At least the size of a block. */
  readonly lineBytesMax: number;
}

type Phase = 'seek' | 'lines' | 'big' | 'skip' | 'done';

export class LineCutter<B extends CutBuffer> {
  readonly #target: CutTarget<B>;
  readonly #end: number;
  readonly #lineBytesMax: number;
  #phase: Phase;
  /** Object offset of the next byte to be written. */
  #offset: number;
  /** Start of the open piece in the open block, and its object offset. */
  #pieceStart = 0;
  #pieceOffset: number;
  /** Start of a line that the block before had no room for. It goes first into the next one. */
  #carry: Uint8Array | null = null;
  #big: B | null = null;
  #bigUsed = 0;
  #head: Uint8Array | null = null;
  #headUsed = 0;
  #skipped = 0;

  constructor(options: LineCutterOptions, target: CutTarget<B>) {
    assert(options.start >= 0 && options.start < options.end);
    this.#target = target;
    this.#end = options.end;
    this.#lineBytesMax = options.lineBytesMax;
    this.#phase = options.start === 0 ? 'lines' : 'seek';
    this.#offset = Math.max(0, options.start - 1);
    this.#pieceOffset = this.#offset;
    this.#pieceStart = target.position;
  }

  /** The last owned line has been emitted: no more bytes are wanted. */
  get done(): boolean {
    return this.#phase === 'done';
  }

  /** Object offset of the next byte to be written. */
  get offset(): number {
    return this.#offset;
  }

  /** @returns Bytes taken. Fewer than offered and not `done`: a buffer is missing; call again with the rest when there is one. */
  write(chunk: Uint8Array): number {
    let at = 0;
    while (at < chunk.length && this.#phase !== 'done') {
      const before = this.#phase;
      const taken = this.#step(at === 0 ? chunk : chunk.subarray(at));
      at += taken;
      this.#offset += taken;
      if (this.#phase === 'lines' && before !== 'lines') this.#startPiece();
      if (taken === 0 && this.#phase === before) break;
    }
    return at;
  }

  /** Where the next bytes will be written, or null where that is not known: whoever receives them there spares a copy. */
  place(): Uint8Array | null {
    if (this.#phase !== 'lines' || (this.#carry !== null && !this.#placeCarry())) return null;
    return this.#target.place?.() ?? null;
  }

  /**
   * The object ends here: what is left is the last line, with or without newline.
   * @returns false when a buffer is missing; call again when there is one.
   */
  end(): boolean {
    if (this.#phase === 'lines') {
      if (this.#carry !== null && !this.#placeCarry()) return false;
      this.#emitUpTo(this.#target.position);
    } else if (this.#phase === 'big') {
      if (!this.#growBig(this.#lineBytes())) return false;
      this.#emitBig();
    } else if (this.#phase === 'skip') {
      this.#reportOversize();
    }
    this.#phase = 'done';
    return true;
  }

  /** No more bytes will come, and the object does not end here: its whole lines leave, the line that was begun is dropped. */
  endWithin(): void {
    if (this.#phase === 'lines' && this.#carry === null) {
      const block = this.#target.position > this.#pieceStart ? this.#target.open() : null;
      const open = block?.bytes.subarray(0, this.#target.position);
      const newline = open === undefined ? -1 : lastNewline(open, this.#pieceStart);
      if (newline >= 0) this.#emitUpTo(newline + 1);
    } else if (this.#phase === 'big' && this.#big !== null) {
      this.#target.dropBig(this.#big);
      this.#big = null;
    }
    this.#phase = 'done';
  }

  #step(chunk: Uint8Array): number {
    switch (this.#phase) {
      case 'seek':
        return this.#seek(chunk);
      case 'lines':
        return this.#copyLines(chunk);
      case 'big':
        return this.#copyBig(chunk);
      case 'skip':
        return this.#skip(chunk);
      default:
        return 0;
    }
  }

  /** Drops what belongs to the segment before: everything up to the first newline at or after start - 1. */
  #seek(chunk: Uint8Array): number {
    const newline = chunk.indexOf(NEWLINE);
    if (newline < 0) return chunk.length;
    this.#phase = this.#offset + newline >= this.#end - 1 ? 'done' : 'lines';
    return newline + 1;
  }

  /** The open piece starts at the target's position and at the next byte of the object. */
  #startPiece(): void {
    this.#pieceStart = this.#target.position;
    this.#pieceOffset = this.#offset;
  }

  #copyLines(chunk: Uint8Array): number {
    if (this.#carry !== null && !this.#placeCarry()) return 0;
    const block = this.#target.open();
    if (block === null) return 0;
    if (this.#target.position === block.bytes.length) {
      // A cutter before this one has used the block up to its last byte.
      this.#target.close();
      this.#pieceStart = 0;
      return this.#copyLines(chunk);
    }
    let stop = chunk.length;
    let isLast = false;
    if (this.#offset + chunk.length >= this.#end) {
      const newline = chunk.indexOf(NEWLINE, Math.max(0, this.#end - 1 - this.#offset));
      if (newline >= 0) {
        stop = newline + 1;
        isLast = true;
      }
    }
    const room = block.bytes.length - this.#target.position;
    const taken = Math.min(room, stop);
    copyBytes(block.bytes, this.#target.position, taken === chunk.length ? chunk : chunk.subarray(0, taken));
    this.#target.position += taken;
    if (isLast && taken === stop) {
      this.#emitUpTo(this.#target.position);
      this.#phase = 'done';
    } else if (taken === room) {
      this.#cutFullBlock(block, this.#offset + taken);
    }
    return taken;
  }

  /** Emits the whole lines of a full block and keeps the start of the line that did not fit. */
  #cutFullBlock(block: B, nextOffset: number): void {
    const full = block.bytes.length;
    const newline = lastNewline(block.bytes, this.#pieceStart);
    const tailStart = newline < 0 ? this.#pieceStart : newline + 1;
    // The tail is copied before the piece is given away: from then on the block may be filled again by somebody else.
    if (tailStart < full) this.#carry = block.bytes.slice(tailStart, full);
    if (newline >= 0) this.#target.emit(block, this.#pieceStart, tailStart, this.#pieceOffset);
    this.#target.close();
    this.#pieceOffset = nextOffset - (full - tailStart);
    this.#pieceStart = 0;
    if (this.#carry !== null && this.#carry.length === full) this.#phase = 'big';
  }

  #placeCarry(): boolean {
    const block = this.#target.open();
    if (block === null) return false;
    const carry = this.#carry!;
    assert(this.#target.position === 0 && carry.length < block.bytes.length);
    copyBytes(block.bytes, 0, carry);
    this.#target.position = carry.length;
    this.#pieceStart = 0;
    this.#carry = null;
    return true;
  }

  #emitUpTo(end: number): void {
    const block = end > this.#pieceStart ? this.#target.open() : null;
    if (block !== null) this.#target.emit(block, this.#pieceStart, end, this.#pieceOffset);
    this.#pieceStart = end;
  }

  /** A line longer than a block gets a buffer of its own, doubled as it grows. */
  #copyBig(chunk: Uint8Array): number {
    const newline = chunk.indexOf(NEWLINE);
    const lineBytes = this.#lineBytes() + (newline < 0 ? chunk.length : newline);
    if (lineBytes > this.#lineBytesMax) return this.#startSkip();
    const taken = newline < 0 ? chunk.length : newline + 1;
    if (!this.#growBig(this.#lineBytes() + taken)) return 0;
    copyBytes(this.#big!.bytes, this.#bigUsed, taken === chunk.length ? chunk : chunk.subarray(0, taken));
    this.#bigUsed += taken;
    if (newline >= 0) {
      this.#emitBig();
      this.#phase = this.#offset + newline >= this.#end - 1 ? 'done' : 'lines';
    }
    return taken;
  }

  #lineBytes(): number {
    return this.#big === null ? this.#carry!.length : this.#bigUsed;
  }

  #growBig(bytes: number): boolean {
    if (this.#big !== null && this.#big.bytes.length >= bytes) return true;
    const wanted = Math.min(Math.max(bytes, 2 * this.#lineBytes()), this.#lineBytesMax + 1);
    const old = this.#big;
    if (old !== null) this.#target.dropBig(old);
    const grown = this.#target.big(wanted);
    if (grown === null) {
      assert(old === null, 'a target that has given a big buffer gives a larger one in exchange');
      return false;
    }
    const begun = old === null ? this.#carry! : old.bytes.subarray(0, this.#bigUsed);
    copyBytes(grown.bytes, 0, begun);
    this.#bigUsed = begun.length;
    this.#big = grown;
    this.#carry = null;
    return true;
  }

  #emitBig(): void {
    if (this.#big !== null) {
      this.#target.emit(this.#big, 0, this.#bigUsed, this.#pieceOffset);
      this.#big = null;
    }
  }

  /** Leaves the phase unchanged as far as bytes go: the chunk is taken by the next step. */
  #startSkip(): number {
    const begun = this.#big === null ? this.#carry! : this.#big.bytes.subarray(0, this.#bigUsed);
    this.#skipped = begun.length;
    this.#head = new Uint8Array(OVERSIZE_HEAD_BYTES);
    this.#headUsed = 0;
    this.#keepHead(begun);
    if (this.#big !== null) this.#target.dropBig(this.#big);
    this.#big = null;
    this.#carry = null;
    this.#phase = 'skip';
    return 0;
  }

  #skip(chunk: Uint8Array): number {
    const newline = chunk.indexOf(NEWLINE);
    const part = newline < 0 ? chunk : chunk.subarray(0, newline);
    this.#keepHead(part);
    this.#skipped += part.length;
    if (newline < 0) return chunk.length;
    this.#reportOversize();
    this.#phase = this.#offset + newline >= this.#end - 1 ? 'done' : 'lines';
    return newline + 1;
  }

  #keepHead(bytes: Uint8Array): void {
    const part = bytes.subarray(0, OVERSIZE_HEAD_BYTES - this.#headUsed);
    this.#head!.set(part, this.#headUsed);
    this.#headUsed += part.length;
  }

  #reportOversize(): void {
    const head = this.#head!.slice(0, this.#headUsed);
    this.#target.oversize({ objectOffset: this.#pieceOffset, length: this.#skipped, head });
    this.#head = null;
  }
}

/** Index of the last newline at or after `from`, or -1. Buffer's search runs in native code, the typed array's does not. */
function lastNewline(bytes: Uint8Array, from: number): number {
  const index = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf(NEWLINE);
  return index >= from ? index : -1;
}
