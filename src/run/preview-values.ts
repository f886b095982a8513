/**
 * Preview values: the values of objects whose records are no lines (`--framing`), kept to be shown; damage between them, too.
 * Takes  the content of objects, chunk by chunk, one object after the other.
 * Gives  the values of each, with where they begin and end. Where they do, the value count says (value-count.ts).
 * Owns   the same bounds as preview-lines.ts.
 */
import { ValueCounter } from '../parse/value-count.ts';
import type { SourceObject } from '../source/object.ts';
import { type KeptLine, type KeptLines, type PreviewLinesOptions, tooManyLines } from './preview-lines.ts';

export interface PreviewValuesOptions extends PreviewLinesOptions {
  /** As ParseSetup has them. */
  readonly tokens: readonly string[] | null;
}

/** The beginning of what ends in another chunk. */
interface OpenValue {
  readonly start: number;
  readonly bytes: Buffer;
}

/** A line end behind damage, and spaces behind that, are none of it. */
const LINE_END = /\r?\n[ \t]*$/;

export class PreviewValues implements KeptLines {
  readonly #options: PreviewValuesOptions;
  readonly #objects: { readonly object: SourceObject; readonly lines: KeptLine[] }[] = [];
  #counter: ValueCounter | null = null;
  /** Of the chunk at hand: where what has ended in it began, and where it ends. */
  #ends: (readonly [start: number, end: number])[] = [];
  #open: OpenValue | null = null;
  #offset = 0;
  #keptBytes = 0;

  constructor(options: PreviewValuesOptions) {
    this.#options = options;
  }

  /** @throws {OptionsError} The values take too much memory. */
  take(object: SourceObject, bytes: Uint8Array): void {
    if (this.#objects.at(-1)?.object !== object) this.#begin(object);
    const counter = this.#counter!;
    const base = this.#offset;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    counter.add(chunk);
    for (const [start, end] of this.#ends)
      this.#keep(start, end, this.#bytesOf(start, chunk.subarray(Math.max(0, start - base), end - base)));
    this.#ends = [];
    this.#offset += chunk.length;
    const start = counter.openStart;
    this.#open =
      start === null
        ? null
        : { start, bytes: this.#bytesOf(start, chunk.subarray(Math.max(0, start - base))) };
    this.#bound(this.#open?.bytes.length ?? 0);
  }

  finish(): ReturnType<KeptLines['finish']> {
    this.#close();
    return this.#objects;
  }

  #begin(object: SourceObject): void {
    this.#close();
    const { tokens, lineBytesMax } = this.#options;
    this.#objects.push({ object, lines: [] });
    this.#counter = new ValueCounter(
      tokens,
      lineBytesMax,
      (start, end) => void this.#ends.push([start, end]),
    );
    this.#offset = 0;
  }

  /** The object ends. */
  #close(): void {
    const open = this.#open;
    this.#open = null;
    if (open !== null) this.#keep(open.start, this.#offset, open.bytes, this.#counter!.isLost);
  }

  /** What began at `start`, up to and with a part of the chunk at hand; its beginning, where it is too long. */
  #bytesOf(start: number, part: Buffer): Buffer {
    const held = this.#open?.start === start ? this.#open.bytes : Buffer.alloc(0);
    return Buffer.concat([held, part.subarray(0, this.#options.lineBytesMax - held.length)]);
  }

  /** @param isEnded Not by the object's end: whatever is behind it then is a part of it. */
  #keep(offset: number, end: number, whole: Buffer, isEnded = true): void {
    const hasEnd = isEnded && whole.length === end - offset;
    const lineEnd = hasEnd ? (LINE_END.exec(whole.toString('latin1'))?.[0].length ?? 0) : 0;
    const bytes = whole.subarray(0, whole.length - lineEnd);
    this.#keptBytes += bytes.length;
    this.#bound(0);
    this.#objects.at(-1)!.lines.push({ offset, end, length: end - offset - lineEnd, bytes });
  }

  #bound(openBytes: number): void {
    const { bytesMax } = this.#options;
    if (this.#keptBytes + openBytes > bytesMax) throw tooManyLines(bytesMax);
  }
}
