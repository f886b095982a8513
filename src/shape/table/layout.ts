/**
 * Layout: a lookup table in shared memory: written once by one thread, then read by all of them without a lock.
 *
 * | bytes          | what                                                                                              |
 * |----------------|---------------------------------------------------------------------------------------------------|
 * | 0 to 63        | header, HEADER                                                                                    |
 * | 64 on          | rows: u32 bytes of the key, u32 bytes of the JSON, the key (key.ts), the JSON. They are not aligned |
 * | `slotsAt` on   | slots of 8 bytes, a power of two of them: low 32 bits of the row's place; 16 bits of its place, 16 of its hash |
 *
 * A slot of zeros is free: no row lies in the header. A key is looked for from the slot that the first word of its hash names, slot by
 * slot up to a free one. At most three in four are taken, so a search ends, and is short.
 */

/** Header fields: float64 at these offsets, but for the key of the hash, two u32. */
export const HEADER = { HASH_KEY: 0, ROWS: 8, SLOTS_AT: 16, SLOT_COUNT: 24, BYTES: 64 } as const;

export const ROW = { KEY_BYTES: 0, JSON_BYTES: 4, HEADER_BYTES: 8 } as const;
export const SLOT_BYTES = 8;
/** 48 bits say where a row lies. */
export const PLACE_MAX = 2 ** 48;
const LOAD_MAX = 0.75;

/** Slots for so many rows. */
export function slotCountFor(rowCount: number): number {
  let count = 8;
  while (count * LOAD_MAX < rowCount) count *= 2;
  return count;
}

/** The upper word of a slot. @param tag The second word of the hash. */
export function upperOf(place: number, tag: number): number {
  return (((tag >>> 16) << 16) | Math.floor(place / 2 ** 32)) >>> 0;
}

export function placeOf(lower: number, upper: number): number {
  return (upper & 0xffff) * 2 ** 32 + lower;
}

/** Whether the slot's row may have this hash. */
export function isTagOf(upper: number, tag: number): boolean {
  return upper >>> 16 === tag >>> 16;
}
