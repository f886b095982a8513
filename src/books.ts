/**
 * Books: what has become of every line, object by object, from the first byte to the journal.
 * Takes  events of the source (segments begun and ended, objects failed), tallies of parsers, dead letters, settled units.
 * Gives  journal entries once something is safely delivered; the sums of the report.
 * Owns   the open objects of the run. An object is closed when all its segments, or all parts of its compressed stream, are
 *        settled; or, when it cannot be read to its end, when all that was read of it is settled.
 * Never  does I/O of its own: entries and letters go to src/journal/, which decides when they are on the disk.
 */

import type { RejectCode } from './errors.ts';
import type { DeadLetter } from './journal/dead-letters.ts';
import type { JournalEntry, PinnedObject } from './journal/entries.ts';
import type { PartialObject } from './journal/state.ts';
import { addTally, tally as newTally, type Tally } from './journal/tally.ts';
import { Ledger } from './ledger.ts';
import type { Damage } from './source/damage.ts';
import type { Segment, SourceObject } from './source/object.ts';
import type { PieceTally, RejectedLine } from './threads/parse-setup.ts';

/** Where the books are kept for the next process of the run; a dry run keeps none. */
export interface BooksJournal {
  pin(object: PinnedObject): number;
  append(entry: JournalEntry): void;
}

/** One object on its way. */
interface ObjectBook {
  readonly object: SourceObject;
  /** Id in the journal, once it has more than one entry there. */
  id: number | null;
  readonly earlier: PartialObject | null;
  /** Sum of everything that is settled, earlier processes included. */
  readonly tally: Tally;
  segmentsBegun: number;
  segmentsEnded: number;
  /** Plain: segments that are settled, earlier processes included, of `segmentCount`. */
  segmentsSettled: number;
  segmentCount: number;
  unitsOpen: number;
  /** Compressed: parts in the order of their bytes, the first of which is the first that is not journaled. */
  readonly parts: UnitBook[];
  isStreamEnded: boolean;
  failedCode: RejectCode | null;
}

/** One accounting unit. */
interface UnitBook {
  readonly book: ObjectBook;
  /** Plain: the segment. Compressed: null. */
  readonly segment: Segment | null;
  readonly tally: Tally;
  /** Offset behind the part's last line. Plain: the segment's end, or where it was cut. */
  endOffset: number;
  isSettled: boolean;
}

/** Sums of this process. */
export interface Counts {
  objectsDone: number;
  objectsFailed: number;
  /** Of those that are done: how many had the checksum that S3 holds, and how many others this process has read from S3. */
  objectsProven: number;
  objectsUnproven: number;
  objectsSkipped: number;
  /** Stored bytes of objects that this process closed or skipped. */
  objectBytesDone: number;
  readonly tally: Tally;
}

export interface BooksOptions {
  readonly journal: BooksJournal | null;
  /** Hands a dead letter over. */
  readonly onLetter: (letter: DeadLetter) => void;
  /** Sums of the digest of one refused record: it was counted as published and is not. */
  readonly digestOf: (key: Uint8Array, data: Uint8Array) => { sumA: bigint; sumB: bigint };
  /** Nothing is sent, so a record is settled when it is scanned. */
  readonly isDryRun: boolean;
  readonly segmentBytes: number;
}

export class Books {
  readonly ledger = new Ledger<UnitBook>();
  readonly counts: Counts = {
    objectsDone: 0,
    objectsFailed: 0,
    objectsProven: 0,
    objectsUnproven: 0,
    objectsSkipped: 0,
    objectBytesDone: 0,
    tally: newTally(),
  };
  readonly #options: BooksOptions;
  readonly #open = new Map<string, ObjectBook>();
  readonly #earlier = new Map<string, PartialObject>();

  constructor(options: BooksOptions) {
    this.#options = options;
  }

  /** Objects that are begun and not closed. */
  get openObjects(): Iterable<SourceObject> {
    return [...this.#open.values()].map((book) => book.object);
  }

  /** Remembers what an earlier process has done with an object, before its first segment begins. */
  resume(object: SourceObject, earlier: PartialObject): void {
    this.#earlier.set(nameOf(object), earlier);
  }

  /** Where the lines of a compressed object that are not delivered yet begin. */
  fromOffset(object: SourceObject): number {
    return this.#earlier.get(nameOf(object))?.offset ?? 0;
  }

  /** A segment's first bytes are there. */
  beginSegment(segment: Segment): void {
    const book = this.#book(segment);
    book.segmentsBegun++;
    if (segment.format !== 'plain') return;
    segment.unit = this.#openUnit(book, segment, segment.end);
  }

  /** Opens the unit of the next part of a compressed object. */
  beginPart(segment: Segment): number {
    const book = this.#book(segment);
    const unit = this.#openUnit(book, null, this.fromOffset(segment.object));
    book.parts.push(this.ledger.item(unit));
    return unit;
  }

  /** Adds what a parser found in a piece. */
  addTally(found: PieceTally): void {
    const unit = this.ledger.item(found.unit);
    if (unit.segment === null) unit.endOffset = Math.max(unit.endOffset, found.endOffset);
    const part = newTally({
      lines: found.lines,
      blank: found.blank,
      records: found.records,
      bytes: found.recordBytes,
      sumA: found.digestA,
      sumB: found.digestB,
    });
    addTally(unit.tally, part);
    addTally(this.counts.tally, part);
    this.ledger.addScanned(found.unit, this.#options.isDryRun ? 0 : found.records, found.rejected);
  }

  /** The object that an open unit belongs to. */
  objectOf(unit: number): SourceObject {
    return this.ledger.item(unit).book.object;
  }

  /** No parser will find anything more in this unit. */
  closeScan(unit: number): void {
    this.ledger.closeScan(unit);
  }

  /** Writes the dead letter of a line. */
  reject(line: RejectedLine): void {
    const { book, tally } = this.ledger.item(line.unit);
    const { bucket, key, etag } = book.object;
    const { code, message, objectOffset: offset, length, data } = line;
    // Counted before the letter is handed over: who takes it compares the counts with --max-rejects.
    for (const sums of [tally, this.counts.tally]) countReject(sums, code);
    this.#options.onLetter({ bucket, key, etag, offset, length, code, message, data });
    this.ledger.addLetter(line.unit);
  }

  /** A line that was never in a piece because it is too long to be kept. */
  rejectOversize(line: RejectedLine): void {
    this.ledger.addScanned(line.unit, 0, 1);
    const { tally } = this.ledger.item(line.unit);
    for (const sums of [tally, this.counts.tally]) sums.lines++;
    this.reject(line);
  }

  /** The stream refused a record for good: it is a reject, and no longer one of the published. */
  refuse(refused: {
    unit: number;
    objectOffset: number;
    key: Uint8Array;
    data: Uint8Array;
    message: string;
  }): void {
    const { book, tally } = this.ledger.item(refused.unit);
    const { bucket, key, etag } = book.object;
    const { objectOffset: offset, data, message } = refused;
    this.#options.onLetter({
      bucket,
      key,
      etag,
      offset,
      length: data.byteLength,
      code: 'PUT_REFUSED',
      message,
      data,
    });
    const { sumA, sumB } = this.#options.digestOf(refused.key, data);
    const part = newTally({ records: 1, bytes: refused.key.byteLength + data.byteLength, sumA, sumB });
    for (const sums of [tally, this.counts.tally]) {
      addTally(sums, part, -1);
      countReject(sums, 'PUT_REFUSED');
    }
    this.ledger.addRefused(refused.unit);
  }

  /** A segment's last event. With an error its lines are incomplete, and the object has failed or will. */
  endSegment(segment: Segment, hasFailed: boolean): void {
    const book = this.#book(segment);
    book.segmentsEnded++;
    if (segment.format !== 'plain' && !hasFailed) book.isStreamEnded = true;
    this.#closeIfSettled(book);
  }

  /** The process takes no more of a plain segment: it settles up to `offset`, behind its last line that was scanned. */
  cutSegment(segment: Segment, offset: number): void {
    this.closeScan(segment.unit);
    if (offset >= segment.end) this.endSegment(segment, false);
    else this.ledger.item(segment.unit).endOffset = offset;
  }

  /** The object cannot be carried to its end. Counted once. */
  failObject(object: SourceObject, code: RejectCode, message: string, damage: Damage | null = null): void {
    const book = this.#open.get(nameOf(object)) ?? this.#openBook(object, 0);
    if (book.failedCode !== null) return;
    book.failedCode = code;
    const { bucket, key, etag } = object;
    for (const sums of [book.tally, this.counts.tally]) countReject(sums, code);
    const whole = { offset: null, length: null, data: null };
    this.#options.onLetter({ bucket, key, etag, ...whole, code, message, ...(damage && { damage }) });
    this.#closeIfSettled(book);
  }

  /** Whether an object's further bytes are of no use any more. */
  hasFailed(object: SourceObject): boolean {
    return (this.#open.get(nameOf(object))?.failedCode ?? null) !== null;
  }

  /** All of the object was delivered by earlier processes. */
  skipObject(object: SourceObject): void {
    const earlier = this.#earlier.get(nameOf(object));
    // The process that journaled its last segment died before it said so.
    if (earlier) this.#options.journal?.append({ kind: 'object-done', id: earlier.id });
    this.#earlier.delete(nameOf(object));
    this.counts.objectsSkipped++;
    this.counts.objectBytesDone += object.size;
  }

  /** Journals what is settled since the last call. @returns Whether anything was. */
  settle(): boolean {
    const settled = this.ledger.takeSettled();
    for (const unit of settled) {
      unit.isSettled = true;
      unit.book.unitsOpen--;
      if (unit.segment) this.#settleSegment(unit.book, unit.segment, unit);
      else this.#settleParts(unit.book);
      this.#closeIfSettled(unit.book);
    }
    return settled.length > 0;
  }

  #settleSegment(book: ObjectBook, { start, end }: Segment, { endOffset, tally }: UnitBook): void {
    addTally(book.tally, tally);
    // Of a failed object no further segment counts as done: its last line may be missing.
    if (book.failedCode !== null) return;
    if (endOffset === end) {
      book.segmentsSettled++;
      if (book.segmentCount === 1) return;
    }
    this.#options.journal?.append({ kind: 'segment', id: this.#pin(book), start, end: endOffset, tally });
  }

  /** Moves the watermark over every settled part that has no unsettled one before it. */
  #settleParts(book: ObjectBook): void {
    let offset: number | null = null;
    while (book.parts[0]?.isSettled) {
      const part = book.parts.shift()!;
      addTally(book.tally, part.tally);
      offset = part.endOffset;
    }
    const isLast = book.parts.length === 0 && book.isStreamEnded;
    if (offset === null || isLast || book.failedCode !== null) return;
    this.#options.journal?.append({
      kind: 'progress',
      id: this.#pin(book),
      offset,
      tally: newTally(book.tally),
    });
  }

  #closeIfSettled(book: ObjectBook): void {
    if (book.unitsOpen > 0 || book.segmentsEnded < book.segmentsBegun) return;
    const isWhole =
      book.isStreamEnded || (book.segmentCount > 0 && book.segmentsSettled >= book.segmentCount);
    if (!isWhole && book.failedCode === null) return;
    if (!this.#open.delete(nameOf(book.object))) return;
    this.#earlier.delete(nameOf(book.object));
    this.counts.objectBytesDone += book.object.size;
    if (book.failedCode !== null) this.counts.objectsFailed++;
    else {
      this.counts.objectsDone++;
      if (book.object.proof === 'proven') this.counts.objectsProven++;
      if (book.object.proof === 'unproven') this.counts.objectsUnproven++;
    }
    const { bucket, key, etag, size } = book.object;
    const named = book.id === null ? { object: { bucket, key, etag, size } } : { id: book.id };
    const failed = book.failedCode === null ? {} : { failed: book.failedCode };
    this.#options.journal?.append({ kind: 'object-done', ...named, tally: book.tally, ...failed });
  }

  #pin(book: ObjectBook): number {
    if (book.id === null) {
      const { bucket, key, etag, size } = book.object;
      book.id = this.#options.journal!.pin({ bucket, key, etag, size });
    }
    return book.id;
  }

  #openUnit(book: ObjectBook, segment: Segment | null, endOffset: number): number {
    book.unitsOpen++;
    return this.ledger.open({ book, segment, tally: newTally(), endOffset, isSettled: false });
  }

  #book(segment: Segment): ObjectBook {
    const book = this.#open.get(nameOf(segment.object)) ?? this.#openBook(segment.object, segment.count);
    if (segment.format === 'plain') book.segmentCount = segment.count;
    return book;
  }

  #openBook(object: SourceObject, segmentCount: number): ObjectBook {
    const earlier = this.#earlier.get(nameOf(object)) ?? null;
    const book: ObjectBook = {
      object,
      id: earlier?.id ?? null,
      earlier,
      tally: newTally(earlier?.tally),
      segmentsBegun: 0,
      segmentsEnded: 0,
      segmentsSettled: earlier ? segmentsDone(earlier, this.#options.segmentBytes) : 0,
      segmentCount,
      unitsOpen: 0,
      parts: [],
      isStreamEnded: false,
      failedCode: null,
    };
    this.#open.set(nameOf(object), book);
    return book;
  }
}

function countReject(sums: Tally, code: RejectCode): void {
  sums.rejected++;
  sums.codes[code] = (sums.codes[code] ?? 0) + 1;
}

/** Whole segments among what is done. */
function segmentsDone({ done, size }: PartialObject, segmentBytes: number): number {
  let count = 0;
  for (const [start, end] of done) {
    const behind = end >= size ? Math.ceil(size / segmentBytes) : Math.floor(end / segmentBytes);
    count += Math.max(0, behind - Math.ceil(start / segmentBytes));
  }
  return count;
}

function nameOf({ bucket, key, etag, part }: Pick<SourceObject, 'bucket' | 'key' | 'etag' | 'part'>): string {
  return `${bucket}\n${key}\n${etag}\n${part ?? ''}`;
}
