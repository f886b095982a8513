/**
 * Reject desk: where dead letters are handed to their file, and parsers are held back while the disk is slow.
 * Takes  dead letters, and notice that all those of a parser's message were taken.
 * Gives  them to the file of dead letters; to the parsers the room that their messages took, once those are written.
 * Owns   the count of bytes that wait (src/parse/setup.ts, PARSE_SHARED).
 */
import type { DeadLetter } from '../journal/dead-letters.ts';
import { type RejectedLine, releaseWaiting, waitingBytesOf } from '../parse/setup.ts';

export interface RejectDeskOptions {
  /** Null: dead letters are only counted. */
  readonly deadLetters: { add(deadLetter: DeadLetter): Promise<void> | undefined } | null;
  readonly parseShared: Int32Array<SharedArrayBuffer>;
  readonly onFailure: (error: unknown) => void;
}

export class RejectDesk {
  readonly #options: RejectDeskOptions;
  /** The file has more to write than it holds back. */
  #writing: Promise<void> | undefined;

  constructor(options: RejectDeskOptions) {
    this.#options = options;
  }

  add(deadLetter: DeadLetter): void {
    const { deadLetters, onFailure } = this.#options;
    try {
      const writing = deadLetters?.add(deadLetter);
      writing?.catch(onFailure);
      this.#writing = writing ?? this.#writing;
    } catch (error) {
      onFailure(error);
    }
  }

  /** All dead letters of a parser's message were added. */
  taken(lines: readonly RejectedLine[]): void {
    const { parseShared } = this.#options;
    const release = () => releaseWaiting(parseShared, waitingBytesOf(lines));
    // Parsers wait for the disk: their bytes count as waiting until the dead letters have been written.
    if (this.#writing !== undefined) void this.#writing.then(release, release);
    else release();
    this.#writing = undefined;
  }
}
