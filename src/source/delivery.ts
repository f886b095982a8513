/**
 * Delivery: the door out of this folder. What slots produce side by side leaves through it in parse batches, in order if asked for.
 * Takes  events of segments from download slots.
 * Gives  them to the sink: pieces of many small segments in one parse batch, so that handing over costs nothing per object.
 * Owns   the pending parse batch and, in ordered mode, the backlog of segments that are not due. The backlog holds no bytes of its
 *        own: they lie in the blocks of the slots, whose quotas bound it.
 */
import type { MillraceError } from '../base/errors.ts';
import type { Block } from './block-pool.ts';
import type { OversizeLine } from './line-cutter.ts';
import type { Format, Segment, SourceObject } from './object.ts';
import type { Clock } from './retry.ts';

/** Part of a segment: bytes [start, end) of `block.bytes`. */
export interface Piece {
  readonly segment: Segment;
  readonly block: Block;
  readonly start: number;
  readonly end: number;
  /** Plain: offset of the first byte in the object, where a line starts. Compressed: offset in the stored bytes. */
  readonly objectOffset: number;
  /** Compressed: the stored bytes end here. Plain: not meaningful, see SourceSink.end. */
  readonly isLast: boolean;
}

/**
 * What a parser is given in one go. All pieces have the segment's `format`.
 * - plain: whole lines; any parser may take any parse batch.
 * - gzip, zstd: either whole small objects (each piece is its object's only one), or one piece of a larger object; the pieces of
 *   one object must reach one parser, in order.
 */
export interface ParseBatch {
  readonly format: Format;
  readonly pieces: readonly Piece[];
  /** Sum over the pieces. */
  readonly bytes: number;
}

/** The engine's side. Called on the main thread, synchronously; none of these may throw or wait: quotas are the backpressure. */
export interface SourceSink {
  /** There is work for a while: what comes next may wait for company, and be handed over at a fraction of the cost. Default false. */
  readonly isBusy?: boolean;
  /** First event of a segment; its `format`, `end` and `count` are settled. */
  begin(segment: Segment): void;
  /** The receiver calls `releasePiece` for each piece, or `releaseParseBatch`, when the bytes have been dealt with. */
  parseBatch(parseBatch: ParseBatch): void;
  /** A line over `lineBytesMax`: it is in no parse batch. */
  oversize(segment: Segment, line: OversizeLine): void;
  /** Last event of a segment, after all its parse batches. With an error its lines are incomplete, which has been reported. */
  end(segment: Segment, error: MillraceError | null): void;
  /** Once per object that cannot be carried to its end. Its other segments end with an error too, or are never begun. */
  objectFailed(object: SourceObject, error: MillraceError): void;
  /** The journal says that all of it was delivered before. */
  objectSkipped(object: SourceObject): void;
}

/** Gives the blocks of a parse batch back. @throws {AssertionError} When called twice for one parse batch. */
export function releaseParseBatch(parseBatch: ParseBatch): void {
  for (const piece of parseBatch.pieces) releasePiece(piece);
}

/** Gives the block of one piece back. */
export function releasePiece({ block }: Piece): void {
  block.slot.release(block);
}

export interface DeliveryOptions {
  readonly sink: SourceSink;
  readonly clock: Clock;
  /** A parse batch this large leaves at once, unless the sink is busy. */
  readonly parseBatchBytes: number;
  /** A parse batch of this many pieces leaves at once. Default 256. */
  readonly parseBatchPiecesMax?: number;
  /** A smaller one leaves after this time. Default 5 ms: of a run of small objects some dozens come together in it. */
  readonly lingerMs?: number;
  readonly isOrdered: boolean;
}

/** Four blocks in one hand-over in place of one: what it costs is paid by the parse batch, not by the byte. */
const BUSY_FACTOR = 16;
/** A sink that is busy says when it no longer is: until then what is pending gathers company, and the clock is for a sink that never says so. */
const BUSY_LINGER_FACTOR = 10;

type DeliveryEvent =
  | { readonly kind: 'begin'; readonly segment: Segment }
  | { readonly kind: 'piece'; readonly piece: Piece }
  | { readonly kind: 'oversize'; readonly segment: Segment; readonly line: OversizeLine }
  | { readonly kind: 'end'; readonly segment: Segment; readonly error: MillraceError | null };

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #piecesMax: number;
  readonly #lingerMs: number;
  #pieces: Piece[] = [];
  #bytes = 0;
  /** Ends that must follow the pending pieces. */
  #ends: { segment: Segment; error: MillraceError | null }[] = [];
  #cancelLinger: (() => void) | null = null;
  #isOrdered: boolean;
  /** Ordered mode: segments given out and not yet delivered to their end, first the one that is due. */
  readonly #issued = new Map<Segment, { backlog: DeliveryEvent[]; isFinished: boolean }>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#isOrdered = options.isOrdered;
    this.#piecesMax = options.parseBatchPiecesMax ?? 256;
    this.#lingerMs = options.lingerMs ?? 5;
  }

  /** A segment has been given to a slot. In ordered mode segments leave in the order of these calls. */
  issue(segment: Segment): void {
    if (this.#isOrdered) this.#issued.set(segment, { backlog: [], isFinished: false });
  }

  /** From here on segments leave as they come. */
  endOrder(): void {
    if (!this.#isOrdered) return;
    this.#isOrdered = false;
    for (const { backlog } of this.#issued.values()) for (const event of backlog) this.#pass(event);
    this.#issued.clear();
  }

  begin(segment: Segment): void {
    this.#take(segment, { kind: 'begin', segment });
  }

  piece(piece: Piece): void {
    this.#take(piece.segment, { kind: 'piece', piece });
  }

  oversize(segment: Segment, line: OversizeLine): void {
    this.#take(segment, { kind: 'oversize', segment, line });
  }

  end(segment: Segment, error: MillraceError | null): void {
    this.#take(segment, { kind: 'end', segment, error });
    this.#finish(segment);
  }

  /** The segment was never begun and has no events. */
  drop(segment: Segment): void {
    this.#finish(segment);
  }

  /**
   * Sends what is pending, unless the sink is busy: whoever waits for a block that may be pending waits for one that the sink has then, and loses
   * nothing. To be called again when the sink is no longer busy.
   */
  hasten(): void {
    if (!this.#isSinkBusy) this.flush();
  }

  get #isSinkBusy(): boolean {
    return this.#options.sink.isBusy ?? false;
  }

  /** Sends what is pending. */
  flush(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = null;
    if (this.#pieces.length === 0) return;
    const parseBatch = { format: this.#pieces[0]!.segment.format, pieces: this.#pieces, bytes: this.#bytes };
    const ends = this.#ends;
    this.#pieces = [];
    this.#bytes = 0;
    this.#ends = [];
    this.#options.sink.parseBatch(parseBatch);
    for (const { segment, error } of ends) this.#options.sink.end(segment, error);
  }

  #take(segment: Segment, event: DeliveryEvent): void {
    if (this.#isOrdered) {
      const [due] = this.#issued.keys();
      if (segment !== due) {
        this.#issued.get(segment)!.backlog.push(event);
        return;
      }
    }
    this.#pass(event);
  }

  /** Ordered mode: when the due segment has ended the next one becomes due, and its backlog leaves. */
  #finish(segment: Segment): void {
    if (!this.#isOrdered) return;
    this.#issued.get(segment)!.isFinished = true;
    for (const [next, entry] of this.#issued) {
      for (const event of entry.backlog.splice(0)) this.#pass(event);
      if (!entry.isFinished) return;
      this.#issued.delete(next);
    }
  }

  #pass(event: DeliveryEvent): void {
    const { sink } = this.#options;
    if (event.kind === 'begin') sink.begin(event.segment);
    else if (event.kind === 'oversize') sink.oversize(event.segment, event.line);
    else if (event.kind === 'piece') this.#pack(event.piece);
    else if (this.#pieces.length > 0) this.#ends.push(event);
    else sink.end(event.segment, event.error);
  }

  #pack(piece: Piece): void {
    const first = this.#pieces[0];
    const isFitting =
      first === undefined || (canShare(first) && canShare(piece) && isSameFormat(first, piece));
    if (!isFitting) this.flush();
    this.#pieces.push(piece);
    this.#bytes += piece.end - piece.start;
    const { parseBatchBytes, clock } = this.#options;
    const isBusy = this.#isSinkBusy;
    const bytesMax = isBusy ? BUSY_FACTOR * parseBatchBytes : parseBatchBytes;
    const isFull = this.#bytes >= bytesMax || this.#pieces.length >= this.#piecesMax;
    const lingerMs = isBusy ? BUSY_LINGER_FACTOR * this.#lingerMs : this.#lingerMs;
    if (isFull || !canShare(piece)) this.flush();
    else this.#cancelLinger ??= clock.later(lingerMs, () => this.flush());
  }
}

function isSameFormat(one: Piece, other: Piece): boolean {
  return one.segment.format === other.segment.format;
}

/** Plain pieces always; of compressed objects only whole ones, which need no memory of what came before. */
function canShare(piece: Piece): boolean {
  return piece.segment.format === 'plain' || (piece.objectOffset === 0 && piece.isLast);
}
