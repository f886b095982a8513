/**
 * Table: a lookup table as a thread reads it.
 * Takes  the shared memory that build.ts has filled. Nothing of it is copied.
 * Gives  the row of a key as a value, made anew for each who asks: what is done to one record's value never shows in another's.
 * Never  writes.
 */
import { halfSipHash, hashWords } from './hash.ts';
import { KeyBytes, keyTextOf } from './key.ts';
import { HEADER, isTagOf, placeOf, ROW, SLOT_BYTES } from './layout.ts';

/** Lookup tables of a run, by `tableName` (src/shape/table/name.ts). They travel to threads and stay one. */
export type Tables = Readonly<Record<string, SharedArrayBuffer>>;

export class Table {
  readonly rowCount: number;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #slots: Uint32Array;
  readonly #slotMask: number;
  readonly #hashKey: readonly [number, number];
  readonly #key = new KeyBytes();

  constructor(memory: SharedArrayBuffer) {
    this.#bytes = Buffer.from(memory, 0, memory.byteLength);
    this.#view = new DataView(memory, 0, memory.byteLength);
    const header = (at: number) => this.#view.getFloat64(at, true);
    this.rowCount = header(HEADER.ROWS);
    const slotCount = header(HEADER.SLOT_COUNT);
    this.#slots = new Uint32Array(memory, header(HEADER.SLOTS_AT), (slotCount * SLOT_BYTES) / 4);
    this.#slotMask = slotCount - 1;
    const word = (at: number) => this.#view.getUint32(HEADER.HASH_KEY + at, true);
    this.#hashKey = [word(0), word(4)];
  }

  /** @returns The row, or undefined where there is none, or the value can be no key. */
  find(value: unknown): unknown {
    const json = this.findJson(value);
    return json === undefined ? undefined : JSON.parse(json);
  }

  /** @returns The row as it is written. */
  findJson(value: unknown): string | undefined {
    const text = keyTextOf(value);
    if (text === null) return undefined;
    const place = this.#placeOf(text);
    if (place === null) return undefined;
    const from = place + ROW.HEADER_BYTES + this.#key.length;
    const length = this.#view.getUint32(place + ROW.JSON_BYTES, true);
    return this.#bytes.toString('utf8', from, from + length);
  }

  #placeOf(text: string): number | null {
    const key = this.#key;
    key.encode(text);
    halfSipHash(this.#hashKey[0], this.#hashKey[1], key.bytes, 0, key.length);
    const index = hashWords[0]!;
    const tag = hashWords[1]!;
    for (let slot = (index & this.#slotMask) >>> 0; ; slot = ((slot + 1) & this.#slotMask) >>> 0) {
      const lower = this.#slots[2 * slot]!;
      const upper = this.#slots[2 * slot + 1]!;
      if (lower === 0 && upper === 0) return null;
      if (!isTagOf(upper, tag)) continue;
      const place = placeOf(lower, upper);
      if (this.#isKeyAt(place)) return place;
    }
  }

  #isKeyAt(place: number): boolean {
    const { bytes, length } = this.#key;
    if (this.#view.getUint32(place + ROW.KEY_BYTES, true) !== length) return false;
    const from = place + ROW.HEADER_BYTES;
    for (let i = 0; i < length; i++) if (this.#bytes[from + i] !== bytes[i]) return false;
    return true;
  }
}
