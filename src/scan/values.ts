/**
 * Values: the interface of what finds values of JSON that lie side by side, with no line ends between them that could be relied on.
 * Takes  bytes of an object, from the start of a value or from between two.
 * Gives  the values, each as a line of its own in a buffer; and where they stand in the object, in rows that a scanner takes.
 * Owns   how a value is told: it ends where its brackets and quotes are closed, a number or a literal in front of what can be in none.
 *        That is where a valid value ends. Whether it is one, nobody looks here: a scanner does, and damage is for json-walk.ts.
 * Never  keeps anything between two calls.
 *
 * Two implement it with equal results: values-native.ts (C++) and values-portable.ts (JavaScript).
 */

import { isJsonText } from './json-text.ts';
import { OUTPUT_COLUMNS, outputRow } from './scanner.ts';

/** Where a call begins, and where it has ended. Side by side, or as the elements of an array: what is due there. */
export const CUT_STATE = { SIDE_BY_SIDE: 0, BEGUN: 1, BEHIND_ELEMENT: 2, BEHIND_COMMA: 3 } as const;
export type CutState = (typeof CUT_STATE)[keyof typeof CUT_STATE];

/**
 * Why a call has ended. `more`: at the end of the bytes, or at a value that goes on behind them. `full`: no room for the next one.
 * `stray`: at a byte with which no value can begin there. `broken`: at a value with a line end in a string, so that is certainly damaged.
 * `closed`: at the bracket that closes the array.
 */
export const CUT_STOPS = ['more', 'full', 'stray', 'broken', 'closed'] as const;
export type CutStop = (typeof CUT_STOPS)[number];

/** Whether a value has line ends of its own. */
export const VALUE_KIND = { LINE: 0, LINES: 1 } as const;

/** Room for values, filled by `cut` from its start. */
export class ValueLines {
  /** Each value, with a newline behind it. */
  readonly bytes: Uint8Array;
  /** As a scanner takes them: where the value's line starts, where it stands in the object, 0. */
  readonly rows: Float64Array;
  /** VALUE_KIND of each. */
  readonly kinds: Uint8Array;
  count = 0;
  usedBytes = 0;

  /** @param bytesMax Of the longest value, with its newline, and at least of all that is to fit. */
  constructor(bytesMax: number, countMax: number) {
    this.bytes = new Uint8Array(bytesMax);
    this.rows = new Float64Array(countMax * OUTPUT_COLUMNS);
    this.kinds = new Uint8Array(countMax);
  }

  /** @param value Of many lines. */
  static ofOne(value: Uint8Array, objectOffset: number): ValueLines {
    const lines = new ValueLines(value.length + 1, 1);
    lines.bytes.set(value);
    lines.rows[1] = objectOffset;
    lines.kinds[0] = VALUE_KIND.LINES;
    lines.count = 1;
    lines.usedBytes = value.length + 1;
    return lines;
  }

  startOf(index: number): number {
    return this.rows[index * OUTPUT_COLUMNS]!;
  }

  offsetOf(index: number): number {
    return this.rows[index * OUTPUT_COLUMNS + 1]!;
  }

  /** The value whose line starts at this index. */
  at(index: number): number {
    return outputRow({ rows: this.rows.subarray(0, this.count * OUTPUT_COLUMNS) }, index);
  }

  /** @returns The first of the values [first, end) that is no JSON, or `end`. */
  judge(first: number, end: number): number {
    const text = Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.usedBytes);
    for (let value = first; value < end; value++)
      if (!isJsonText(text.toString('latin1', this.startOf(value), this.behind(value) - 1))) return value;
    return end;
  }

  /** Index behind the value's newline. */
  behind(index: number): number {
    return index + 1 < this.count ? this.startOf(index + 1) : this.usedBytes;
  }
}

export interface CutPlace {
  /** Of bytes[0], in the object. */
  readonly objectOffset: number;
  readonly state: CutState;
  /** The object ends with the bytes. */
  readonly isLast: boolean;
}

export interface CutEnd {
  readonly stop: CutStop;
  readonly state: CutState;
  /** Index of what comes next: see CutStop. */
  readonly next: number;
}

export interface ValueFinder {
  /** Finds the values of bytes[start, end). @param into Emptied first. */
  find(bytes: Uint8Array, start: number, end: number, place: CutPlace, into: ValueLines): CutEnd;
}
