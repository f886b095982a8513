/**
 * Parse pool: the way from the source to the parser threads.
 * Takes  segments and parse batches of raw bytes from the source (SourceSink); what the parsers say of them.
 * Gives  tasks to the Piscina pool, what was found to the accounting, blocks back to the downloads.
 * Owns   which task a parse batch becomes, the pieces that are at the parsers, the range of an object that each of them stands for, and
 *        the ports of compressed objects that are too large for one parse batch.
 * Never  waits: quotas of blocks are the backpressure (src/source/block-pool.ts).
 */

import { createHash } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Accounting } from '../accounting/accounting.ts';
import type { SourceLines } from '../accounting/source-lines.ts';
import type { MillraceError } from '../base/errors.ts';
import { objectUri } from '../base/object-uri.ts';
import { DamagedError } from '../inflate/damage.ts';
import { oversizeReject } from '../parse/inflation.ts';
import type {
  Found,
  GivenLines,
  ParseTask,
  PieceEnd,
  PlainPiece,
  RawPiece,
  StreamFormat,
  StreamInput,
} from '../parse/setup.ts';
import type { SpareBlocks } from '../parse/spare-blocks.ts';
import { placesWithin } from '../ring/ranges.ts';
import type { PiecePlace } from '../scan/shaper.ts';
import {
  type ParseBatch,
  type Piece,
  releaseParseBatch,
  releasePiece,
  type SourceSink,
} from '../source/delivery.ts';
import type { OversizeLine } from '../source/line-cutter.ts';
import type { Segment, SourceObject } from '../source/object.ts';
import { workerFailure } from './failures.ts';
import { GivenAway, type PieceAtParser } from './given-away.ts';
import type { TrialTurns } from './trial-turns.ts';

/** Parse batches that each parser is given or has waiting before the next ones may gather: about a millisecond of work each. */
const AHEAD = 3;

export interface ParsePoolOptions {
  readonly parserCount: number;
  readonly accounting: Accounting;
  /** Told what the parser threads count, where they count lines. */
  readonly sourceLines?: SourceLines | undefined;
  /** Lines of the first tasks are tried twice: told which tasks there are. */
  readonly turns?: TrialTurns | null;
  /** Blocks in which parsers give lines to each other, or null where they do not. */
  readonly spare: SpareBlocks | null;
  /** A condition asks where lines lie. */
  readonly tellsPlaces: boolean;
  /** The accounting knows of these slices, whether they came as a message or as the answer to a task. */
  readonly onFound: (found: Found) => void;
  /** It was busy, and is no longer. */
  readonly onFree?: () => void;
  /** The run cannot go on. */
  readonly onFailure: (error: MillraceError) => void;
}

/** A compressed object whose bytes go to its parser piece by piece. */
interface Stream {
  readonly port: MessagePort;
  /** Whether the parser has been told that nothing follows. */
  isOver: boolean;
}

export class ParsePool implements SourceSink {
  #pool: Piscina<ParseTask, Found | null> | null = null;
  readonly #accounting: Accounting;
  readonly #sourceLines: SourceLines | undefined;
  readonly #parserCount: number;
  readonly #tellsPlaces: boolean;
  readonly #turns: TrialTurns | null;
  readonly #onFound: (found: Found) => void;
  readonly #onFree: () => void;
  readonly #onFailure: (error: MillraceError) => void;
  /** Plain segments on their way, with the offset up to which pieces stand for them. */
  readonly #reached = new Map<Segment, number>();
  readonly #streams = new Map<Segment, Stream>();
  readonly #pieces = new Map<number, PieceAtParser>();
  readonly #given: GivenAway;
  readonly #coordinates = new WeakMap<SourceObject, string>();
  readonly #tasks = new Set<Promise<void>>();
  #pieceCount = 0;
  #sequence = 0;
  #isStopped = false;
  #onIdle: (() => void)[] = [];

  constructor(options: ParsePoolOptions) {
    this.#accounting = options.accounting;
    this.#sourceLines = options.sourceLines;
    this.#parserCount = options.parserCount;
    this.#tellsPlaces = options.tellsPlaces;
    this.#turns = options.turns ?? null;
    this.#given = new GivenAway(options.spare, options.parserCount);
    this.#onFound = options.onFound;
    this.#onFree = options.onFree ?? (() => {});
    this.#onFailure = options.onFailure;
  }

  /** Says which threads there are: they are started with the memory of the source, which needs this sink first. */
  start(pool: Piscina<ParseTask, Found | null>): void {
    this.#pool = pool;
  }

  get isBusy(): boolean {
    return this.#tasks.size >= AHEAD * this.#parserCount;
  }

  /** Tasks that were handed over and have not ended. */
  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Resolves when every task that was handed over has ended, and all that was found in it is known here. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0 || this.#pieces.size > 0)
      await new Promise<void>((resolve) => this.#onIdle.push(resolve));
  }

  /** Takes nothing more: what still arrives is let go, and the parsers of compressed objects are told that no more follows. */
  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams.values()) if (!stream.isOver) this.#tell(stream, { kind: 'abort' });
  }

  /** The object of a piece that is at a parser. */
  objectOf(piece: number): SourceObject {
    return this.#pieces.get(piece)!.segment.object;
  }

  /** Takes what a parser found. */
  takeFound(found: Found): void {
    for (const receipt of found.slices) this.#accounting.addSlice(this.objectOf(receipt.piece), receipt);
    for (const end of found.ends)
      for (const due of this.#given.due(end, this.#pieces.get(end.piece)!)) this.#endPiece(due);
    this.#checkIdle();
    this.#onFound(found);
  }

  /** Takes lines that a parser has inflated, and has them scanned by another. `piece` has not ended. */
  takeGiven(piece: number, blockIndex: number, lines: readonly GivenLines[]): void {
    const { segment } = this.#pieces.get(piece)!;
    const block = this.#given.begin(segment, blockIndex, lines.length);
    const pieces = lines.map(({ start, end, objectOffset, rangeStart, rangeEnd, only }): PlainPiece => {
      const raw = this.#raw({ segment, block, start, end, objectOffset, isLast: false, isGiven: true });
      return { ...raw, rangeStart, rangeEnd, only, isGiven: true };
    });
    const task: ParseTask = { kind: 'plain', sequence: this.#sequence++, pieces };
    this.#run(task, this.#pieces.get(piece)!, [], () => this.#given.endTask());
  }

  begin(segment: Segment): void {
    if (this.#isStopped) return;
    this.#accounting.beginSegment(segment);
    if (segment.format === 'plain') this.#reached.set(segment, segment.start);
  }

  parseBatch(parseBatch: ParseBatch): void {
    if (this.#isStopped) {
      releaseParseBatch(parseBatch);
      return;
    }
    const { format, pieces } = parseBatch;
    const [first] = pieces;
    if (format === 'plain') this.#runPlain(pieces);
    else if (first!.objectOffset === 0 && first!.isLast) this.#runWhole(pieces, format);
    else this.#feedStream(first!, format);
  }

  oversize(segment: Segment, line: OversizeLine): void {
    if (this.#isStopped) return;
    const start = this.#reached.get(segment)!;
    const end = Math.min(segment.end, line.objectOffset + line.length + 1);
    this.#reached.set(segment, end);
    this.#accounting.addOversize(segment.object, oversizeReject(line, -1), start, end);
    this.#sourceLines?.addOversize(segment.object, line.objectOffset, line.length);
  }

  end(segment: Segment, error: MillraceError | null): void {
    if (this.#isStopped) return;
    const reached = this.#reached.get(segment);
    this.#reached.delete(segment);
    // No line begins in what is left of it.
    if (reached !== undefined && error === null && reached < segment.end)
      this.#accounting.addEmpty(segment.object, reached, segment.end);
    const stream = this.#streams.get(segment);
    if (stream && !stream.isOver) this.#tell(stream, { kind: 'abort' });
    this.#accounting.endSegment(segment);
  }

  objectFailed(object: SourceObject, error: MillraceError): void {
    const code = error.code === 'MILLRACE_OBJECT_CHANGED' ? 'OBJECT_CHANGED' : 'OBJECT_UNREADABLE';
    const damage = error instanceof DamagedError ? error.damage : null;
    this.#accounting.failObject(object, code, error.message, damage);
  }

  objectSkipped(object: SourceObject): void {
    this.#accounting.skipObject(object);
  }

  #runPlain(pieces: readonly Piece[]): void {
    const task: ParseTask = {
      kind: 'plain',
      sequence: this.#sequence++,
      pieces: pieces.map((p) => this.#plain(p)),
    };
    this.#run(task, pieces[0]!, []);
  }

  #runWhole(pieces: readonly Piece[], format: StreamFormat): void {
    const delivered = pieces.map(({ segment }) => this.#accounting.deliveredBefore(segment.object));
    const raw = pieces.map((piece) => this.#raw(piece));
    this.#run({ kind: 'whole', sequence: this.#sequence++, format, pieces: raw, delivered }, pieces[0]!, []);
  }

  #feedStream(piece: Piece, format: StreamFormat): void {
    const { segment, isLast } = piece;
    if (this.#accounting.hasFailed(segment.object) && !this.#streams.has(segment)) {
      // The parser has given the object up; what still arrives of it is of no use.
      releasePiece(piece);
      return;
    }
    const stream = this.#streams.get(segment) ?? this.#openStream(piece, format);
    this.#tell(stream, { kind: 'piece', piece: this.#raw(piece), isLast });
  }

  #openStream(piece: Piece, format: StreamFormat): Stream {
    const { segment } = piece;
    const { port1, port2 } = new MessageChannel();
    const stream: Stream = { port: port1, isOver: false };
    this.#streams.set(segment, stream);
    const task: ParseTask = {
      kind: 'stream',
      sequence: this.#sequence++,
      format,
      port: port2,
      delivered: this.#accounting.deliveredBefore(segment.object),
      coordinate: this.#coordinate(segment.object),
      ...this.#place(segment.object),
      ...contentEndOf(segment.object),
      mayGive: this.#given.mayGive(segment.object),
    };
    this.#run(task, piece, [port2], () => {
      this.#streams.delete(segment);
      port1.close();
    });
    return stream;
  }

  #tell(stream: Stream, message: StreamInput): void {
    stream.isOver = message.kind === 'abort' || message.isLast;
    stream.port.postMessage(message);
  }

  #run(
    task: ParseTask,
    piece: Piece,
    transferList: readonly MessagePort[],
    onEnd: () => void = () => {},
  ): void {
    const { object, start, end } = piece.segment;
    this.#turns?.begin(task.sequence);
    const watched = this.#pool!.run(task, { transferList: [...transferList] })
      .then((found) => {
        if (found !== null) this.takeFound(found);
        onEnd();
      })
      .catch((error: unknown) => {
        this.#onFailure(workerFailure('parser', error, `${objectUri(object)}, bytes ${start} to ${end}`));
      })
      .finally(() => {
        this.#turns?.end(task.sequence);
        this.#tasks.delete(watched);
        this.#given.look(this.#tasks.size);
        if (!this.isBusy) this.#onFree();
        this.#checkIdle();
      });
    this.#tasks.add(watched);
    this.#given.look(this.#tasks.size);
  }

  #endPiece({ piece: number, error, state, count }: PieceEnd): void {
    const piece = this.#pieces.get(number)!;
    this.#pieces.delete(number);
    const { object, format } = piece.segment;
    const { objectOffset, start, end, isGiven = false } = piece;
    if (count && format === 'plain')
      this.#sourceLines?.addPlain(object, objectOffset, objectOffset + (end - start), count);
    else if (count) this.#sourceLines?.addWhole(count);
    if (error !== null) {
      const message = `Cannot read ${objectUri(object)} to its end: ${error.why}`;
      this.#accounting.failObject(object, 'OBJECT_UNREADABLE', message, error.damage);
    }
    const storedBytes = isGiven ? 0 : end - start;
    this.#accounting.endPiece(object, storedBytes, error === null && state === 'whole');
    releasePiece(piece);
  }

  #checkIdle(): void {
    if (this.#tasks.size > 0 || this.#pieces.size > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  /** The piece with the range that it stands for: from where the one before ended, and no further than its segment. */
  #plain(piece: Piece): PlainPiece {
    const { segment, objectOffset, start, end } = piece;
    const rangeStart = this.#reached.get(segment)!;
    const rangeEnd = Math.min(segment.end, objectOffset + (end - start));
    this.#reached.set(segment, rangeEnd);
    const only = segment.only && placesWithin(segment.only, rangeStart, rangeEnd);
    const { shaped, letter } = segment;
    const kind = { ...(shaped && { shaped }), ...(letter && { letter }) };
    return { ...this.#raw(piece), rangeStart, rangeEnd, only, ...kind };
  }

  #raw(piece: PieceAtParser): RawPiece {
    const { block, start, end, objectOffset, segment } = piece;
    const number = this.#pieceCount++;
    this.#pieces.set(number, piece);
    this.#accounting.beginPiece(segment.object);
    return {
      buffer: block.index < 0 ? block.buffer : null,
      byteOffset: block.byteOffset + start,
      length: end - start,
      objectOffset,
      piece: number,
      coordinate: this.#coordinate(segment.object),
      ...this.#place(segment.object),
      ...(segment.format !== 'plain' && contentEndOf(segment.object)),
    };
  }

  #place({ bucket, key, lastModifiedMs }: SourceObject): { place?: PiecePlace } {
    // The time of an object that was not listed is unknown.
    return this.#tellsPlaces ? { place: { bucket, key, modifiedMs: lastModifiedMs || null } } : {};
  }

  #coordinate(object: SourceObject): string {
    let coordinate = this.#coordinates.get(object);
    if (coordinate === undefined) {
      coordinate = coordinateOf(object);
      this.#coordinates.set(object, coordinate);
    }
    return coordinate;
  }
}

function contentEndOf({ cut }: SourceObject): { contentEnd?: number } {
  return cut === undefined ? {} : { contentEnd: cut.offset };
}

/**
 * What the keys of an object's records start with when they have no key of their own: 11 characters that stand for bucket, key
 * and ETag, so that the same line has the same key in every run.
 */
export function coordinateOf({ bucket, key, etag }: Pick<SourceObject, 'bucket' | 'key' | 'etag'>): string {
  return createHash('md5').update(`${bucket}\n${key}\n${etag}`).digest().subarray(0, 8).toString('base64url');
}
