/**
 * Source lines: how many lines the sources hold, by line ends and bytes alone.
 * Takes  the counts of pieces as parser threads made them, before anything was scanned; lines that were never in a piece.
 * Gives  the number of lines; plain objects that were not seen to the last byte.
 * Owns   a number for each plain object that is on its way.
 * Never  asks the scanner: `verify` holds its tallies to these.
 */

import type { LineCount } from '../parse/line-count.ts';
import { plainEndOf, type SourceObject } from '../source/object.ts';

export class SourceLines {
  lines = 0;
  /** Bytes seen of plain objects that are not complete. */
  readonly #seen = new Map<SourceObject, number>();

  /** Bytes [start, end) of a plain object. */
  addPlain(object: SourceObject, start: number, end: number, { newlines, endsOpen }: LineCount): void {
    // An open end is a line at the end of the object alone; anywhere else one line was cut in two.
    this.lines += newlines + (endsOpen && end === object.size ? 1 : 0);
    this.#see(object, end - start);
  }

  /** A line of a plain object that is too long to be in a piece. @param length Without its line end. */
  addOversize(object: SourceObject, offset: number, length: number): void {
    this.lines++;
    this.#see(object, Math.min(length + 1, object.size - offset));
  }

  /** All of a compressed object. */
  addWhole({ newlines, endsOpen }: LineCount): void {
    this.lines += newlines + (endsOpen ? 1 : 0);
  }

  /** Plain objects of which more or fewer bytes were seen than they hold. */
  get uneven(): Iterable<SourceObject> {
    return this.#seen.keys();
  }

  #see(object: SourceObject, bytes: number): void {
    const seen = (this.#seen.get(object) ?? 0) + bytes;
    if (seen === plainEndOf(object)) this.#seen.delete(object);
    else this.#seen.set(object, seen);
  }
}
