/**
 * Preview lines: the lines of objects as they lie there, kept to be shown.
 * Takes  the content of objects, chunk by chunk, one object after the other.
 * Gives  the lines of each, with where they begin and end.
 * Owns   the bounds: of a line that is too long to be a record its beginning is kept, and all lines together fit into the memory that was given.
 */
import { OptionsError } from '../base/errors.ts';
import { formatBytes } from '../base/quantity.ts';
import type { SourceObject } from '../source/object.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;

export interface KeptLine {
  /** Of its first byte. */
  readonly offset: number;
  /** Behind its line end. */
  readonly end: number;
  /** Without its line end. */
  readonly length: number;
  /** The line, or its beginning. */
  readonly bytes: Buffer;
}

export interface PreviewLinesOptions {
  /** Of one line. */
  readonly lineBytesMax: number;
  /** Of all lines. */
  readonly bytesMax: number;
}

interface OpenLine {
  readonly offset: number;
  readonly parts: Buffer[];
  keptBytes: number;
  length: number;
}

/** What keeps the lines of objects. */
export interface KeptLines {
  take(object: SourceObject, bytes: Uint8Array): void;
  /** Nothing follows. */
  finish(): readonly { readonly object: SourceObject; readonly lines: readonly KeptLine[] }[];
}

export function tooManyLines(bytesMax: number): OptionsError {
  const why = `the first lines take more than the ${formatBytes(bytesMax)} of --memory`;
  return new OptionsError([`Expected --limit to be smaller: ${why}.`]);
}

export class PreviewLines implements KeptLines {
  readonly #options: PreviewLinesOptions;
  readonly #objects: { readonly object: SourceObject; readonly lines: KeptLine[] }[] = [];
  #open: OpenLine | null = null;
  #offset = 0;
  #keptBytes = 0;

  constructor(options: PreviewLinesOptions) {
    this.#options = options;
  }

  /** @throws {OptionsError} The lines take too much memory. */
  take(object: SourceObject, bytes: Uint8Array): void {
    if (this.#objects.at(-1)?.object !== object) {
      this.#close(false);
      this.#objects.push({ object, lines: [] });
      this.#offset = 0;
    }
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at < chunk.length; ) {
      const newline = chunk.indexOf(NEWLINE, at);
      const stop = newline < 0 ? chunk.length : newline;
      this.#add(chunk.subarray(at, stop));
      if (newline >= 0) this.#close(true);
      at = stop + 1;
    }
  }

  finish(): ReturnType<KeptLines['finish']> {
    this.#close(false);
    return this.#objects;
  }

  #add(part: Buffer): void {
    this.#open ??= { offset: this.#offset, parts: [], keptBytes: 0, length: 0 };
    const { lineBytesMax, bytesMax } = this.#options;
    const kept = Buffer.from(part.subarray(0, lineBytesMax - this.#open.keptBytes));
    this.#open.parts.push(kept);
    this.#open.keptBytes += kept.length;
    this.#open.length += part.length;
    this.#offset += part.length;
    this.#keptBytes += kept.length;
    if (this.#keptBytes > bytesMax) throw tooManyLines(bytesMax);
  }

  #close(hasEnd: boolean): void {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    const { offset, parts, length } = open;
    const whole = Buffer.concat(parts);
    const isCrLf = hasEnd && whole.length === length && whole.at(-1) === RETURN;
    if (hasEnd) this.#offset++;
    this.#objects.at(-1)!.lines.push({
      ...{ offset, end: this.#offset, length: isCrLf ? length - 1 : length },
      bytes: isCrLf ? whole.subarray(0, -1) : whole,
    });
  }
}
