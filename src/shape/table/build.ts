/**
 * Table builder: makes a lookup table in one piece of shared memory that grows while rows come.
 * Takes  rows one by one: key and JSON. How many there will be need not be known.
 * Gives  the memory, in the form of layout.ts.
 * Owns   the bound: it grows to what it was given and no further. Of rows with one key the last counts.
 */
import { randomBytes } from 'node:crypto';
import { KIB } from '../../base/limits.ts';
import { halfSipHash, hashWords } from './hash.ts';
import { KeyBytes } from './key.ts';
import { HEADER, isTagOf, PLACE_MAX, placeOf, ROW, SLOT_BYTES, slotCountFor, upperOf } from './layout.ts';

/** The table is larger than it may be. */
export class TableFullError extends Error {}

/** Takes as much address space as there is, where a limit of the system allows less. */
function reserve(bytesMax: number): SharedArrayBuffer {
  for (let limit = bytesMax; limit >= HEADER.BYTES; limit = Math.floor(limit / 2)) {
    try {
      return new SharedArrayBuffer(HEADER.BYTES, { maxByteLength: limit });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  throw new TableFullError();
}

function secretKey(): readonly [number, number] {
  const secret = randomBytes(8);
  return [secret.readUInt32LE(0), secret.readUInt32LE(4)];
}

const GROWTH_BYTES_MIN = 64 * KIB;
const GROWTH_SHARE = 1 / 16;

export class TableBuilder {
  readonly #memory: SharedArrayBuffer;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #hashKey: readonly [number, number];
  readonly #key = new KeyBytes();
  readonly #from: number;
  #end: number;
  #rows = 0;
  #repeated = 0;

  /**
   * @param bytesMax So much address space is taken, and memory only for what is written.
   * @param given Of tests: where the first row lies, beyond 4 GiB for example, and a key of the hash that is known.
   */
  constructor(
    bytesMax: number,
    given: { readonly from?: number; readonly hashKey?: readonly [number, number] } = {},
  ) {
    this.#memory = reserve(Math.min(Math.floor(bytesMax), PLACE_MAX));
    this.#bytes = Buffer.from(this.#memory);
    this.#view = new DataView(this.#memory);
    this.#hashKey = given.hashKey ?? secretKey();
    this.#from = given.from ?? HEADER.BYTES;
    this.#end = this.#from;
  }

  /** Rows so far. */
  get rowCount(): number {
    return this.#rows;
  }

  /** Rows that do not count, because their key came again; known when the table is finished. */
  get repeatedCount(): number {
    return this.#repeated;
  }

  /** Bytes that the table would take if it ended here. */
  get bytes(): number {
    return this.#end + slotCountFor(this.#rows) * SLOT_BYTES;
  }

  /** @throws {TableFullError} */
  add(key: string, json: string): void {
    this.#key.encode(key);
    const keyBytes = this.#key.length;
    const jsonBytes = Buffer.byteLength(json);
    const place = this.#end;
    const keyAt = place + ROW.HEADER_BYTES;
    const jsonAt = keyAt + keyBytes;
    this.#reserve(jsonAt + jsonBytes);
    this.#view.setUint32(place + ROW.KEY_BYTES, keyBytes, true);
    this.#view.setUint32(place + ROW.JSON_BYTES, jsonBytes, true);
    this.#bytes.set(this.#key.bytes.subarray(0, keyBytes), keyAt);
    this.#bytes.write(json, jsonAt, jsonBytes, 'utf8');
    this.#end = jsonAt + jsonBytes;
    this.#rows++;
  }

  /** @throws {TableFullError} */
  finish(): SharedArrayBuffer {
    const slotCount = slotCountFor(this.#rows);
    const slotsAt = Math.ceil(this.#end / SLOT_BYTES) * SLOT_BYTES;
    this.#reserve(slotsAt + slotCount * SLOT_BYTES);
    // Nothing was written here: the slots are zeros, so they are free.
    const slots = new Uint32Array(this.#memory, slotsAt, (slotCount * SLOT_BYTES) / 4);
    for (let place = this.#from; place < this.#end; ) {
      const keyBytes = this.#view.getUint32(place + ROW.KEY_BYTES, true);
      this.#take(slots, place, keyBytes);
      place += ROW.HEADER_BYTES + keyBytes + this.#view.getUint32(place + ROW.JSON_BYTES, true);
    }
    this.#view.setUint32(HEADER.HASH_KEY, this.#hashKey[0], true);
    this.#view.setUint32(HEADER.HASH_KEY + 4, this.#hashKey[1], true);
    this.#view.setFloat64(HEADER.ROWS, this.#rows - this.#repeated, true);
    this.#view.setFloat64(HEADER.SLOTS_AT, slotsAt, true);
    this.#view.setFloat64(HEADER.SLOT_COUNT, slotCount, true);
    return this.#memory;
  }

  /** Puts a row into the first slot that is free, or into that of an earlier row with its key. */
  #take(slots: Uint32Array, place: number, keyBytes: number): void {
    halfSipHash(this.#hashKey[0], this.#hashKey[1], this.#bytes, place + ROW.HEADER_BYTES, keyBytes);
    const mask = slots.length / 2 - 1;
    const index = hashWords[0]!;
    const tag = hashWords[1]!;
    for (let slot = (index & mask) >>> 0; ; slot = ((slot + 1) & mask) >>> 0) {
      const lower = slots[2 * slot]!;
      const upper = slots[2 * slot + 1]!;
      const isFree = lower === 0 && upper === 0;
      if (!isFree && !(isTagOf(upper, tag) && this.#isSameKey(placeOf(lower, upper), place, keyBytes)))
        continue;
      if (!isFree) this.#repeated++;
      slots[2 * slot] = place % 2 ** 32;
      slots[2 * slot + 1] = upperOf(place, tag);
      return;
    }
  }

  #isSameKey(one: number, other: number, keyBytes: number): boolean {
    if (this.#view.getUint32(one + ROW.KEY_BYTES, true) !== keyBytes) return false;
    const at = ROW.HEADER_BYTES;
    const bytes = this.#bytes;
    return bytes.compare(bytes, one + at, one + at + keyBytes, other + at, other + at + keyBytes) === 0;
  }

  #reserve(end: number): void {
    const { byteLength, maxByteLength } = this.#memory;
    if (end <= byteLength) return;
    if (end > maxByteLength) throw new TableFullError();
    const grown = end + Math.max(GROWTH_BYTES_MIN, end * GROWTH_SHARE);
    this.#memory.grow(Math.min(Math.ceil(grown), maxByteLength));
  }
}
