/**
 * Bench lines: valid lines between the scanner and stages in JavaScript, as texts and as values.
 * Takes  strings; or one text with all lines side by side (src/scan/line-text.ts).
 * Gives  each line's text, and a value of it that is nobody else's, each made when it is asked for.
 * Owns   how many lines are parsed with one call: in order, of one alphabet, up to BATCH_BYTES.
 *
 * A call for many lines costs a third less than one for each: there is one string to make, and V8 expects of each element of an array
 * the members of the one before it.
 */
import { LINE, type LineText } from '../scan/line-text.ts';

/** Lines by their number. */
export interface LineSource {
  readonly count: number;
  textAt(line: number): string;
  /** Fresh each time: whoever has it may change it. */
  valueAt(line: number): unknown;
}

/** Values that nobody has asked for wait in the young generation: it has to hold them all. */
const BATCH_BYTES = 32 * 1024;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export class StringLines implements LineSource {
  readonly #texts: readonly string[];

  constructor(texts: readonly string[]) {
    this.#texts = texts;
  }

  get count(): number {
    return this.#texts.length;
  }

  textAt(line: number): string {
    return this.#texts[line]!;
  }

  valueAt(line: number): unknown {
    return JSON.parse(this.#texts[line]!);
  }
}

/** Lines that were parsed with one call; those that were taken are undefined. */
interface Batch {
  readonly first: number;
  readonly values: unknown[];
}

const NOTHING: Batch = { first: 0, values: [] };

export class ArrayLines implements LineSource {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #rows: Float64Array;
  readonly #end: number;
  #batch = NOTHING;

  /** @param text What it holds now: valid as long as nobody clears it. */
  constructor({
    bytes,
    rows,
    usedBytes,
    usedRows,
  }: Pick<LineText, 'bytes' | 'rows' | 'usedBytes' | 'usedRows'>) {
    this.#bytes = bytes;
    this.#rows = rows;
    this.#end = usedBytes;
    this.count = usedRows;
  }

  /** The same in memory of its own. */
  keep(): ArrayLines {
    return new ArrayLines({
      bytes: Buffer.from(this.#bytes.subarray(0, this.#end)),
      rows: this.#rows.slice(0, this.count * LINE.COLUMNS),
      usedBytes: this.#end,
      usedRows: this.count,
    });
  }

  textAt(line: number): string {
    return this.#decode(line, this.#startOf(line), this.#startOf(line + 1) - 1);
  }

  /** May be interrupted anywhere, and asked again. */
  valueAt(line: number): unknown {
    const { first, values } = this.#batch;
    let value = values[line - first];
    if (value === undefined && line >= first + values.length) {
      this.#batch = this.#parseFrom(line);
      value = this.#batch.values[0];
      this.#batch.values[0] = undefined;
    } else if (value !== undefined) values[line - first] = undefined;
    return value === undefined ? JSON.parse(this.textAt(line)) : value;
  }

  /** This line and those behind it that go with it. None, where there are none. */
  #parseFrom(first: number): Batch {
    const rows = this.#rows;
    const start = this.#startOf(first);
    const alphabet = rows[first * LINE.COLUMNS + LINE.IS_ASCII];
    let end = first + 1;
    while (end < this.count && this.#startOf(end + 1) - start <= BATCH_BYTES) {
      if (rows[end * LINE.COLUMNS + LINE.IS_ASCII] !== alphabet) break;
      end++;
    }
    if (end === first + 1) return { first, values: [] };
    const bytes = this.#bytes;
    const close = this.#startOf(end) - 1;
    const [before, behind] = [bytes[start - 1]!, bytes[close]!];
    bytes[start - 1] = OPEN;
    bytes[close] = CLOSE;
    const text = this.#decode(first, start - 1, close + 1);
    bytes[start - 1] = before;
    bytes[close] = behind;
    try {
      return { first, values: JSON.parse(text) as unknown[] };
    } catch {
      // Where it was interrupted between those brackets: each on its own.
      return { first, values: [] };
    }
  }

  /** Of the line, or of the end behind the last one. */
  #startOf(line: number): number {
    return line < this.count ? this.#rows[line * LINE.COLUMNS + LINE.START]! : this.#end;
  }

  #decode(line: number, start: number, end: number): string {
    const isAscii = this.#rows[line * LINE.COLUMNS + LINE.IS_ASCII] === 1;
    return this.#bytes.toString(isAscii ? 'latin1' : 'utf8', start, end);
  }
}

/** Several sources, one behind the other. */
export class JoinedLines implements LineSource {
  readonly count: number;
  readonly #parts: readonly LineSource[];

  constructor(parts: readonly LineSource[]) {
    this.#parts = parts;
    this.count = parts.reduce((sum, { count }) => sum + count, 0);
  }

  textAt(line: number): string {
    return this.#ask(line, (part, index) => part.textAt(index));
  }

  valueAt(line: number): unknown {
    return this.#ask(line, (part, index) => part.valueAt(index));
  }

  /** Nothing is kept between two calls: the guard may strike in either. */
  #ask<Answer>(line: number, ask: (part: LineSource, index: number) => Answer): Answer {
    let index = line;
    for (const part of this.#parts) {
      if (index < part.count) return ask(part, index);
      index -= part.count;
    }
    throw new RangeError(`There is no line ${line}`);
  }
}
