/**
 * Letter book: which dead letters a run has, and which of them a redrive has delivered.
 * Takes  dead-letter files and traces of redrives (src/journal/redrive-trace.ts); the places of lines, one by one.
 * Gives  what became of each line; what is left over.
 * Owns   16 bytes for each letter: two tables of hashes.
 * Never  keeps a letter. A letter is told by bucket, key, ETag (whatever its quotes) and offset: people may have repaired its data.
 */
import { hash } from 'node:crypto';
import { bareEtag } from '../aws/etag.ts';
import type { LinePlace } from '../journal/read-dead-letters.ts';
import { RECORD_BYTES, RecordTable } from './record-table.ts';
import type { ObjectPlace } from './sides.ts';

/** `held`: it has a dead letter. `redriven`: which was delivered since. `absent`: nobody knows of it. */
export type LetterVerdict = 'held' | 'redriven' | 'absent';

/** In the place of a line's. */
const WHOLE = { etag: '', offset: -1 };

export class LetterBook {
  readonly #letters: RecordTable;
  readonly #redriven: RecordTable;

  /** @param lettersMax Letters that will be added, at most. @param redrivenMax The same of places that were redriven. */
  constructor(lettersMax: number, redrivenMax: number) {
    this.#letters = new RecordTable(lettersMax);
    this.#redriven = new RecordTable(redrivenMax);
  }

  static bytesOf(letters: number): number {
    return letters * RECORD_BYTES;
  }

  addLetter(place: LinePlace): void {
    this.#letters.add(...hashOf(place));
  }

  /** A letter about a whole object; it is told by its name alone. */
  addObject({ bucket, key }: ObjectPlace): void {
    this.#letters.add(...hashOf({ bucket, key, ...WHOLE }));
  }

  addRedriven(place: LinePlace): void {
    this.#redriven.add(...hashOf(place));
  }

  /** A line that was not sent. Each letter stands for one. */
  take(place: LinePlace): LetterVerdict {
    const words = hashOf(place);
    const isHeld = this.#letters.take(...words) === 'due';
    if (this.#redriven.take(...words) !== 'unknown') return 'redriven';
    return isHeld ? 'held' : 'absent';
  }

  /** An object that could not be read to its end. @returns Whether it has a letter. */
  takeObject({ bucket, key }: ObjectPlace): boolean {
    return this.#letters.take(...hashOf({ bucket, key, ...WHOLE })) !== 'unknown';
  }

  /** Letters of lines that nobody has asked for. */
  get unclaimed(): number {
    return this.#letters.leftCount();
  }
}

function hashOf({ bucket, key, etag, offset }: LinePlace): [number, number, number] {
  // No newline is in a bucket's name, and a key comes last: no two places give one text.
  const digest = hash(
    'sha256',
    `${bucket}\n${bareEtag(etag).replaceAll('\n', ' ')}\n${offset}\n${key}`,
    'buffer',
  );
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)];
}
