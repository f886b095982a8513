/**
 * Shaper: what may happen to a valid line before it is a record, as scanners know it. src/shape/ is behind it.
 * Owns  the interface. No code.
 */

/** Where the lines of a piece lie. */
export interface PiecePlace {
  readonly bucket: string;
  readonly key: string;
  /** Null where it is not known (a redrive). */
  readonly modifiedMs: number | null;
}

/** `refused`: the condition has no answer for this line, which becomes a dead letter, FILTER. */
export type Shaped =
  | { readonly kind: 'filtered' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'kept'; readonly text: string };

/** What the condition says of a line. */
export type Judgement = Shaped['kind'];

/** Cells of `times`, two for each stage: how many lines were timed in it, and the nanoseconds that these took. */
export const STAGE_TIME = { SAMPLE: 0, WHERE: 2, EDITS: 4, CELLS: 6 } as const;

export interface LineShaper {
  /** The scanner adds to it what it measures, on a few lines of all. */
  readonly times: Float64Array;
  /** The same stages for src/native/scan-shape.cc. @param partitionKey RFC 6901 pointer, or null. */
  program(partitionKey: string | null): Uint8Array;
  /** Whether the line at this offset of its object is one of the sample. */
  isSampled(coordinate: Uint8Array, offset: number): boolean;
  /** The condition's verdict, as its number in src/native/shape-program.h. @param text A valid line. */
  verdictOf(text: string, place: PiecePlace | undefined, offset: number): number;
  /** The condition on one valid line of the sample. @param value As `JSON.parse` gives it. */
  judge(text: string, value: unknown, place: PiecePlace | undefined, offset: number): Judgement;
  /** The edits of one valid line. */
  edit(text: string): string;
  /** Both, one after the other. @param value As `JSON.parse` gives it. */
  shape(text: string, value: unknown, place: PiecePlace | undefined, offset: number): Shaped;
}
