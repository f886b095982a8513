/**
 * Object reading: how far one object has been read, as opposed to what came of it (object-account.ts).
 * Takes  the begin and the end of what is on its way: segments at the source, pieces at the parsers, slices at the publishers.
 * Gives  whether nothing of it is on its way, and whether it was read to its end. Pure.
 */
import type { Format } from '../source/object.ts';

/** What of an object may be on its way. */
export type Travelling = 'segment' | 'piece' | 'slice';

export class ObjectReading {
  /** Null until its first bytes are there. */
  format: Format | null;
  readonly #open = { segment: 0, piece: 0, slice: 0 };
  /** Stored bytes that parsers have dealt with. */
  #storedBytes = 0;
  #isAtEnd = false;

  constructor(format: Format | null) {
    this.format = format;
  }

  begin(what: Travelling): void {
    this.#open[what]++;
  }

  end(what: Travelling): void {
    this.#open[what]--;
  }

  /** A parser has dealt with a piece. @param isLast A compressed object ends there. */
  endPiece(storedBytes: number, isLast: boolean): void {
    this.end('piece');
    this.#storedBytes += storedBytes;
    if (isLast) this.#isAtEnd = true;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  /** A compressed object has been read to its end. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Nothing of it is on its way. */
  get isIdle(): boolean {
    const { segment, piece, slice } = this.#open;
    return segment === 0 && piece === 0 && slice === 0;
  }
}
