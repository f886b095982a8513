/**
 * Dead letter index: which dead letters a run has, and which of them a redrive has delivered.
 * Takes  dead-letter files and traces of redrives (src/journal/redrive-trace.ts); the places of lines, one by one.
 * Gives  what became of each line; what is left over.
 * Owns   16 bytes for each dead letter: two tables of hashes.
 * Never  keeps a dead letter. A dead letter is identified by bucket, key, ETag (whatever its quotes) and offset: people may have repaired its data.
 */
import { hash } from 'node:crypto';
import { bareEtag } from '../aws/etag.ts';
import type { LinePlace } from '../journal/read-dead-letters.ts';
import { RECORD_BYTES, RecordTable } from './record-table.ts';
import type { ObjectPlace } from './sides.ts';

/** `held`: it has a dead letter. `redriven`: that was delivered since. `absent`: nothing is known of it. */
export type DeadLetterVerdict = 'held' | 'redriven' | 'absent';

/** In place of a line's ETag and offset. */
const WHOLE = { etag: '', offset: -1 };

export class DeadLetterIndex {
  readonly #deadLetters: RecordTable;
  readonly #redriven: RecordTable;

  /** @param lettersMax Dead letters that will be added, at most. @param redrivenMax The same of places that were redriven. */
  constructor(deadLettersMax: number, redrivenMax: number) {
    this.#deadLetters = new RecordTable(deadLettersMax);
    this.#redriven = new RecordTable(redrivenMax);
  }

  static bytesOf(deadLetters: number): number {
    return deadLetters * RECORD_BYTES;
  }

  addDeadLetter(place: LinePlace): void {
    this.#deadLetters.add(...hashOf(place));
  }

  /** A dead letter about a whole object; it is identified by its name alone. */
  addObject({ bucket, key }: ObjectPlace): void {
    this.#deadLetters.add(...hashOf({ bucket, key, ...WHOLE }));
  }

  addRedriven(place: LinePlace): void {
    this.#redriven.add(...hashOf(place));
  }

  /** A line that was not sent. Each dead letter stands for one. */
  take(place: LinePlace): DeadLetterVerdict {
    const words = hashOf(place);
    const isHeld = this.#deadLetters.take(...words) === 'due';
    if (this.#redriven.take(...words) !== 'unknown') return 'redriven';
    return isHeld ? 'held' : 'absent';
  }

  /** An object that could not be read to its end. @returns Whether it has a dead letter. */
  takeObject({ bucket, key }: ObjectPlace): boolean {
    return this.#deadLetters.take(...hashOf({ bucket, key, ...WHOLE })) !== 'unknown';
  }

  /** Dead letters of lines that nobody has asked for. */
  get unclaimed(): number {
    return this.#deadLetters.leftCount();
  }
}

function hashOf({ bucket, key, etag, offset, output = 0 }: LinePlace): [number, number, number] {
  // No newline is in a bucket's name, and a key comes last: no two places give the same text.
  const digest = hash(
    'sha256',
    `${bucket}\n${bareEtag(etag).replaceAll('\n', ' ')}\n${offset}${output > 0 ? `.${output}` : ''}\n${key}`,
    'buffer',
  );
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8)];
}
