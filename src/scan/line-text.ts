/**
 * Line text: where a native scanner puts lines that JavaScript is to see: side by side in one text, as the elements of a JSON array.
 * Owns   the memory: the bytes, a row for each line, and how much of both is taken. The twin of TextSink in src/native/scan-types.h.
 */

/** Columns of a row: where the line starts in the text, where it lies in its object, and whether all of it is ASCII. */
export const LINE = { START: 0, OFFSET: 1, IS_ASCII: 2, COLUMNS: 3 } as const;
/** Cells of `used`. */
export const TEXT = { USED_BYTES: 0, USED_ROWS: 1, CELLS: 2 } as const;

/** In front of the first line there is room for what opens an array; behind each line stands a comma. */
const FIRST_BYTE = 1;

export class LineText {
  readonly bytes: Buffer;
  readonly rows: Float64Array;
  readonly used = new Float64Array(TEXT.CELLS);

  /** Memory that is never touched is never taken: only the longest text decides how much of it is. */
  constructor(bytesMax: number, rowsMax: number) {
    this.bytes = Buffer.allocUnsafeSlow(bytesMax);
    this.rows = new Float64Array(rowsMax * LINE.COLUMNS);
    this.clear();
  }

  get usedBytes(): number {
    return this.used[TEXT.USED_BYTES]!;
  }

  get usedRows(): number {
    return this.used[TEXT.USED_ROWS]!;
  }

  clear(): void {
    this.used[TEXT.USED_BYTES] = FIRST_BYTE;
    this.used[TEXT.USED_ROWS] = 0;
  }
}
