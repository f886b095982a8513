/**
 * Left part: which records of a slice an orderly stop leaves to the next process, and what of its tally they are. Pure.
 * Takes  a slice's receipt, and what publishers have left of it.
 * Gives  null where the next process scans the slice anew: nothing of it is stored, or not all that is missing is known.
 */
import type { SliceReceipt } from '../parse/setup.ts';
import { joinLeft } from '../publish/left.ts';
import type { LeftRecords } from '../publish/setup.ts';
import { type Places, sortedPlaces } from '../ring/ranges.ts';

/** @param missing Records of the slice that are neither acknowledged nor refused. */
export function leftPart(receipt: SliceReceipt, left: LeftRecords | undefined, missing: number) {
  const rest = withUnwritten(receipt, left);
  const { start, end, records } = receipt;
  if (rest === undefined || missing === records || rest.count !== missing || start >= end) return null;
  const { count, bytes, sumA, sumB } = rest;
  // A line goes with its first output.
  const lines = rest.outputs.reduce((sum, output) => sum + Number(output === 0), 0);
  // A line's first byte lies in its range; the first byte of its data may lie behind it.
  const offsets = rest.offsets.map((offset) => Math.min(offset, end - 1));
  const places: Places = sortedPlaces(offsets, rest.outputs);
  return { tally: { lines, added: count - lines, records: count, bytes, sumA, sumB }, places };
}

/** What publishers have left of a slice, and what its parser could not write any more. */
function withUnwritten(
  { slice, unwritten }: SliceReceipt,
  left: LeftRecords | undefined,
): LeftRecords | undefined {
  if (unwritten === undefined) return left;
  return joinLeft([[{ slice, ...unwritten }], left === undefined ? [] : [left]]).get(slice);
}
