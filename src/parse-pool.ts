/**
 * Parse pool: the way from the source to the parser threads.
 * Takes  segments and parcels of raw bytes from the source (SourceSink).
 * Gives  tasks to the Piscina pool, tallies to the books, blocks back to the downloads.
 * Owns   which task a parcel becomes, and the ports of compressed objects that are too large for one parcel.
 * Never  waits: quotas of blocks are the backpressure (src/source/block-pool.ts).
 */
import { createHash } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import type { Books } from './books.ts';
import type { MillraceError } from './errors.ts';
import { workerFailure } from './failures.ts';
import { DamagedError } from './source/damage.ts';
import { type Parcel, type Piece, releaseParcel, type SourceSink } from './source/delivery.ts';
import type { OversizeLine } from './source/line-cutter.ts';
import type { Segment, SourceObject } from './source/object.ts';
import { formatS3Uri } from './source/uri.ts';
import { oversizeReject } from './threads/inflation.ts';
import type {
  ParseReceipt,
  ParseTask,
  PieceError,
  RawPiece,
  StreamInput,
  StreamOutput,
} from './threads/parse-setup.ts';

export interface ParsePoolOptions {
  readonly books: Books;
  /** The run cannot go on. */
  readonly onFailure: (error: MillraceError) => void;
}

/** A compressed object whose bytes go to its parser piece by piece. */
interface Stream {
  readonly port: MessagePort;
  readonly segment: Segment;
  /** Parcels that the parser has not dealt with yet, in order. */
  readonly parcels: Parcel[];
  /** Whether the parser has been told that nothing follows. */
  isOver: boolean;
}

/** A plain segment on its way. */
interface OpenUnit {
  readonly segment: Segment;
  /** Pieces at the parsers. */
  pieces: number;
  /** Whether no more will come. */
  hasEnded: boolean;
  /** Offset behind its last piece; null before the first. */
  reached: number | null;
  /** Lines are missing between its pieces: they were too long to be kept. */
  hasGap: boolean;
}

export class ParsePool implements SourceSink {
  #pool: Piscina<ParseTask, ParseReceipt> | null = null;
  readonly #books: Books;
  readonly #onFailure: (error: MillraceError) => void;
  readonly #units = new Map<number, OpenUnit>();
  readonly #streams = new Map<Segment, Stream>();
  readonly #coordinates = new WeakMap<SourceObject, string>();
  readonly #tasks = new Set<Promise<void>>();
  #sequence = 0;
  #isStopped = false;

  constructor(options: ParsePoolOptions) {
    this.#books = options.books;
    this.#onFailure = options.onFailure;
  }

  /** Says which threads there are: they are started with the memory of the source, which needs this sink first. */
  start(pool: Piscina<ParseTask, ParseReceipt>): void {
    this.#pool = pool;
  }

  /** Tasks that were handed over and have not ended. */
  get taskCount(): number {
    return this.#tasks.size;
  }

  /** Resolves when every task that was handed over has ended. */
  async idle(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }

  /** Takes nothing more: what still comes is let go, and the parsers of compressed objects are told that no more follows. */
  stop(): void {
    this.#isStopped = true;
    for (const stream of this.#streams.values()) if (!stream.isOver) this.#tell(stream, { kind: 'abort' });
  }

  /** After `stop`: cuts each plain segment behind its last line that came, if the parsers have dealt with all of them. */
  cutSegments(): void {
    for (const [unit, { segment, pieces, reached, hasGap }] of this.#units) {
      if (pieces > 0 || reached === null || hasGap) continue;
      this.#units.delete(unit);
      this.#books.cutSegment(segment, reached);
    }
  }

  begin(segment: Segment): void {
    if (this.#isStopped) return;
    this.#books.beginSegment(segment);
    if (segment.format !== 'plain') return;
    this.#units.set(segment.unit, { segment, pieces: 0, hasEnded: false, reached: null, hasGap: false });
  }

  parcel(parcel: Parcel): void {
    if (this.#isStopped) {
      releaseParcel(parcel);
      return;
    }
    const { format, pieces } = parcel;
    const [first] = pieces;
    if (format === 'plain') this.#runPlain(parcel);
    else if (first!.objectOffset === 0 && first!.isLast) this.#runWhole(parcel, format);
    else this.#feedStream(parcel, first!, format);
  }

  oversize(segment: Segment, line: OversizeLine): void {
    if (this.#isStopped) return;
    const unit = this.#units.get(segment.unit);
    if (unit) unit.hasGap = true;
    this.#books.rejectOversize(oversizeReject(line, segment.unit));
  }

  end(segment: Segment, error: MillraceError | null): void {
    if (this.#isStopped) return;
    const unit = this.#units.get(segment.unit);
    if (segment.format === 'plain' && unit) {
      unit.hasEnded = true;
      this.#closeUnit(segment.unit);
    }
    const stream = this.#streams.get(segment);
    if (stream && !stream.isOver) this.#tell(stream, { kind: 'abort' });
    this.#books.endSegment(segment, error !== null);
  }

  objectFailed(object: SourceObject, error: MillraceError): void {
    const code = error.code === 'MILLRACE_OBJECT_CHANGED' ? 'OBJECT_CHANGED' : 'OBJECT_UNREADABLE';
    const damage = error instanceof DamagedError ? error.damage : null;
    this.#books.failObject(object, code, error.message, damage);
  }

  objectSkipped(object: SourceObject): void {
    this.#books.skipObject(object);
  }

  #runPlain(parcel: Parcel): void {
    const pieces = parcel.pieces.map((piece) => this.#raw(piece, piece.segment.unit));
    for (const { unit, objectOffset, length } of pieces) {
      const open = this.#units.get(unit)!;
      open.pieces++;
      if (open.reached !== null && open.reached !== objectOffset) open.hasGap = true;
      open.reached = objectOffset + length;
    }
    this.#run({ kind: 'plain', sequence: this.#sequence++, pieces }, parcel.pieces[0]!, [], (receipt) => {
      for (const tally of receipt.tallies) {
        this.#books.addTally(tally);
        this.#units.get(tally.unit)!.pieces--;
        this.#closeUnit(tally.unit);
      }
      releaseParcel(parcel);
    });
  }

  #runWhole(parcel: Parcel, format: 'gzip' | 'zstd'): void {
    const pieces = parcel.pieces.map((piece) => this.#raw(piece, this.#books.beginPart(piece.segment)));
    const fromOffsets = parcel.pieces.map((piece) => this.#books.fromOffset(piece.segment.object));
    const task: ParseTask = { kind: 'whole', sequence: this.#sequence++, format, pieces, fromOffsets };
    this.#run(task, parcel.pieces[0]!, [], (receipt) => {
      for (const [i, tally] of receipt.tallies.entries()) {
        this.#books.addTally(tally);
        if (tally.error !== null) this.#fail(parcel.pieces[i]!.segment.object, tally.error);
        this.#books.closeScan(tally.unit);
      }
      releaseParcel(parcel);
    });
  }

  #feedStream(parcel: Parcel, piece: Piece, format: 'gzip' | 'zstd'): void {
    const { segment } = piece;
    if (this.#books.hasFailed(segment.object) && !this.#streams.has(segment)) {
      // The parser has given the object up; what still arrives of it is of no use.
      releaseParcel(parcel);
      return;
    }
    const stream = this.#streams.get(segment) ?? this.#openStream(segment, piece, format);
    stream.parcels.push(parcel);
    this.#tell(stream, {
      kind: 'piece',
      piece: this.#raw(piece, this.#books.beginPart(segment)),
      isLast: piece.isLast,
    });
  }

  #openStream(segment: Segment, piece: Piece, format: 'gzip' | 'zstd'): Stream {
    const { port1, port2 } = new MessageChannel();
    const stream: Stream = { port: port1, segment, parcels: [], isOver: false };
    this.#streams.set(segment, stream);
    const closed = Promise.withResolvers<void>();
    port1.on('message', (message: StreamOutput) => {
      if (message.kind === 'end') return closed.resolve();
      const { tally } = message;
      this.#books.addTally(tally);
      if (tally.error !== null) this.#fail(segment.object, tally.error);
      this.#books.closeScan(tally.unit);
      releaseParcel(stream.parcels.shift()!);
    });
    const task: ParseTask = {
      kind: 'stream',
      sequence: this.#sequence++,
      format,
      port: port2,
      fromOffset: this.#books.fromOffset(segment.object),
      coordinate: this.#coordinate(segment.object),
    };
    // The receipt and the last tallies come by two ways: the object is done with when both ways are.
    this.#run(task, piece, [port2], async () => {
      await closed.promise;
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
    onReceipt: (receipt: ParseReceipt) => void | Promise<void>,
  ): void {
    const { object, start, end } = piece.segment;
    const done = this.#pool!.run(task, { transferList: [...transferList] }).then(onReceipt);
    const watched = done
      .catch((error: unknown) => {
        this.#onFailure(workerFailure('parser', error, `${formatS3Uri(object)}, bytes ${start} to ${end}`));
      })
      .finally(() => this.#tasks.delete(watched));
    this.#tasks.add(watched);
  }

  #closeUnit(unit: number): void {
    const { pieces, hasEnded } = this.#units.get(unit)!;
    if (pieces > 0 || !hasEnded) return;
    this.#units.delete(unit);
    this.#books.closeScan(unit);
  }

  #fail(object: SourceObject, { why, damage }: PieceError): void {
    const message = `Cannot read ${formatS3Uri(object)} to its end: ${why}`;
    this.#books.failObject(object, 'OBJECT_UNREADABLE', message, damage);
  }

  #raw(piece: Piece, unit: number): RawPiece {
    const { block, start, end, objectOffset, segment } = piece;
    return {
      buffer: block.index < 0 ? block.buffer : null,
      byteOffset: block.byteOffset + start,
      length: end - start,
      objectOffset,
      unit,
      coordinate: this.#coordinate(segment.object),
    };
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

/**
 * What the keys of an object's records start with when they have no key of their own: 11 characters that stand for bucket, key
 * and ETag, so that the same line has the same key in every run.
 */
export function coordinateOf({ bucket, key, etag }: Pick<SourceObject, 'bucket' | 'key' | 'etag'>): string {
  return createHash('md5').update(`${bucket}\n${key}\n${etag}`).digest().subarray(0, 8).toString('base64url');
}
