/**
 * Frame cursor: what the RECORD frames of a batch hold, one after the other, for codecs in JavaScript.
 * Takes  a run of RECORD frames (src/record/frame.ts). Gives  views of the frame that it stands on. Pure.
 */
import { FRAME, FRAME_FLAG } from '../record/frame.ts';

/** A cursor over the RECORD frames of a batch. */
export class FrameCursor {
  at = 0;
  readonly #frames: Uint8Array;
  readonly #view: DataView;
  constructor(frames: Uint8Array) {
    this.#frames = frames;
    this.#view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  }
  get frameBytes(): number {
    return this.#view.getUint32(this.at + FRAME.FRAME_BYTES, true);
  }
  get keyBytes(): number {
    return this.#view.getUint16(this.at + FRAME.KEY_BYTES, true);
  }
  get dataBytes(): number {
    return this.#view.getUint32(this.at + FRAME.DATA_BYTES, true);
  }
  get slice(): number {
    return this.#view.getUint32(this.at + FRAME.SLICE, true);
  }
  get key(): Uint8Array {
    const start = this.at + FRAME.HEADER_BYTES;
    return this.#frames.subarray(start, start + this.keyBytes);
  }
  get data(): Uint8Array {
    const start = this.at + FRAME.HEADER_BYTES + this.keyBytes;
    return this.#frames.subarray(start, start + this.dataBytes);
  }
  /** In decimal, or null when the hash key follows from the partition key. */
  get explicitHashKey(): string | null {
    if ((this.#view.getUint8(this.at + FRAME.FLAGS) & FRAME_FLAG.EXPLICIT_HASH_KEY) === 0) return null;
    const high = this.#view.getBigUint64(this.at + FRAME.HASH_HIGH, true);
    return ((high << 64n) | this.#view.getBigUint64(this.at + FRAME.HASH_LOW, true)).toString();
  }
  next(): void {
    this.at += this.frameBytes;
  }
}
