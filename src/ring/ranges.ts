/**
 * Ranges: what of an object's bytes is done and what is left, as plain data that every stage can read.
 * Takes  sorted disjoint ranges of bytes of the (decompressed) object. A range stands for the lines whose first byte lies in it.
 * Gives  the same after something was added; the work that is left.
 * Owns   the arithmetic. Pure.
 */

/** [start, end) in bytes of the (decompressed) object. */
export type Range = readonly [start: number, end: number];

/** Some records of an object. */
export interface Places {
  /** Of each one's line: ascending. */
  readonly offsets: readonly number[];
  /** For each, which of its line's outputs it is, ascending within a line. Absent: the first one, all of them. */
  readonly outputs?: readonly number[];
}

/** A range with only some records left: its other lines are delivered, dead letters or blank. */
export interface LeftRange extends Places {
  readonly start: number;
  readonly end: number;
}

/** Records that were made and not sent. */
export interface RecordsLeft {
  readonly count: number;
  /** Data plus key bytes. */
  readonly bytes: number;
  /** Sums of their digests. */
  readonly sumA: bigint;
  readonly sumB: bigint;
  /** Of each record's first data byte in the (decompressed) object, in any order. */
  readonly offsets: readonly number[];
  /** For each, which of its line's outputs it is. */
  readonly outputs: readonly number[];
}

/** A stretch of an object that is to be carried: all of its lines, or only these records. */
export interface WorkRange {
  readonly start: number;
  readonly end: number;
  readonly only: Places | null;
}

/** Those whose line begins in [start, end). */
export function placesWithin({ offsets, outputs }: Places, start: number, end: number): Places {
  const isWithin = (at: number) => offsets[at]! >= start && offsets[at]! < end;
  const within = { offsets: offsets.filter((_, at) => isWithin(at)) };
  return outputs === undefined ? within : { ...within, outputs: outputs.filter((_, at) => isWithin(at)) };
}

/** The outputs of the line at `offset` that are among them. */
export function outputsAt({ offsets, outputs }: Places, offset: number): number[] {
  const found: number[] = [];
  for (let at = offsets.indexOf(offset); at >= 0 && offsets[at] === offset; at++)
    found.push(outputs?.[at] ?? 0);
  return found;
}

/** Puts places in order. @param outputs For each offset, or none where all are 0. */
export function sortedPlaces(offsets: readonly number[], outputs: readonly number[]): Places {
  if (!outputs.some((output) => output > 0))
    return { offsets: offsets.toSorted((one, other) => one - other) };
  const order = offsets
    .map((_, at) => at)
    .sort((one, other) => offsets[one]! - offsets[other]! || outputs[one]! - outputs[other]!);
  return { offsets: order.map((at) => offsets[at]!), outputs: order.map((at) => outputs[at]!) };
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
  return { start, end, ...placesWithin(range, start, end) };
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
    ...left.map((range) => ({ start: range.start, end: range.end, only: range, isDone: false })),
  ].sort((one, other) => one.start - other.start);
  const work: WorkRange[] = [];
  let at = start;
  for (const range of known) {
    const from = Math.max(range.start, start);
    const to = Math.min(range.end, end);
    if (from >= to) continue;
    if (from > at) work.push({ start: at, end: from, only: null });
    if (!range.isDone) {
      work.push({ start: from, end: to, only: placesWithin(range.only!, from, to) });
    }
    at = to;
  }
  if (at < end) work.push({ start: at, end, only: null });
  return work;
}
