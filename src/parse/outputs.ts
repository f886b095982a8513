/**
 * Outputs: what stages have made of the lines of one slice, put together for the scanner.
 * Takes  the outcome of each line; which outputs are wanted.
 * Gives  their bytes, in order, with the table that says where each comes from (src/scan/scanner.ts).
 * Owns   the memory that they lie in until the next call. A text with line ends of its own, which only a value can be, is a run alone.
 */
import { OUTPUT_COLUMNS, type Outputs as OutputTable } from '../scan/scanner.ts';
import { isFailure, type LineOutcome, type Output } from '../shape/line-outcome.ts';

/** Outputs of one kind that follow each other: bytes[start, end) of the scratch. */
export interface OutputRun {
  readonly start: number;
  readonly end: number;
  /** It is one text, whatever line ends there are in it. */
  readonly isOne: boolean;
  readonly table: OutputTable;
  /** For each row, the number of its line in the slice. */
  readonly lines: readonly number[];
}

const NEWLINE = 0x0a;
const SCRATCH_BYTES_MIN = 512 * 1024;
const SCRATCH_ROWS_MIN = 1024;
/** Of a UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT = 3;

/** What is known of all texts. */
export interface TextTraits {
  readonly mayHaveLineEnds?: boolean;
  readonly areWritten?: boolean;
}

export class Scratch {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
  #used = 0;
  #rows = new Float64Array(SCRATCH_ROWS_MIN * OUTPUT_COLUMNS);
  /** Cells of it that are used. */
  #cells = 0;
  #runs: OutputRun[] = [];
  /** What follows each other from `#start` and the row in cell `#firstCell` on. */
  #isRaw = false;
  #isOne = false;
  #mayHaveLineEnds = false;
  #isWritten = false;
  #start = 0;
  #firstCell = 0;
  #lines: number[] = [];

  /**
   * @param wanted The numbers of the outputs that are wanted of a line, or null: all.
   * @param texts Whether they may have line ends, which only those of values have; and whether JSON.stringify has written them.
   */
  fill(
    outcomes: readonly LineOutcome[],
    offsets: readonly number[],
    wanted: ((line: number) => readonly number[] | null) | null,
    { mayHaveLineEnds = false, areWritten = false }: TextTraits = {},
  ): readonly OutputRun[] {
    this.#mayHaveLineEnds = mayHaveLineEnds;
    this.#isWritten = areWritten;
    this.#used = 0;
    this.#cells = 0;
    this.#runs = [];
    this.#open(false);
    for (let line = 0; line < outcomes.length; line++) {
      const outcome = outcomes[line]!;
      const only = wanted === null ? null : wanted(line);
      if (typeof outcome === 'string') {
        if (only === null || only.includes(0)) this.#add(outcome, offsets[line]!, 0, line);
        continue;
      }
      if (outcome === null || isFailure(outcome)) continue;
      const outputs = Array.isArray(outcome) ? (outcome as readonly Output[]) : [outcome as Output];
      for (const [number, output] of outputs.entries())
        if (only === null || only.includes(number)) this.#add(output, offsets[line]!, number, line);
    }
    this.#close();
    return this.#runs;
  }

  #add(output: Output, offset: number, number: number, line: number): void {
    const isRaw = typeof output !== 'string';
    const isOne = this.#mayHaveLineEnds && !isRaw && output.includes('\n');
    if (this.#isRaw !== isRaw || this.#isOne || isOne) {
      this.#close();
      this.#open(isRaw, isOne);
    }
    if (this.#cells + OUTPUT_COLUMNS > this.#rows.length) this.#growRows();
    const rows = this.#rows;
    rows[this.#cells++] = this.#used;
    rows[this.#cells++] = offset;
    rows[this.#cells++] = number;
    this.#lines.push(line);
    if (typeof output === 'string') this.#writeText(output);
    else this.#writeBytes(output);
  }

  #open(isRaw: boolean, isOne = false): void {
    this.#isRaw = isRaw;
    this.#isOne = isOne;
    this.#start = this.#used;
    this.#firstCell = this.#cells;
    this.#lines = [];
  }

  #close(): void {
    if (this.#lines.length === 0) return;
    const rows = this.#rows.subarray(this.#firstCell, this.#cells);
    this.#runs.push({
      // The newline behind one text is none of it.
      ...{ start: this.#start, end: this.#used - (this.#isOne ? 1 : 0), lines: this.#lines },
      isOne: this.#isOne,
      table: { rows, isRaw: this.#isRaw, isWritten: this.#isWritten && !this.#isRaw },
    });
  }

  #writeBytes(part: Uint8Array): void {
    this.#grow(part.byteLength);
    this.bytes.set(part, this.#used);
    this.#used += part.byteLength;
  }

  /** With a newline. A call for each costs less than to put texts together first. */
  #writeText(text: string): void {
    this.#grow(text.length * UTF8_BYTES_PER_UNIT + 1);
    this.#used += this.bytes.write(text, this.#used, 'utf8');
    this.bytes[this.#used++] = NEWLINE;
  }

  #grow(bytes: number): void {
    if (this.#used + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.#used + bytes));
    this.bytes.copy(grown, 0, 0, this.#used);
    this.bytes = grown;
  }

  /** Runs that are closed keep the rows that they have. */
  #growRows(): void {
    const grown = new Float64Array(this.#rows.length * 2);
    grown.set(this.#rows.subarray(0, this.#cells));
    this.#rows = grown;
  }
}
