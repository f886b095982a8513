/**
 * Sent again: journals how many records a process has sent again, so that `status` and later processes of the run know it.
 * Takes  the publishers' counters in shared memory.
 * Gives  journal entries with what came since the last one; the engine commits them with the others.
 * Never  appends to a journal that is closed or has failed: what a hanging publisher counts then is lost with it.
 */
import type { Journal } from '../journal/journal.ts';
import { STAT, sumStat } from '../publish/stats.ts';

export class SentAgain {
  readonly #stats: SharedArrayBuffer;
  readonly #journal: Pick<Journal, 'append' | 'isOpen'> | null;
  #ambiguous = 0;
  #resent = 0;

  constructor(stats: SharedArrayBuffer, journal: Pick<Journal, 'append' | 'isOpen'> | null) {
    this.#stats = stats;
    this.#journal = journal;
  }

  /** Journals what was sent again since the last call, if anything was. */
  append(): void {
    if (!this.#journal?.isOpen) return;
    const ambiguous = sumStat(this.#stats, STAT.AMBIGUOUS) - this.#ambiguous;
    const resent = sumStat(this.#stats, STAT.RESENT) - this.#resent;
    if (ambiguous + resent === 0) return;
    this.#ambiguous += ambiguous;
    this.#resent += resent;
    this.#journal.append({ kind: 'again', ambiguous, resent });
  }
}
