/**
 * Lost bytes: what of an object is no record, from its first byte to where records may begin again.
 * Takes  bytes, in runs. Gives  how many there are, and all of them, or their beginning where they are too long to be kept.
 * Owns   where damage ends: at the end of a line. What began with a bracket also takes lines that are rests of it: all that do not begin with
 *        a bracket, or are indented further than it was itself.
 */
import { OVERSIZE_HEAD_BYTES } from '../source/line-cutter.ts';

const [TAB, NEWLINE, RETURN, SPACE, OPEN_ARRAY, OPEN_OBJECT] = [0x09, 0x0a, 0x0d, 0x20, 0x5b, 0x7b];

export class LostBytes {
  readonly #bytesMax: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;
  /** The line end behind which records may begin again, its length being that of what is before it; -1: none. */
  #lineEnd = -1;
  #indent = 0;
  #isContainer = false;

  /** @param bytesMax What is longer is kept as its beginning. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get length(): number {
    return this.#length;
  }

  /** @param first Byte of what is going to be lost. @param indent Spaces in front of it, where it is the first of its line; else 0. */
  begin(first: number, indent: number): void {
    this.#length = 0;
    this.#lineEnd = -1;
    this.#indent = indent;
    this.#isContainer = first === OPEN_OBJECT || first === OPEN_ARRAY;
  }

  add(bytes: Uint8Array, from: number, end: number): void {
    const kept = bytes.subarray(from, Math.min(end, from + Math.max(0, this.#bytesMax - this.#length)));
    const keptBytes = Math.min(this.#length, this.#bytesMax) + kept.length;
    if (keptBytes > this.#bytes.length) {
      const grown = new Uint8Array(
        Math.min(Math.max(2 * this.#bytes.length, keptBytes, 4096), this.#bytesMax),
      );
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    if (kept.length > 0) this.#bytes.set(kept, this.#length);
    this.#length += end - from;
  }

  /** Looks for where records may begin again in bytes[from, end), and adds what comes before. @returns The index, or -1. */
  seek(bytes: Uint8Array, from: number, end: number): number {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
    for (let at = from; at < end; ) {
      if (this.#lineEnd >= 0) {
        const indent = this.#length - this.#lineEnd - 1;
        const byte = bytes[at]!;
        const begins = indent <= this.#indent && (byte === OPEN_OBJECT || byte === OPEN_ARRAY);
        if (!this.#isContainer || begins) return at;
        if (byte === SPACE || byte === TAB) {
          this.add(bytes, at, ++at);
          continue;
        }
      }
      const newline = view.indexOf(NEWLINE, at);
      const next = newline < 0 ? end : newline + 1;
      this.add(bytes, at, next);
      this.#lineEnd = newline < 0 ? -1 : this.#length - 1;
      at = next;
    }
    return -1;
  }

  /** What is lost, without the line end behind it. */
  take(): { readonly length: number; readonly data: Uint8Array } {
    const lineBytes = this.#lineEnd < 0 ? this.#length : this.#lineEnd;
    const isKept = lineBytes <= this.#bytesMax;
    const hasReturn = this.#lineEnd > 0 && isKept && this.#bytes[lineBytes - 1] === RETURN;
    const length = hasReturn ? lineBytes - 1 : lineBytes;
    return {
      length,
      data: this.#bytes.slice(0, isKept ? length : Math.min(OVERSIZE_HEAD_BYTES, this.#bytesMax)),
    };
  }
}
