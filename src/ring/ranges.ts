/**
 * Ranges: what of an object's bytes is done and what is left, as plain data that every stage can read.
 * Takes  sorted disjoint ranges of bytes of the (decompressed) object. A range stands for the lines whose first byte lies in it.
 * Gives  the same after something was added; the work that is left.
 * Owns   the arithmetic. Pure.
 */

/** [start, end) in bytes of the (decompressed) object. */
export type Range = readonly [start: number, end: number];

/**
 * A range with only some records left: its other lines are delivered, dead letters or blank.
 * `offsets`: of each such record's first data byte, ascending.
 */
export interface LeftRange {
  readonly start: number;
  readonly end: number;
  readonly offsets: readonly number[];
}

/** A stretch of an object that is to be carried: all of its lines, or only those with a record at these offsets. */
export interface WorkRange {
  readonly start: number;
  readonly end: number;
  readonly only: readonly number[] | null;
}

/** @returns `ranges` with one more, neighbours merged; null where a part of it is in there already. */
export function addRange(ranges: readonly Range[], [start, end]: Range): Range[] | null {
  let index = ranges.findIndex(([, doneEnd]) => doneEnd >= start);
  if (index === -1) index = ranges.length;
  const left = ranges[index];
  const touchesLeft = left !== undefined && left[1] === start;
  const right = ranges[touchesLeft ? index + 1 : index];
  const overlaps =
    (left !== undefined && !touchesLeft && left[0] < end) || (right !== undefined && right[0] < end);
  if (start >= end || overlaps) return null;
  const touchesRight = right !== undefined && right[0] === end;
  const merged: Range = [touchesLeft ? left[0] : start, touchesRight ? right[1] : end];
  return ranges.toSpliced(index, (touchesLeft ? 1 : 0) + (touchesRight ? 1 : 0), merged);
}

/** Takes [start, end) out of what is left: where a range is met only in part, its rest stays. */
export function subtractLeft(left: readonly LeftRange[], start: number, end: number): LeftRange[] {
  return left.flatMap((range) => {
    if (range.end <= start || range.start >= end) return [range];
    return [partOf(range, range.start, start), partOf(range, end, range.end)].filter((part) => part !== null);
  });
}

function partOf(range: LeftRange, start: number, end: number): LeftRange | null {
  if (start >= end) return null;
  return { start, end, offsets: range.offsets.filter((offset) => offset >= start && offset < end) };
}

/**
 * What is left to do in [start, end), in order.
 * @param done Sorted and disjoint. @param left Sorted, disjoint, and not done.
 */
export function workWithin(
  start: number,
  end: number,
  done: readonly Range[],
  left: readonly LeftRange[],
): WorkRange[] {
  const known = [
    ...done.map(([from, to]) => ({ start: from, end: to, only: null, isDone: true })),
    ...left.map((range) => ({ start: range.start, end: range.end, only: range.offsets, isDone: false })),
  ].sort((one, other) => one.start - other.start);
  const work: WorkRange[] = [];
  let at = start;
  for (const range of known) {
    const from = Math.max(range.start, start);
    const to = Math.min(range.end, end);
    if (from >= to) continue;
    if (from > at) work.push({ start: at, end: from, only: null });
    if (!range.isDone) {
      const only = range.only!.filter((offset) => offset >= from && offset < to);
      work.push({ start: from, end: to, only });
    }
    at = to;
  }
  if (at < end) work.push({ start: at, end, only: null });
  return work;
}
