/**
 * Outputs: what stages have made of the lines of one slice, put together for the scanner.
 * Takes  the outcome of each line; which outputs are wanted.
 * Gives  their bytes, in order, with the table that says where each comes from (src/scan/scanner.ts).
 * Owns   the memory that they lie in until the next call.
 */
import { OUTPUT_COLUMNS, type Outputs as OutputTable } from '../scan/scanner.ts';
import { isFailure, type LineOutcome, type Output } from '../shape/pipeline.ts';

/** Outputs of one kind that follow each other: bytes[start, end) of the scratch. */
export interface OutputRun {
  readonly start: number;
  readonly end: number;
  readonly table: OutputTable;
  /** For each row, the number of its line in the slice. */
  readonly lines: readonly number[];
}

const NEWLINE = 0x0a;
const SCRATCH_BYTES_MIN = 512 * 1024;
/** Texts longer than this, in the mean, are written one by one. */
const LONG_CHARS = 160;
/** Of a UTF-16 code unit. */
const UTF8_BYTES_PER_UNIT = 3;

interface OpenRun {
  readonly isRaw: boolean;
  readonly parts: Output[];
  /** Offset, output and line of each part. */
  readonly offsets: number[];
  readonly outputs: number[];
  readonly lines: number[];
}

export class Scratch {
  bytes = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN);
  #used = 0;
  #runs: OutputRun[] = [];
  #open: OpenRun | null = null;

  /** @param wanted The numbers of the outputs that are wanted of a line, or null: all. */
  fill(
    outcomes: readonly LineOutcome[],
    offsets: readonly number[],
    wanted: (line: number) => readonly number[] | null,
  ): readonly OutputRun[] {
    this.#used = 0;
    this.#runs = [];
    this.#open = null;
    for (const [line, outcome] of outcomes.entries()) {
      if (outcome === null || isFailure(outcome)) continue;
      const only = wanted(line);
      if (!Array.isArray(outcome)) {
        if (only === null || only.includes(0)) this.#add(outcome as Output, offsets[line]!, 0, line);
        continue;
      }
      for (const [number, output] of (outcome as readonly Output[]).entries())
        if (only === null || only.includes(number)) this.#add(output, offsets[line]!, number, line);
    }
    this.#close();
    return this.#runs;
  }

  #add(output: Output, offset: number, number: number, line: number): void {
    const isRaw = typeof output !== 'string';
    if (this.#open?.isRaw !== isRaw) {
      this.#close();
      this.#open = { isRaw, parts: [], offsets: [], outputs: [], lines: [] };
    }
    const open = this.#open!;
    open.parts.push(output);
    open.offsets.push(offset);
    open.outputs.push(number);
    open.lines.push(line);
  }

  /** Writes the open run. */
  #close(): void {
    const run = this.#open;
    this.#open = null;
    if (run === null) return;
    const { isRaw, offsets, outputs, lines } = run;
    const start = this.#used;
    const rows = new Float64Array(lines.length * OUTPUT_COLUMNS);
    const sizes = isRaw
      ? this.#writeBytes(run.parts as Uint8Array[])
      : this.#writeTexts(run.parts as string[]);
    let at = start;
    for (let row = 0; row < lines.length; row++) {
      rows[row * OUTPUT_COLUMNS] = at;
      rows[row * OUTPUT_COLUMNS + 1] = offsets[row]!;
      rows[row * OUTPUT_COLUMNS + 2] = outputs[row]!;
      at += sizes(row);
    }
    this.#runs.push({ start, end: this.#used, table: { rows, isRaw }, lines });
  }

  /** @returns What each takes. */
  #writeBytes(parts: readonly Uint8Array[]): (row: number) => number {
    this.#grow(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
    for (const part of parts) {
      this.bytes.set(part, this.#used);
      this.#used += part.byteLength;
    }
    return (row) => parts[row]!.byteLength;
  }

  /** Each with a newline. @returns What each takes. */
  #writeTexts(parts: readonly string[]): (row: number) => number {
    const chars = parts.reduce((sum, { length }) => sum + length, 0);
    if (chars > parts.length * LONG_CHARS) return this.#writeEach(parts, chars);
    const text = parts.join('\n');
    const bytes = Buffer.byteLength(text);
    this.#grow(bytes + 1);
    const isAscii = bytes === text.length;
    this.bytes.write(text, this.#used, isAscii ? 'latin1' : 'utf8');
    this.#used += bytes;
    this.bytes[this.#used++] = NEWLINE;
    return isAscii ? (row) => parts[row]!.length + 1 : (row) => Buffer.byteLength(parts[row]!) + 1;
  }

  /** A call costs less than to put long texts together first. */
  #writeEach(parts: readonly string[], chars: number): (row: number) => number {
    this.#grow(chars * UTF8_BYTES_PER_UNIT + parts.length);
    const sizes: number[] = [];
    for (const part of parts) {
      const bytes = this.bytes.write(part, this.#used, 'utf8') + 1;
      this.#used += bytes;
      this.bytes[this.#used - 1] = NEWLINE;
      sizes.push(bytes);
    }
    return (row) => sizes[row]!;
  }

  #grow(bytes: number): void {
    if (this.#used + bytes <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.#used + bytes));
    this.bytes.copy(grown, 0, 0, this.#used);
    this.bytes = grown;
  }
}
