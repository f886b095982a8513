/** Tally: the sums that a parser makes of one piece. */
import type { PieceTally } from './parse-setup.ts';

/** The tally of a piece that nobody has looked at yet. */
export function emptyTally(unit: number, objectOffset: number): PieceTally {
  const counts = { lines: 0, blank: 0, rejected: 0, records: 0, recordBytes: 0 };
  return { ...counts, unit, digestA: 0n, digestB: 0n, endOffset: objectOffset, error: null };
}
