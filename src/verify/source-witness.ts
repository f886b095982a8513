/**
 * Source witness: what `verify` remembers of the first reading of the sources, beside the records.
 * Takes  rejected lines and objects as they are found; the dead letters of the run; what its journal knows.
 * Gives  the account of every line and object (src/verify/account.ts).
 * Owns   which dead letter stands for which line. Counts and a few examples; it never keeps a line.
 */
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { LinePlace } from '../journal/read-dead-letters.ts';
import type { SourceObject } from '../source/object.ts';
import type { SourceAccount } from './account.ts';
import type { RunDeadLetters } from './dead-letters.ts';
import type { RunFacts } from './facts.ts';
import { LeftOut } from './left-out.ts';
import type { LetterlessPlace, SourcePlace } from './report.ts';
import type { ObjectPlace } from './sides.ts';
import type { SourceObserver, SourceTally } from './source-side.ts';

export class SourceWitness implements SourceObserver {
  readonly #deadLetters: RunDeadLetters;
  readonly #facts: Pick<RunFacts, 'hasFailed' | 'isNewer'> | null;
  readonly #examplesMax: number;
  readonly #leftOut: LeftOut;
  readonly #withoutDeadLetter: LetterlessPlace[] = [];
  readonly #counts = { held: 0, redriven: 0, absent: 0 };

  constructor(
    deadLetters: RunDeadLetters,
    facts: Pick<RunFacts, 'hasFailed' | 'isNewer'> | null,
    examplesMax: number,
  ) {
    this.#deadLetters = deadLetters;
    this.#facts = facts;
    this.#examplesMax = examplesMax;
    this.#leftOut = new LeftOut(examplesMax);
  }

  onDeadLetter({ bucket, key, etag, offset, length, code }: DeadLetter): void {
    if (offset === null) this.#takeObject({ bucket, key }, code);
    else this.#takeLine({ bucket, key, etag, offset }, length);
  }

  onArchived(object: SourceObject): void {
    this.#leftOut.add('archived', object);
  }

  onFiltered(object: ObjectPlace): void {
    this.#leftOut.add('excluded', object);
  }

  onObject(object: SourceObject): void {
    if (this.#facts?.isNewer(object)) this.#leftOut.add('newer', object);
  }

  /** A line whose record is not on the stream. */
  isExcused(place: SourcePlace & ObjectPlace): boolean {
    const { bucket, key, etag = '', offset, output = 0 } = place;
    const verdict = this.#deadLetters.book.take({ bucket, key, etag, offset, output });
    if (verdict === 'absent') return false;
    this.#counts[verdict]++;
    return true;
  }

  /** @param tally Null where the first reading has not come to its end. */
  account(tally: SourceTally | null): SourceAccount {
    const { counted, records, blank, filtered, added, rejected, uneven } = tally ?? NOTHING;
    const { file, book, ifRejected, warnings } = this.#deadLetters;
    const isUnknown = ifRejected !== null && rejected > this.#counts.redriven;
    return {
      lines: { counted, records, blank, rejected, filtered, added },
      uneven,
      deadLetters: { file, ...this.#counts, unclaimed: tally === null ? 0 : book.unclaimed },
      withoutLetter: this.#withoutDeadLetter,
      leftOut: this.#leftOut,
      examplesMax: this.#examplesMax,
      warnings: [
        ...warnings,
        ...(isUnknown ? [`${ifRejected}: ${rejected} rejected lines were held against none.`] : []),
      ],
    };
  }

  #takeLine(place: LinePlace, length: number | null): void {
    const verdict = this.#deadLetters.book.take(place);
    if (verdict !== 'absent') this.#counts[verdict]++;
    else if (this.#deadLetters.file !== null) this.#miss({ ...place, length });
  }

  /** If the run could not read an object either, its journal and its dead letter say so. */
  #takeObject(object: ObjectPlace, code: DeadLetter['code']): void {
    const isKnown = code !== 'OBJECT_CHANGED' && this.#facts?.hasFailed(object) === true;
    if (!isKnown) {
      this.#leftOut.add(code === 'OBJECT_CHANGED' ? 'changed' : 'unreadable', object);
      return;
    }
    this.#leftOut.add('givenUp', object);
    const hasDeadLetter = this.#deadLetters.book.takeObject(object);
    if (!hasDeadLetter && this.#deadLetters.file !== null)
      this.#miss({ ...object, offset: null, length: null });
  }

  #miss({ bucket, key, offset, length }: LetterlessPlace): void {
    this.#counts.absent++;
    if (this.#withoutDeadLetter.length < this.#examplesMax)
      this.#withoutDeadLetter.push({ bucket, key, offset, length });
  }
}

const NOTHING: SourceTally = {
  ...{ counted: 0, records: 0, blank: 0, filtered: 0, added: 0, rejected: 0, uneven: [] },
};
