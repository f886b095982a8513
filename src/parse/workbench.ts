/**
 * Workbench: lines on their way to stages in JavaScript: the scanner writes them into a lane that only this thread sees.
 * Takes  whole lines of one object.
 * Gives  the valid ones as text, as the fast stages have left them, with the offset of each; the others as rejects and counts.
 * Owns   the lane, which is empty between two calls.
 */
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { LANE_CAPACITY_BYTES_MIN, LANE_CELL, LANE_DATA_BYTE } from '../ring/layout.ts';
import { createLane } from '../ring/producer.ts';
import { openScanner } from '../scan/open.ts';
import type { RecordRules, Reject, Scanner, ScanPiece } from '../scan/scanner.ts';
import type { LineShaper } from '../scan/shaper.ts';

/** Lines of one slice: `texts` of the valid ones, and what became of the others. */
export interface BenchLines {
  readonly texts: string[];
  /** Of each text's line in the object. */
  readonly offsets: number[];
  readonly rejects: Reject[];
  lines: number;
  blank: number;
  filtered: number;
}

/** What edits may add to the longest line, and a frame to its data. */
const SLACK_BYTES = 64 * 1024;

export class Workbench {
  readonly #scanner: Scanner;
  readonly #cells: Int32Array;
  readonly #data: Buffer;
  /** The same: frames begin, and their numbers lie, where these do. Machines are little-endian, as frames are. */
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;

  constructor(
    rules: RecordRules,
    lineBytesMax: number,
    options: { readonly portable: boolean; readonly shaper: LineShaper | null },
  ) {
    let capacityBytes = LANE_CAPACITY_BYTES_MIN;
    while (capacityBytes < lineBytesMax + SLACK_BYTES) capacityBytes *= 2;
    // Memory that is never touched is never taken: only the longest line decides how much of it is.
    const lane = createLane(capacityBytes);
    const { depthMax, keyCharsMax } = rules;
    const asTheyAre: RecordRules = {
      ...{ partitionKey: null, explicitHashKey: null, onMissingKey: 'coordinates', appendNewline: false },
      ...{ depthMax, keyCharsMax, recordBytesMax: capacityBytes - FRAME.HEADER_BYTES - 8 },
    };
    this.#scanner = openScanner(asTheyAre, { buffers: [lane], starts: new BigUint64Array(2) }, options);
    this.#cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
    this.#data = Buffer.from(lane, LANE_DATA_BYTE);
    this.#words = new Uint32Array(lane, LANE_DATA_BYTE);
    this.#halves = new Uint16Array(lane, LANE_DATA_BYTE);
  }

  read(pieces: readonly ScanPiece[]): BenchLines {
    const found: BenchLines = { texts: [], offsets: [], rejects: [], lines: 0, blank: 0, filtered: 0 };
    for (const piece of pieces) {
      for (let at = piece.start, isDone = false; !isDone; ) {
        const result = this.#scanner.scan(piece, at);
        found.lines += result.lines;
        found.blank += result.blank;
        found.filtered += result.filtered;
        for (const reject of result.rejects) found.rejects.push(reject);
        this.#take(found);
        isDone = result.status === 'done';
        at = result.next;
      }
    }
    return found;
  }

  /** Takes all frames out of the lane. */
  #take({ texts, offsets }: BenchLines): void {
    const [data, words, halves] = [this.#data, this.#words, this.#halves];
    const end = Atomics.load(this.#cells, LANE_CELL.HEAD);
    for (let at = 0; at < end; ) {
      const word = at / 4;
      if (data[at + FRAME.KIND] === FRAME_KIND.RECORD) {
        const start = at + FRAME.HEADER_BYTES + halves[(at + FRAME.KEY_BYTES) / 2]!;
        texts.push(data.toString('utf8', start, start + words[word + FRAME.DATA_BYTES / 4]!));
        offsets.push(
          words[word + FRAME.LINE_OFFSET / 4 + 1]! * 2 ** 32 + words[word + FRAME.LINE_OFFSET / 4]!,
        );
      }
      at += words[word + FRAME.FRAME_BYTES / 4]!;
    }
    // From the start again: what was used lies in the processor's cache.
    Atomics.store(this.#cells, LANE_CELL.TAIL, 0);
    Atomics.store(this.#cells, LANE_CELL.HEAD, 0);
  }
}
