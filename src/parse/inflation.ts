/**
 * Inflation: compressed objects on their way to the scanner, inside a parser thread.
 * Takes  stored bytes: whole small objects, or one object piece by piece over a port.
 * Gives  whole lines of decompressed bytes to the slicer, except those that earlier processes have dealt with.
 * Owns   the rule which piece a line is reported for: the piece last handed to the decoder when the line came out.
 *        So a piece is dealt with when the decoder asks for the next one. In front of damage every whole line is given, wherever blocks
 *        and pieces end.
 * Never  keeps more than one block of decompressed bytes, plus one line that is longer than that.
 */
import type { MessagePort } from 'node:worker_threads';
import { MillraceError } from '../base/errors.ts';
import { ENGINE } from '../base/limits.ts';
import { type Damage, DamagedError } from '../inflate/damage.ts';
import type { WindowRoom } from '../inflate/decoding.ts';
import { type Decoders, decompress, decompressWhole } from '../inflate/decompress.ts';
import { workWithin } from '../ring/ranges.ts';
import { textOnly } from '../source/format.ts';
import { type CutBuffer, LineCutter, type OversizeLine } from '../source/line-cutter.ts';
import type { Findings } from './findings.ts';
import { openFraming } from './framing.ts';
import { Giving } from './giving.ts';
import { type LineCount, LineCounter } from './line-count.ts';
import type {
  Delivered,
  ParseSetup,
  ParseTask,
  PieceError,
  RawPiece,
  RejectedLine,
  StreamInput,
} from './setup.ts';
import { sideBySideHint } from './side-by-side.ts';
import type { LineSource } from './slice-cut.ts';
import { type Slicer, StoppedError } from './slicer.ts';
import type { SpareBlocks } from './spare-blocks.ts';
import { ValueCounter } from './value-count.ts';
import { WindowMemory } from './window-memory.ts';

/** What makes lines of an object's content. */
interface Cutter {
  /** @returns Bytes taken. */
  write(bytes: Uint8Array): number | Promise<number>;
  end(): unknown;
  endWithin(): void | Promise<void>;
  /** Offset behind what has come out, where it is known here. */
  readonly reached?: number;
}

/** How the reading of an object ended. */
interface Outcome {
  /** Why it could not be read to its end, or null. */
  readonly error: PieceError | null;
  /** The run is being stopped. */
  readonly isCut: boolean;
  /** Where lines are counted. */
  readonly count?: LineCount | undefined;
}

/** What it needs of a parser's setup. */
type InflationSetup = Pick<
  ParseSetup,
  ('lineBytesMax' | 'memory' | 'isCounting' | 'shared' | 'windowBytes' | 'isOrdered' | 'lanes') | 'framing'
> &
  Partial<Pick<ParseSetup, 'isPortable'>>;
type InflationSlicer = Pick<Slicer, 'scan' | 'scanValues' | 'rejectOversize' | 'isStopping' | 'isHeld'> & {
  readonly findings: Pick<Findings, 'endPiece' | 'flush' | 'give'>;
};

export class Inflation {
  readonly #setup: InflationSetup;
  readonly #slicer: InflationSlicer;
  readonly #block = new Uint8Array(ENGINE.blockBytes);
  readonly #decoders: Decoders = {};
  readonly #room: WindowRoom;
  /** Lines that are on their way through stages: until it is settled the block is theirs, and what comes behind them waits. */
  #pending: Promise<void> | null = null;
  readonly #spare: SpareBlocks | undefined;

  /** @param spare Where lines of large objects may be given to other parsers. */
  constructor(setup: InflationSetup, slicer: InflationSlicer, spare?: SpareBlocks) {
    this.#setup = setup;
    this.#spare = spare;
    this.#slicer = slicer;
    const [isStopping, flush] = [() => slicer.isStopping(), () => slicer.findings.flush()];
    this.#room = new WindowMemory({ setup, isStopping, flush });
  }

  /** Whole objects, one a piece. A damaged one says so with its end; the others are not affected. */
  async runWhole(task: Extract<ParseTask, { kind: 'whole' }>): Promise<void> {
    for (const [i, piece] of task.pieces.entries()) {
      const source = { piece: piece.piece, coordinate: Buffer.from(piece.coordinate), place: piece.place };
      const stored = storedBytes(piece, this.#setup.memory);
      const { contentEnd } = piece;
      const whole =
        this.#slicer.isStopping() || contentEnd !== undefined
          ? null
          : decompressWhole(task.format, stored, this.#decoders);
      const content =
        whole === null ? decompress(task.format, only(stored), this.#decoders, this.#room) : [whole];
      const lines = textOnly(task.format, content);
      const { error, isCut, count } = await this.#cutLines(
        upTo(lines, contentEnd),
        task.delivered[i]!,
        () => source,
      );
      this.#slicer.findings.endPiece(piece.piece, error, isCut ? 'cut' : 'whole', count);
    }
  }

  /** One object over a port. */
  async runStream(task: Extract<ParseTask, { kind: 'stream' }>): Promise<void> {
    const input = new StreamPieces(task.port);
    const coordinate = Buffer.from(task.coordinate);
    const { place } = task;
    const slicer = this.#slicer;
    const { memory } = this.#setup;
    let current: LineSource | null = null;
    const pieces = async function* () {
      for await (const piece of input) {
        if (current !== null) {
          slicer.findings.endPiece(current.piece, null, 'open');
          slicer.findings.flush();
        }
        current = { piece: piece.piece, coordinate, place };
        yield storedBytes(piece, memory);
      }
    };
    const inflated = decompress(task.format, pieces(), this.#decoders, this.#room);
    const content = upTo(textOnly(task.format, inflated), task.contentEnd);
    const giving = task.mayGive ? this.#openGiving(() => current!.piece) : null;
    const { error, isCut, count } = await this.#cutLines(content, task.delivered, () => current!, {
      isWhole: () => !input.isAborted,
      giving,
    });
    giving?.close();
    if (current !== null) {
      const isWhole = !isCut && !input.isAborted;
      const { piece } = current as LineSource;
      slicer.findings.endPiece(piece, isWhole ? error : null, isWhole ? 'whole' : 'cut', count);
      slicer.findings.flush();
    }
    // What the decoder no longer wanted is let go too, or its blocks would never be used again.
    for await (const piece of input) {
      slicer.findings.endPiece(piece.piece, null, 'open');
      slicer.findings.flush();
    }
    task.port.close();
  }

  #openGiving(piece: () => number): Giving | null {
    if (this.#spare === undefined) return null;
    const { findings } = this.#slicer;
    const isHeld = () => this.#slicer.isHeld();
    return new Giving(this.#spare, isHeld, (block, lines) => findings.give(piece(), block, lines));
  }

  /** @param isWhole Asked at the end: the last line of an object that is given up may be incomplete. */
  async #cutLines(
    content: AsyncIterable<Uint8Array> | readonly Uint8Array[],
    delivered: Delivered,
    current: () => LineSource,
    { isWhole = () => true, giving = null }: { isWhole?: () => boolean; giving?: Giving | null } = {},
  ): Promise<Outcome> {
    const { framing = null } = this.#setup;
    const [first] = delivered.done;
    // Where values begin hangs on all that comes before.
    const fromOffset = framing === null && first !== undefined && first[0] === 0 ? first[1] : 0;
    const place = { reached: fromOffset };
    const counter = this.#openCounter();
    const cutter: Cutter = framing
      ? openFraming({ setup: this.#setup, slicer: this.#slicer, delivered, current })
      : this.#cutter(fromOffset, delivered, current, place, giving);
    // A segment that starts at `fromOffset` begins with the byte before it, which shows whether a line starts there.
    let skip = Math.max(0, fromOffset - 1);
    try {
      try {
        for await (const chunk of content) {
          counter?.add(chunk);
          const wanted = chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - wanted.length;
          for (let at = 0; at < wanted.length; ) {
            const taken = cutter.write(at === 0 ? wanted : wanted.subarray(at));
            at += typeof taken === 'number' ? taken : await taken;
            if (this.#pending !== null) await this.#settle();
          }
        }
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        await cutter.endWithin();
        if (this.#pending !== null) await this.#settle();
        const reached = cutter.reached ?? place.reached;
        const damage = error instanceof DamagedError ? damageOf(error, reached) : null;
        return { error: { why: error.message, damage }, isCut: false, count: counter?.count(false) };
      }
      if (isWhole()) await cutter.end();
      else await cutter.endWithin();
      if (this.#pending !== null) await this.#settle();
    } catch (error) {
      if (error instanceof StoppedError) return { error: null, isCut: true };
      throw error;
    }
    return { error: null, isCut: false, count: counter?.count(isWhole()) };
  }

  #openCounter(): LineCounter | ValueCounter | null {
    const { isCounting, framing = null, lineBytesMax } = this.#setup;
    if (!isCounting) return null;
    return framing === null ? new LineCounter() : new ValueCounter(framing.tokens, lineBytesMax);
  }

  /** @param place Follows the offset behind the last line that came out. */
  #cutter(
    start: number,
    delivered: Delivered,
    current: () => LineSource,
    place: { reached: number },
    giving: Giving | null,
  ): LineCutter<CutBuffer> {
    const block: CutBuffer = { bytes: this.#block };
    const target = {
      position: 0,
      open: () => (this.#pending === null ? (giving?.open(target.position) ?? block) : null),
      close: () => {
        giving?.close();
        target.position = 0;
      },
      big: (bytes: number): CutBuffer => ({ bytes: new Uint8Array(bytes) }),
      dropBig: () => {},
      emit: (buffer: CutBuffer, from: number, end: number, objectOffset: number) => {
        const shift = from - objectOffset;
        const { bytes } = buffer;
        place.reached = end - shift;
        const work = workWithin(objectOffset, place.reached, delivered.done, delivered.left);
        if (giving !== null) {
          if (this.#slicer.isStopping()) throw new StoppedError('The run is being stopped');
          if (giving.give(buffer, from, objectOffset, work)) return;
        }
        for (const { start: rangeStart, end: rangeEnd, only } of work) {
          const lines = { bytes, from: rangeStart + shift, end: rangeEnd + shift, objectOffset: rangeStart };
          const source = current();
          this.#then(() => this.#slicer.scan(source, { ...lines, rangeStart, rangeEnd, only }));
        }
      },
      oversize: (line: OversizeLine) => {
        place.reached = line.objectOffset + line.length + 1;
        const source = current();
        this.#then(() => this.#rejectOversize(line, source, delivered));
      },
    };
    return new LineCutter<CutBuffer>(
      { start, end: Number.POSITIVE_INFINITY, lineBytesMax: this.#setup.lineBytesMax },
      target,
    );
  }

  /** At once, or behind the lines that are on their way. */
  #then(work: () => void | Promise<void>): void {
    if (this.#pending !== null) this.#pending = this.#pending.then(work);
    else this.#pending = work() ?? null;
  }

  async #settle(): Promise<void> {
    try {
      await this.#pending;
    } finally {
      this.#pending = null;
    }
  }

  #rejectOversize(line: OversizeLine, { piece }: LineSource, { done }: Delivered): void {
    const { objectOffset, length } = line;
    const end = objectOffset + length + 1;
    if (workWithin(objectOffset, end, done, []).length === 0) return;
    this.#slicer.rejectOversize(oversizeReject(line, piece), objectOffset, end);
  }
}

/** The dead letter of a line that is too long to be kept: `data` is only its beginning. */
export function oversizeReject(line: OversizeLine, piece: number): RejectedLine {
  const { objectOffset, length, head } = line;
  const message = `The line is ${length} bytes long; data holds its first ${head.byteLength}${sideBySideHint(head)}`;
  return { piece, code: 'RECORD_TOO_LARGE', message, objectOffset, length, data: head };
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

/** What lies behind `end` is not asked for. */
function upTo(content: AsyncIterable<Uint8Array>, end: number | undefined): AsyncIterable<Uint8Array> {
  return end === undefined ? content : cutAt(content, end);
}

async function* cutAt(content: AsyncIterable<Uint8Array>, end: number): AsyncGenerator<Uint8Array> {
  let left = end;
  for await (const chunk of content) {
    yield chunk.subarray(0, Math.min(chunk.length, left));
    left -= chunk.length;
    if (left <= 0) return;
  }
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
