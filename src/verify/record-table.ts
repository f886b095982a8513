/**
 * Record table: how often each record of some buckets still has to be found on the other side.
 * Takes  hashes of 128 bits: the low word of the first half chooses the place, the second half is kept.
 * Gives  verdicts: due, too many, unknown; what is left over.
 * Owns   12 bytes a place, fixed at the start, three quarters used at most.
 * Never  keeps a record, its coordinates or its key.
 *
 * Two records are taken for the same only where the 64 kept bits are equal and one lies on the other's way of probing: for n records
 * that is less likely than n times the length of such a probe (a few places) times 2^-64 / capacity; docs/VERIFY.md.
 */
const SLOT_WORDS = 3;
const COUNT = 2;
export const SLOT_BYTES = 4 * SLOT_WORDS;
/** Share of the places that may be in use. */
const LOAD_MAX = 0.75;

/** Bytes that one record costs, at most. */
export const RECORD_BYTES = Math.ceil(SLOT_BYTES / LOAD_MAX);

export class RecordTable {
  readonly #slots: Uint32Array;
  /** Places in use; whether a place is in use cannot be seen from its count, which may come down to zero. */
  readonly #isUsed: Uint8Array;
  readonly #capacity: number;

  /** @param recordsMax Records that will be added, at most. */
  constructor(recordsMax: number) {
    this.#capacity = Math.ceil(recordsMax / LOAD_MAX) + 1;
    this.#slots = new Uint32Array(this.#capacity * SLOT_WORDS);
    this.#isUsed = new Uint8Array(Math.ceil(this.#capacity / 8));
  }

  /** Index of the place that holds the hash, or of the free one where it would be. */
  #find(place: number, bLow: number, bHigh: number): number {
    let index = Math.floor((place / 0x100000000) * this.#capacity);
    while (this.#hasSlot(index)) {
      const at = index * SLOT_WORDS;
      if (this.#slots[at] === bLow && this.#slots[at + 1] === bHigh) return index;
      index = index + 1 === this.#capacity ? 0 : index + 1;
    }
    return index;
  }

  #hasSlot(index: number): boolean {
    return (this.#isUsed[index >> 3]! & (1 << (index & 7))) !== 0;
  }

  /** One more copy has to be found. @param place A word that is spread evenly, e.g. the low half of `a`. */
  add(place: number, bLow: number, bHigh: number): void {
    const index = this.#find(place, bLow, bHigh);
    const at = index * SLOT_WORDS;
    if (!this.#hasSlot(index)) {
      this.#isUsed[index >> 3]! |= 1 << (index & 7);
      this.#slots[at] = bLow;
      this.#slots[at + 1] = bHigh;
    }
    this.#slots[at + COUNT]! += 1;
  }

  /** A copy was found. @returns `due`: it was wanted; `extra`: all copies had been found; `unknown`: no such record was added. */
  take(place: number, bLow: number, bHigh: number): 'due' | 'extra' | 'unknown' {
    const index = this.#find(place, bLow, bHigh);
    if (!this.#hasSlot(index)) return 'unknown';
    const at = index * SLOT_WORDS + COUNT;
    if (this.#slots[at] === 0) return 'extra';
    this.#slots[at]! -= 1;
    return 'due';
  }

  /** Copies that were never found. */
  leftCount(): number {
    let left = 0;
    for (let at = COUNT; at < this.#slots.length; at += SLOT_WORDS) left += this.#slots[at]!;
    return left;
  }
}
