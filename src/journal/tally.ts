/**
 * Tally: the sums that are kept for a segment, an object and a run.
 * Takes  counts and digest sums.
 * Gives  their sums, differences and JSON form.
 * Owns   the arithmetic: counts are safe integers, digest sums wrap modulo 2^64.
 * Never  does I/O.
 */

/** Sums over lines. lines + added = blank + filtered + rejected + records. */
export interface Tally {
  lines: number;
  blank: number;
  /** Lines that the stages of the run have left out. */
  filtered: number;
  /** Records beyond the first of their line, where stages make several of one. */
  added: number;
  /** Lines and objects that went to the dead-letter file. */
  rejected: number;
  /** Records that the stream acknowledged. */
  records: number;
  /** Data plus key bytes of those records. */
  bytes: number;
  /** Sums modulo 2^64 of the two halves of the records' digests; see src/digest/digest.ts. */
  sumA: bigint;
  sumB: bigint;
  /** Rejects by code. Its values add up to `rejected`. */
  codes: Record<string, number>;
}

const COUNTS = ['lines', 'blank', 'filtered', 'added', 'rejected', 'records', 'bytes'] as const;

/** A tally of nothing, with the given fields set. */
export function tally(part: Partial<Tally> = {}): Tally {
  const { lines = 0, blank = 0, filtered = 0, added = 0, rejected = 0, records = 0, bytes = 0 } = part;
  const { sumA = 0n, sumB = 0n, codes } = part;
  return { lines, blank, filtered, added, rejected, records, bytes, sumA, sumB, codes: { ...codes } };
}

/** Adds `part` (times `sign`) to `sum`, in place. Field by field: it is done some five times for each slice, and names that are looked up cost three times as much. */
export function addTally(sum: Tally, part: Tally, sign: 1 | -1 = 1): void {
  sum.lines += sign * part.lines;
  sum.blank += sign * part.blank;
  sum.filtered += sign * part.filtered;
  sum.added += sign * part.added;
  sum.rejected += sign * part.rejected;
  sum.records += sign * part.records;
  sum.bytes += sign * part.bytes;
  sum.sumA = BigInt.asUintN(64, sign === 1 ? sum.sumA + part.sumA : sum.sumA - part.sumA);
  sum.sumB = BigInt.asUintN(64, sign === 1 ? sum.sumB + part.sumB : sum.sumB - part.sumB);
  // Most parts have no rejects: no list of codes is made for them.
  if (part.rejected !== 0) addCodes(sum.codes, part.codes, sign);
}

function addCodes(sum: Record<string, number>, part: Readonly<Record<string, number>>, sign: 1 | -1): void {
  for (const [code, count] of Object.entries(part)) {
    const next = (Object.hasOwn(sum, code) ? sum[code]! : 0) + sign * count;
    if (next === 0) delete sum[code];
    else sum[code] = next;
  }
}

/** The tally's fields as they stand in a journal line: sums as 16 hex digits, zero counts and empty codes left out. */
export function tallyToJson(value: Tally): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const name of COUNTS) if (value[name] !== 0) json[name] = value[name];
  if (value.sumA !== 0n) json.sumA = value.sumA.toString(16).padStart(16, '0');
  if (value.sumB !== 0n) json.sumB = value.sumB.toString(16).padStart(16, '0');
  if (Object.keys(value.codes).length > 0) json.codes = value.codes;
  return json;
}

/** The reverse of `tallyToJson`. @returns null when a field has a wrong form. */
export function tallyFromJson(json: Record<string, unknown>): Tally | null {
  const result = tally();
  for (const name of COUNTS) {
    const value = json[name] ?? 0;
    if (!Number.isSafeInteger(value) || (value as number) < 0) return null;
    result[name] = value as number;
  }
  for (const name of ['sumA', 'sumB'] as const) {
    const value = json[name] ?? '0000000000000000';
    if (typeof value !== 'string' || !/^[0-9a-f]{16}$/.test(value)) return null;
    result[name] = BigInt(`0x${value}`);
  }
  if (json.codes !== undefined) {
    if (typeof json.codes !== 'object' || json.codes === null) return null;
    for (const [code, count] of Object.entries(json.codes)) {
      if (!Number.isSafeInteger(count) || count < 0) return null;
      result.codes[code] = count;
    }
  }
  return result;
}
