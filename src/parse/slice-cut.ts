/**
 * Slice cut: where lines of an object are cut into slices.
 * Takes  whole lines, and the range of their object that they stand for.
 * Gives  slices of whole lines; the pieces that scanners take.
 * Owns   what becomes one slice: at most so many bytes of lines, one line that is longer, or all that is left of a range. Pure.
 */
import type { Places } from '../ring/ranges.ts';
import type { Outputs, ScanPiece } from '../scan/scanner.ts';
import type { PiecePlace } from '../scan/shaper.ts';
import type { ShapedRecord } from '../source/object.ts';

const NEWLINE = 10;

/** Where lines come from: the piece that findings in them are reported for. */
export interface LineSource {
  readonly piece: number;
  readonly coordinate: Uint8Array;
  readonly place?: PiecePlace | undefined;
  /** What it has is an outcome of the stages already. */
  readonly shaped?: ShapedRecord | undefined;
}

/** Lines bytes[from, end), which stand for [rangeStart, rangeEnd) of their object. */
export interface LineRun {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly end: number;
  /** Of bytes[from]. */
  readonly objectOffset: number;
  readonly rangeStart: number;
  readonly rangeEnd: number;
  /** Only the records at these offsets, or null: all lines. */
  readonly only: Places | null;
}

/** Whole lines that are a slice: indexes of them, and what they stand for in their object. */
export interface SliceRange {
  readonly runs: readonly (readonly [from: number, end: number])[];
  readonly start: number;
  readonly end: number;
}

/** @param sliceBytes What the window says at the time. */
export function* slicesOf(
  { bytes, from, end, objectOffset, rangeStart, rangeEnd, only }: LineRun,
  sliceBytes: () => number,
): Generator<SliceRange> {
  const shift = objectOffset - from;
  if (only !== null) {
    yield { runs: linesAt(bytes, from, end, shift, only.offsets), start: rangeStart, end: rangeEnd };
    return;
  }
  let start = rangeStart;
  for (let at = from; at < end; ) {
    const stop = cutBehind(bytes, at, end, sliceBytes());
    const sliceEnd = stop === end ? rangeEnd : stop + shift;
    yield { runs: [[at, stop]], start, end: sliceEnd };
    at = stop;
    start = sliceEnd;
  }
}

export function piecesOf(
  { coordinate, place, shaped }: LineSource,
  run: LineRun,
  { runs }: SliceRange,
  slice: number,
): ScanPiece[] {
  const { bytes, objectOffset, from: first, only } = run;
  return runs.map(([start, end]) => ({
    ...{ bytes, start, end, objectOffset: start + objectOffset - first, slice, coordinate },
    ...(only === null && { lines: run }),
    ...(place && { place }),
    ...(shaped && isNumbered(shaped) && { outputs: outputsOf(shaped, start, start + objectOffset - first) }),
  }));
}

/** Whether it is more than a line of JSON at its place. */
function isNumbered({ output, isRaw }: ShapedRecord): boolean {
  return output > 0 || isRaw;
}

function outputsOf({ output, isRaw }: ShapedRecord, start: number, offset: number): Outputs {
  return { rows: Float64Array.of(start, offset, output), isRaw };
}

/** Index behind the last line that ends within `sliceBytes`; behind the first line where that one is longer. */
function cutBehind(bytes: Uint8Array, at: number, end: number, sliceBytes: number): number {
  if (end - at <= sliceBytes) return end;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  const last = view.lastIndexOf(NEWLINE, at + sliceBytes - 1);
  const newline = last >= at ? last : view.indexOf(NEWLINE, at + sliceBytes);
  return newline < 0 ? end : newline + 1;
}

/** The lines with a record at one of these offsets, neighbours as one run. */
function linesAt(
  bytes: Uint8Array,
  from: number,
  end: number,
  shift: number,
  only: readonly number[],
): [from: number, end: number][] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  const runs: [number, number][] = [];
  for (const offset of only) {
    const at = offset - shift;
    const newline = view.indexOf(NEWLINE, at);
    const stop = newline < 0 ? end : newline + 1;
    const last = runs.at(-1);
    const start = Math.max(from, at === 0 ? 0 : view.lastIndexOf(NEWLINE, at - 1) + 1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], stop);
    else runs.push([start, stop]);
  }
  return runs;
}
