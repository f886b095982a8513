/**
 * Start pages: what of Node's file only the start of a run has used, 26 MB of 57, does not stay in the resident memory of a long one.
 * Takes  how much has been received, whenever there is news.
 * Owns   the moments. Short runs end before the first one: each costs a millisecond.
 */
import { MIB } from '../base/limits.ts';
import { letGoOfFilePages } from '../native/file-pages.ts';

/** While a run takes the memory that it works with, threads still load code. At the last one all blocks have been filled and read, and requests sent. */
const RECEIVED_BYTES = [8 * MIB, 16 * MIB, 32 * MIB];

export class StartPages {
  readonly #letGo: () => unknown;
  /** Moments that have passed. */
  #count = 0;

  constructor(letGo: () => unknown = letGoOfFilePages) {
    this.#letGo = letGo;
  }

  look(receivedBytes: number): void {
    const before = this.#count;
    while (receivedBytes >= (RECEIVED_BYTES[this.#count] ?? Number.POSITIVE_INFINITY)) this.#count++;
    if (this.#count > before) this.#letGo();
  }
}
