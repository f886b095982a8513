/**
 * Ledger: which parts of the source are safely delivered.
 * Takes  what parsers found in each accounting unit, what publishers acknowledged (shared memory), what became a dead letter.
 * Gives  each unit back once all of it is acknowledged or dead-lettered.
 * Owns   the table of units. A unit is a plain segment, or a part of a compressed object; its number goes into every frame, so
 *        numbers are few and used again.
 * Never  writes a file or reads a clock: see src/books.ts.
 */
interface Unit<T> {
  readonly item: T;
  /** Records that parsers wrote into lanes. */
  records: number;
  /** Lines that parsers rejected, and how many of them have become dead letters. */
  rejected: number;
  letters: number;
  /** Records that the stream refused for good: never acknowledged, settled all the same. */
  refused: number;
  isScanned: boolean;
}

/** Accounting units that may be open at once: 256 KiB of shared memory. Each holds at least one object or segment on its way. */
export const UNIT_COUNT_MAX = 65_536;
/** The listing waits when more than this are open: the rest is room for what is already on its way. */
const UNIT_COUNT_BUSY = UNIT_COUNT_MAX - 8_192;

export class Ledger<T> {
  /** Int32Array, records acknowledged per unit: publishers add, the ledger resets. */
  readonly acknowledged = new SharedArrayBuffer(UNIT_COUNT_MAX * Int32Array.BYTES_PER_ELEMENT);
  readonly #cells = new Int32Array(this.acknowledged);
  readonly #units = new Map<number, Unit<T>>();
  readonly #free: number[] = Array.from({ length: UNIT_COUNT_MAX }, (_, i) => UNIT_COUNT_MAX - 1 - i);
  #waiting: (() => void)[] = [];

  get openCount(): number {
    return this.#units.size;
  }

  /** Resolves when new objects may be begun. */
  async room(): Promise<void> {
    while (this.#units.size > UNIT_COUNT_BUSY)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Opens a unit for `item`. */
  open(item: T): number {
    const unit = this.#free.pop();
    if (unit === undefined) throw new Error(`More than ${UNIT_COUNT_MAX} accounting units are open`);
    Atomics.store(this.#cells, unit, 0);
    this.#units.set(unit, { item, records: 0, rejected: 0, letters: 0, refused: 0, isScanned: false });
    return unit;
  }

  /** What belongs to an open unit. */
  item(unit: number): T {
    return this.#get(unit).item;
  }

  /** Adds what a parser found: records on their way, and rejected lines whose letters may come earlier or later. */
  addScanned(unit: number, records: number, rejected: number): void {
    const open = this.#get(unit);
    open.records += records;
    open.rejected += rejected;
  }

  /** Says that one rejected line of this unit has become a dead letter. */
  addLetter(unit: number): void {
    this.#get(unit).letters++;
  }

  /** Says that the stream refused a record of this unit for good, and that it has become a dead letter. */
  addRefused(unit: number): void {
    this.#get(unit).refused++;
  }

  /** Says that no parser will find anything more in this unit. */
  closeScan(unit: number): void {
    this.#get(unit).isScanned = true;
  }

  /** Takes out the units that are settled now: all scanned, every record acknowledged or refused, every letter there. */
  takeSettled(): T[] {
    const settled: T[] = [];
    for (const [unit, open] of this.#units) {
      if (!open.isScanned || open.letters < open.rejected) continue;
      if (Atomics.load(this.#cells, unit) + open.refused < open.records) continue;
      settled.push(open.item);
      this.#units.delete(unit);
      this.#free.push(unit);
    }
    if (settled.length > 0) for (const resolve of this.#waiting.splice(0)) resolve();
    return settled;
  }

  #get(unit: number): Unit<T> {
    const open = this.#units.get(unit);
    if (!open) throw new Error(`Accounting unit ${unit} is not open`);
    return open;
  }
}
