/**
 * Workbench: lines on their way to stages in JavaScript.
 * Takes  whole lines of one object.
 * Gives  the valid ones as the fast stages have left them, as texts and values, with the offset of each; the others as rejects and counts.
 * Owns   where the scanner writes them: one text, or without the addon a lane that only this thread sees, and that is empty between two calls.
 */
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { LANE_CAPACITY_BYTES_MIN, LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import { createLane } from '../ring/producer.ts';
import { LINE, LineText } from '../scan/line-text.ts';
import { openScanner, openTextScanner } from '../scan/open.ts';
import type { RecordRules, Reject, Scanner, ScanPiece } from '../scan/scanner.ts';
import type { LineShaper } from '../scan/shaper.ts';
import { ArrayLines, JoinedLines, type LineSource, StringLines } from './bench-lines.ts';

/** Lines of one slice: the valid ones, and what became of the others. */
export interface BenchLines {
  /** Valid until the next ones are read. */
  readonly source: LineSource;
  /** Of each valid line in the object. */
  readonly offsets: readonly number[];
  readonly rejects: readonly Reject[];
  readonly lines: number;
  readonly blank: number;
  readonly filtered: number;
  readonly unsampled: number;
}

export interface WorkbenchOptions {
  readonly portable: boolean;
  readonly shaper: LineShaper | null;
}

/** What edits may add to the longest line, and a frame to its data. */
const SLACK_BYTES = 64 * 1024;
/** Lines of a slice, if they are no shorter than 64 bytes on average: of shorter ones a slice has several texts. */
const TEXT_ROWS = 4096;

/** Lines that a scanner has written, until they are read. */
interface Shelf {
  /** Nothing of before is needed any more. */
  clear(): void;
  /** Takes what one call has written. @param isFull There was no room for more. */
  take(isFull: boolean): void;
  /** All since it was cleared. */
  lines(): Pick<BenchLines, 'source' | 'offsets'>;
}

export class Workbench {
  readonly #scanner: Scanner;
  readonly #shelf: Shelf;

  constructor(rules: RecordRules, lineBytesMax: number, options: WorkbenchOptions) {
    let capacityBytes = LANE_CAPACITY_BYTES_MIN;
    while (capacityBytes < lineBytesMax + SLACK_BYTES) capacityBytes *= 2;
    const { depthMax, keyCharsMax } = rules;
    const asTheyAre: RecordRules = {
      ...{ partitionKey: null, explicitHashKey: null, onMissingKey: 'coordinates', appendNewline: false },
      ...{ depthMax, keyCharsMax, recordBytesMax: capacityBytes - FRAME.HEADER_BYTES - 8 },
    };
    const text = new LineText(capacityBytes, TEXT_ROWS);
    const scanner = openTextScanner(asTheyAre, text, options);
    if (scanner !== null) {
      this.#scanner = scanner;
      this.#shelf = new TextShelf(text);
    } else {
      // Memory that is never touched is never taken: only the longest line decides how much of it is.
      const lane = createLane(capacityBytes);
      this.#scanner = openScanner(asTheyAre, { buffers: [lane], starts: new BigUint64Array(2) }, options);
      this.#shelf = new LaneShelf(lane);
    }
  }

  read(pieces: readonly ScanPiece[]): BenchLines {
    const rejects: Reject[] = [];
    const sums = { lines: 0, blank: 0, filtered: 0, unsampled: 0 };
    this.#shelf.clear();
    for (const piece of pieces) {
      for (let at = piece.start, isDone = false; !isDone; ) {
        const result = this.#scanner.scan(piece, at);
        sums.lines += result.lines;
        sums.blank += result.blank;
        sums.filtered += result.filtered;
        sums.unsampled += result.unsampled;
        for (const reject of result.rejects) rejects.push(reject);
        this.#shelf.take(result.status === 'lane-full');
        isDone = result.status === 'done';
        at = result.next;
      }
    }
    return { ...this.#shelf.lines(), rejects, ...sums };
  }
}

/** One text; where that is full, what it holds goes into memory of its own. */
class TextShelf implements Shelf {
  readonly #text: LineText;
  #kept: ArrayLines[] = [];
  #offsets: number[] = [];

  constructor(text: LineText) {
    this.#text = text;
  }

  clear(): void {
    this.#text.clear();
    this.#kept = [];
    this.#offsets = [];
  }

  take(isFull: boolean): void {
    if (!isFull) return;
    this.#noteOffsets();
    this.#kept.push(new ArrayLines(this.#text).keep());
    this.#text.clear();
  }

  lines(): Pick<BenchLines, 'source' | 'offsets'> {
    this.#noteOffsets();
    const last = new ArrayLines(this.#text);
    const source = this.#kept.length === 0 ? last : new JoinedLines([...this.#kept, last]);
    return { source, offsets: this.#offsets };
  }

  #noteOffsets(): void {
    const { rows, usedRows } = this.#text;
    for (let row = 0; row < usedRows; row++) this.#offsets.push(rows[row * LINE.COLUMNS + LINE.OFFSET]!);
  }
}

/** A lane that only this thread sees. */
class LaneShelf implements Shelf {
  readonly #cells: Int32Array;
  readonly #data: Buffer;
  /** The same: frames begin, and their numbers lie, where these do. Machines are little-endian, as frames are. */
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  #texts: string[] = [];
  #offsets: number[] = [];

  constructor(lane: SharedArrayBuffer) {
    this.#cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
    this.#data = Buffer.from(lane, LANE_DATA_BYTE);
    this.#words = new Uint32Array(lane, LANE_DATA_BYTE);
    this.#halves = new Uint16Array(lane, LANE_DATA_BYTE);
  }

  clear(): void {
    this.#texts = [];
    this.#offsets = [];
  }

  take(): void {
    const [data, words, halves] = [this.#data, this.#words, this.#halves];
    const end = Atomics.load(this.#cells, LANE_CELL.HEAD);
    for (let at = 0; at < end; ) {
      const word = at / 4;
      if (data[at + FRAME.KIND] === FRAME_KIND.RECORD) {
        const start = at + FRAME.HEADER_BYTES + halves[(at + FRAME.KEY_BYTES) / 2]!;
        this.#texts.push(data.toString('utf8', start, start + words[word + FRAME.DATA_BYTES / 4]!));
        this.#offsets.push(
          words[word + FRAME.LINE_OFFSET / 4 + 1]! * 2 ** 32 + words[word + FRAME.LINE_OFFSET / 4]!,
        );
      }
      at += words[word + FRAME.FRAME_BYTES / 4]!;
    }
    // From the start again: what was used lies in the processor's cache.
    Atomics.store(this.#cells, LANE_CELL.TAIL, 0);
    Atomics.store(this.#cells, LANE_CELL.HEAD, 0);
  }

  lines(): Pick<BenchLines, 'source' | 'offsets'> {
    return { source: new StringLines(this.#texts), offsets: this.#offsets };
  }
}
