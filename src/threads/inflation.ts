/**
 * Inflation: compressed objects on their way to the scanner, inside a parser thread.
 * Takes  stored bytes: whole small objects, or one object piece by piece over a port.
 * Gives  whole lines of decompressed bytes to the scanner, and a tally for every piece of stored bytes.
 * Owns   the rule which piece a line is counted in: the piece that had been handed to the decoder last when the line came out.
 *        So a piece is settled when the decoder asks for the next one.
 *        In front of damage every whole line is given, wherever blocks and pieces end.
 * Never  keeps more than one block of decompressed bytes, and one line that is longer than that.
 */
import type { MessagePort } from 'node:worker_threads';
import { MillraceError } from '../errors.ts';
import { ENGINE } from '../limits.ts';
import { type Damage, DamagedError } from '../source/damage.ts';
import { type Decoders, decompress, decompressWhole } from '../source/decompress.ts';
import { textOnly } from '../source/format.ts';
import { type CutBuffer, LineCutter, type OversizeLine } from '../source/line-cutter.ts';
import type {
  ParseSetup,
  ParseTask,
  PieceError,
  PieceTally,
  RawPiece,
  RejectedLine,
  StreamInput,
  StreamOutput,
} from './parse-setup.ts';
import { emptyTally } from './tally.ts';

/** Scans bytes[start, end), whole lines that begin at `objectOffset`, and adds what it finds to `tally`. */
export type ScanLines = (
  bytes: Uint8Array,
  start: number,
  end: number,
  objectOffset: number,
  tally: PieceTally,
  coordinate: Uint8Array,
) => void;

export class Inflation {
  readonly #setup: Pick<ParseSetup, 'lineBytesMax' | 'memory'>;
  readonly #scan: ScanLines;
  readonly #reject: (line: RejectedLine) => void;
  readonly #block = new Uint8Array(ENGINE.blockBytes);
  readonly #decoders: Decoders = {};

  constructor(
    setup: Pick<ParseSetup, 'lineBytesMax' | 'memory'>,
    scan: ScanLines,
    reject: (line: RejectedLine) => void,
  ) {
    this.#setup = setup;
    this.#scan = scan;
    this.#reject = reject;
  }

  /** Whole objects, one a piece. A damaged one says so in its tally; the others are not concerned. */
  async runWhole(task: Extract<ParseTask, { kind: 'whole' }>): Promise<PieceTally[]> {
    const tallies: PieceTally[] = [];
    for (const [i, piece] of task.pieces.entries()) {
      const tally = emptyTally(piece.unit, 0);
      const stored = storedBytes(piece, this.#setup.memory);
      const fromOffset = task.fromOffsets[i]!;
      const whole = decompressWhole(task.format, stored);
      const error = await this.#cutLines(
        textOnly(
          task.format,
          whole === null ? decompress(task.format, only(stored), this.#decoders) : [whole],
        ),
        fromOffset,
        Buffer.from(piece.coordinate),
        () => tally,
      );
      tallies.push({ ...tally, error });
    }
    return tallies;
  }

  /** One object over a port. Its tallies leave over the port as its pieces are dealt with; none is returned. */
  async runStream(task: Extract<ParseTask, { kind: 'stream' }>): Promise<PieceTally[]> {
    const input = new StreamPieces(task.port);
    const post = (tally: PieceTally) =>
      task.port.postMessage({ kind: 'tally', tally } satisfies StreamOutput);
    let tally: PieceTally | null = null;
    let endOffset = task.fromOffset;
    const { memory } = this.#setup;
    const pieces = async function* () {
      for await (const piece of input) {
        if (tally !== null) {
          endOffset = tally.endOffset;
          post(tally);
        }
        tally = emptyTally(piece.unit, endOffset);
        yield storedBytes(piece, memory);
      }
    };
    const error = await this.#cutLines(
      textOnly(task.format, decompress(task.format, pieces(), this.#decoders)),
      task.fromOffset,
      Buffer.from(task.coordinate),
      () => tally!,
      () => !input.isAborted,
    );
    if (tally !== null) post({ ...(tally as PieceTally), error: input.isAborted ? null : error });
    // What the decoder did not want to see any more is settled too, or its blocks would never be used again.
    for await (const piece of input) post(emptyTally(piece.unit, endOffset));
    task.port.postMessage({ kind: 'end' } satisfies StreamOutput);
    task.port.close();
    return [];
  }

  /**
   * @param isWhole Asked at the end: of an object that is given up the last line may be a part of one.
   * @returns Why the object could not be read to its end, or null.
   */
  async #cutLines(
    content: AsyncIterable<Uint8Array> | readonly Uint8Array[],
    fromOffset: number,
    coordinate: Uint8Array,
    current: () => PieceTally,
    isWhole: () => boolean = () => true,
  ): Promise<PieceError | null> {
    const cutter = this.#cutter(fromOffset, coordinate, current);
    // A segment that starts at `fromOffset` begins with the byte before it: that is where it sees that a line starts there.
    let skip = Math.max(0, fromOffset - 1);
    try {
      for await (const chunk of content) {
        const wanted = chunk.subarray(Math.min(skip, chunk.length));
        skip -= chunk.length - wanted.length;
        if (wanted.length > 0) writeAll(cutter, wanted);
      }
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      cutter.endWithin();
      const deliveredTo = Math.max(fromOffset, current().endOffset);
      const damage = error instanceof DamagedError ? damageOf(error, deliveredTo) : null;
      return { why: error.message, damage };
    }
    if (isWhole()) cutter.end();
    else cutter.endWithin();
    return null;
  }

  #cutter(start: number, coordinate: Uint8Array, current: () => PieceTally): LineCutter<CutBuffer> {
    const block: CutBuffer = { bytes: this.#block };
    const target = {
      position: 0,
      open: () => block,
      close: () => {
        target.position = 0;
      },
      big: (bytes: number): CutBuffer => ({ bytes: new Uint8Array(bytes) }),
      dropBig: () => {},
      emit: (buffer: CutBuffer, from: number, end: number, objectOffset: number) => {
        this.#scan(buffer.bytes, from, end, objectOffset, current(), coordinate);
      },
      oversize: (line: OversizeLine) => this.#rejectOversize(line, current()),
    };
    return new LineCutter<CutBuffer>(
      { start, end: Number.POSITIVE_INFINITY, lineBytesMax: this.#setup.lineBytesMax },
      target,
    );
  }

  #rejectOversize(line: OversizeLine, tally: PieceTally): void {
    tally.lines++;
    tally.rejected++;
    tally.endOffset = line.objectOffset + line.length + 1;
    this.#reject(oversizeReject(line, tally.unit));
  }
}

/** The dead letter of a line that is too long to be kept: `data` is only its beginning. */
export function oversizeReject(line: OversizeLine, unit: number): RejectedLine {
  const { objectOffset, length, head } = line;
  const message = `The line is ${length} bytes long; data holds its first ${head.byteLength}`;
  return { unit, code: 'RECORD_TOO_LARGE', message, objectOffset, length, data: head };
}

/** @param deliveredTo Offset behind the last whole line. */
function damageOf({ damage }: DamagedError, deliveredTo: number): Damage {
  const { storedOffset, unprovenFrom } = damage;
  const isUnproven = unprovenFrom !== null && unprovenFrom < deliveredTo;
  return { storedOffset, offset: deliveredTo, unprovenFrom: isUnproven ? unprovenFrom : null };
}

function storedBytes({ buffer, byteOffset, length }: RawPiece, memory: SharedArrayBuffer): Uint8Array {
  return new Uint8Array(buffer ?? memory, byteOffset, length);
}

function writeAll(cutter: LineCutter<CutBuffer>, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += cutter.write(at === 0 ? bytes : bytes.subarray(at));
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** The pieces that arrive over a port, each once: two loops over it share what is left. */
class StreamPieces implements AsyncIterable<RawPiece> {
  isAborted = false;
  #waiting: StreamInput[] = [];
  #isOver = false;
  #wake: (() => void) | null = null;

  constructor(port: MessagePort) {
    port.on('message', (message: StreamInput) => {
      this.#waiting.push(message);
      this.#wake?.();
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RawPiece> {
    while (!this.#isOver) {
      const message = this.#waiting.shift();
      if (!message) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#isOver = message.kind === 'abort' || message.isLast;
      if (message.kind === 'abort') this.isAborted = true;
      else yield message.piece;
    }
  }
}
