/**
 * Value slices: where values of an object are cut into slices.
 * Takes  values as lines, and the range of their object that they stand for.
 * Gives  slices of whole values; the pieces that scanners take.
 * Owns   what becomes one slice: at most so many bytes of values, one value that is longer, or all that is left of a range. Pure.
 */
import type { Places } from '../ring/ranges.ts';
import { OUTPUT_COLUMNS, type ScanPiece } from '../scan/scanner.ts';
import { VALUE_KIND, type ValueLines } from '../scan/values.ts';
import type { LineSource } from './slice-cut.ts';

/** Values [first, end), which stand for [rangeStart, rangeEnd) of their object. */
export interface ValueRun {
  readonly lines: ValueLines;
  readonly first: number;
  readonly end: number;
  readonly rangeStart: number;
  readonly rangeEnd: number;
  /** Only the values at these offsets, or null: all. */
  readonly only: Places | null;
}

/** What scanners take of it. */
export function valuePiecesOf(
  { coordinate, place }: LineSource,
  { pieces }: ValueSlice,
  slice: number,
): ScanPiece[] {
  return pieces.map((piece) => ({ ...piece, slice, coordinate, ...(place && { place }) }));
}

/** What scanners take of a slice: a run of values of one line each, or one of many lines. */
export type ValuePiece = Pick<ScanPiece, 'bytes' | 'start' | 'end' | 'objectOffset' | 'values' | 'lines'>;

export interface ValueSlice {
  readonly pieces: readonly ValuePiece[];
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
}

export function* valueSlicesOf(run: ValueRun, sliceBytes: () => number): Generator<ValueSlice> {
  const { lines, first, end, rangeStart, rangeEnd, only } = run;
  const rows = lines.rows.subarray(0, lines.count * OUTPUT_COLUMNS);
  const whole = { end: lines.usedBytes, rows };
  if (only !== null) {
    const wanted = new Set(only.offsets);
    const isWanted = (row: number) => wanted.has(lines.offsetOf(row));
    const pieces = piecesOf(lines, first, end, undefined, isWanted);
    yield { pieces, start: rangeStart, end: rangeEnd, bytes: lengthOf(pieces) };
    return;
  }
  let start = rangeStart;
  for (let row = first; row < end; ) {
    const from = lines.startOf(row);
    const bytesMax = sliceBytes();
    let next = row + 1;
    while (next < end && lines.behind(next) - from <= bytesMax) next++;
    const sliceEnd = next === end ? rangeEnd : lines.offsetOf(next);
    yield {
      pieces: piecesOf(lines, row, next, whole),
      start,
      end: sliceEnd,
      bytes: lines.behind(next - 1) - from,
    };
    start = sliceEnd;
    row = next;
  }
}

function piecesOf(
  lines: ValueLines,
  first: number,
  end: number,
  whole: ScanPiece['lines'],
  isWanted: (row: number) => boolean = () => true,
): ValuePiece[] {
  const pieces: ValuePiece[] = [];
  for (let row = first; row < end; ) {
    if (!isWanted(row)) {
      row++;
      continue;
    }
    const isOne = lines.kinds[row] === VALUE_KIND.LINES;
    let next = row + 1;
    while (!isOne && next < end && lines.kinds[next] === VALUE_KIND.LINE && isWanted(next)) next++;
    pieces.push({
      bytes: lines.bytes,
      start: lines.startOf(row),
      // The newline behind it is none of the value's.
      end: lines.behind(next - 1) - (isOne ? 1 : 0),
      objectOffset: lines.offsetOf(row),
      values: { rows: lines.rows.subarray(row * OUTPUT_COLUMNS, next * OUTPUT_COLUMNS), isOne },
      ...(whole && { lines: whole }),
    });
    row = next;
  }
  return pieces;
}

function lengthOf(pieces: readonly ValuePiece[]): number {
  return pieces.reduce((sum, { start, end }) => sum + (end - start), 0);
}
