/**
 * Accounting: what has become of every line, from the receipt of its slice to the journal.
 * Takes  events of the source, receipts of slices, refused records, the slices that publishers have settled (src/ring/slices.ts).
 * Gives  journal entries once something is safely delivered; slices back to their parsers once the journal has them; the sums of
 *        the report.
 * Owns   the open objects and slices of the run, and the rule of settlement: a slice is settled when its receipt is there and as many
 *        of its records are acknowledged or refused as were written. Lines + added = blank + filtered + rejected + records, always. Each of the three ways
 *        to settle one is an event: the receipt, a refused record, or the bell that a publisher rings. Nobody looks around for it.
 * Never  does I/O or reads a clock: entries and dead letters go to src/journal/, which decides when they are on the disk.
 */
import type { RejectCode } from '../base/errors.ts';
import type { Damage } from '../inflate/damage.ts';
import type { DeadLetter } from '../journal/dead-letters.ts';
import type { JournalEntry, ObjectEntry, PinnedObject } from '../journal/entries.ts';
import type { PartialObject } from '../journal/state.ts';
import { addTally, tally as newTally, type Tally } from '../journal/tally.ts';
import type { Delivered, RejectedLine, SliceReceipt } from '../parse/setup.ts';
import type { LeftRecords, RefusedRecord } from '../publish/setup.ts';
import { outputOf, SLICE_MASK, SliceOwner } from '../ring/slices.ts';
import type { Segment, SourceObject } from '../source/object.ts';
import { type Counts, newCounts } from './counts.ts';
import { leftPart } from './left-part.ts';
import { countReject, ObjectAccount } from './object-account.ts';

/** Where the accounts are kept for the next process of the run; a dry run keeps none. */
export interface AccountingJournal {
  pin(object: PinnedObject & Pick<ObjectEntry, 'format'>): number;
  append(entry: JournalEntry): void;
}

export interface AccountingOptions {
  readonly journal: AccountingJournal | null;
  readonly parserCount: number;
  /** Hands a dead letter over. */
  readonly onDeadLetter: (deadLetter: DeadLetter) => void;
  /** Digest sums of one refused record, which had been counted as published. */
  readonly digestOf: (key: Uint8Array, data: Uint8Array) => { sumA: bigint; sumB: bigint };
  /** Nothing is sent, so a record is settled when it is scanned. */
  readonly isDryRun: boolean;
}

interface OpenSlice {
  readonly receipt: SliceReceipt;
  readonly account: ObjectAccount;
  readonly tally: Tally;
}

/** Objects that may be open at once; the listing waits while there are more. */
const OBJECTS_BUSY = 57_344;
const NOTHING: Delivered = { done: [], left: [] };

export class Accounting {
  readonly slices: SliceOwner;
  /** Sums of this process. */
  readonly counts: Counts = newCounts();
  /** Settled bytes that no entry covers yet. */
  unwrittenBytes = 0;
  readonly #options: AccountingOptions;
  readonly #objects = new Map<string, ObjectAccount>();
  readonly #earlier = new Map<string, PartialObject>();
  readonly #open = new Map<number, OpenSlice>();
  /** Refused records of slices whose receipt is still to come. */
  readonly #early = new Map<number, RefusedRecord[]>();
  /** Objects with something to write. */
  readonly #unwritten = new Set<ObjectAccount>();
  /** Objects that were given up, with their codes: what still comes of them changes nothing. */
  readonly #failed = new WeakMap<SourceObject, RejectCode>();
  /** Settled slices that no entry covers yet. */
  #settled: SliceReceipt[] = [];
  #waiting: (() => void)[] = [];
  #onSettled: (() => void)[] = [];

  constructor(options: AccountingOptions) {
    this.#options = options;
    this.slices = new SliceOwner(options.parserCount);
  }

  /** Whether anything settled has no entry yet. */
  get hasUnwritten(): boolean {
    return this.#unwritten.size > 0 || this.#settled.length > 0;
  }

  /** Slices whose receipt is there and that are not settled. */
  get openSlices(): number {
    return this.#open.size;
  }

  /** Objects that are begun and not closed. */
  get openObjects(): number {
    return this.#objects.size;
  }

  /** Stored bytes that are settled, those of objects on their way included; records of open slices count in proportion. */
  get doneBytes(): number {
    let bytes = this.counts.objectBytesDone;
    for (const account of this.#objects.values()) bytes += account.doneBytes;
    for (const { receipt, account } of this.#open.values()) {
      if (account.format !== 'plain' || receipt.records === 0) continue;
      const acknowledged = receipt.records - this.slices.missing(receipt.slice);
      bytes += (acknowledged / receipt.records) * (receipt.end - receipt.start);
    }
    return bytes;
  }

  /** The part of `doneBytes` that earlier processes did, as far as this one has come across it. */
  get doneBytesBefore(): number {
    let bytes = this.counts.objectBytesBefore;
    for (const account of this.#objects.values()) bytes += account.doneBytesBefore;
    return bytes;
  }

  /** Resolves when new objects may be begun. */
  async room(): Promise<void> {
    while (this.#objects.size > OBJECTS_BUSY)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when no slice is open. */
  async whenSettled(): Promise<void> {
    while (this.#open.size > 0) await new Promise<void>((resolve) => this.#onSettled.push(resolve));
  }

  /** Remembers what an earlier process has done with an object, before its first segment begins. */
  resume(object: SourceObject, earlier: PartialObject): void {
    this.#earlier.set(nameOf(object), earlier);
  }

  /** What earlier processes have delivered of a compressed object. */
  deliveredBefore(object: SourceObject): Delivered {
    return this.#objects.get(nameOf(object))?.delivered ?? NOTHING;
  }

  /** A segment's first bytes are there. */
  beginSegment(segment: Segment): void {
    const account = this.#account(segment.object);
    account.reading.format = segment.format;
    account.reading.begin('segment');
  }

  /** A segment's last event. */
  endSegment({ object }: Segment): void {
    const account = this.#account(object);
    account.reading.end('segment');
    this.#closeIfDone(account);
  }

  /** A piece of the object goes to a parser. */
  beginPiece(object: SourceObject): void {
    this.#account(object).reading.begin('piece');
  }

  /** A parser has dealt with a piece. @param isWhole A compressed object ends here. */
  endPiece(object: SourceObject, storedBytes: number, isWhole: boolean): void {
    const account = this.#account(object);
    account.reading.endPiece(storedBytes, isWhole);
    this.#closeIfDone(account);
  }

  /** Takes the receipt of a slice: what was written of it is on its way. */
  addSlice(object: SourceObject, receipt: SliceReceipt): void {
    assertSums(receipt);
    const account = this.#account(object);
    const tally = newTally({
      lines: receipt.lines,
      blank: receipt.blank,
      filtered: receipt.filtered,
      added: receipt.added,
      rejected: receipt.rejected,
      records: receipt.records,
      bytes: receipt.recordBytes,
      sumA: receipt.digestA,
      sumB: receipt.digestB,
      codes: receipt.codes ?? {},
    });
    addTally(this.counts.tally, tally);
    account.reading.begin('slice');
    account.reach(receipt.end);
    const open: OpenSlice = { receipt, account, tally };
    this.#open.set(receipt.slice, open);
    const early = this.#early.get(receipt.slice) ?? [];
    this.#early.delete(receipt.slice);
    if (this.#options.isDryRun || this.slices.expect(receipt.slice, receipt.records)) this.#settle(open);
    for (const record of early) this.#refuse(open, record);
  }

  /** Writes the dead letter of a line that a parser has rejected; its slice's receipt counts it. */
  reject({ bucket, key, etag }: SourceObject, line: RejectedLine): void {
    const { code, message, objectOffset: offset, length, data } = line;
    this.#options.onDeadLetter({ bucket, key, etag, offset, length, code, message, data });
  }

  /** A line that was never in a piece because it is too long to be kept. It stands for [start, end). */
  addOversize(object: SourceObject, line: RejectedLine, start: number, end: number): void {
    const tally = newTally({ lines: 1 });
    countReject(tally, line.code);
    addTally(this.counts.tally, tally);
    this.reject(object, line);
    this.#add(this.#account(object), { start, end, tally });
  }

  /** A range in which no line begins. */
  addEmpty(object: SourceObject, start: number, end: number): void {
    this.#add(this.#account(object), { start, end, tally: newTally() });
  }

  /** The stream refused a record for good: it is a reject, and no longer counts as published. */
  refuse(record: RefusedRecord): void {
    const slice = record.slice & SLICE_MASK;
    const open = this.#open.get(slice);
    if (open !== undefined) this.#refuse(open, record);
    else this.#early.set(slice, [...(this.#early.get(slice) ?? []), record]);
  }

  /** The object cannot be carried to its end. Counted once. */
  failObject(object: SourceObject, code: RejectCode, message: string, damage: Damage | null = null): void {
    const account = this.#account(object);
    if (account.failedCode !== null) return;
    account.failedCode = code;
    this.#failed.set(object, code);
    const { bucket, key, etag } = object;
    countReject(this.counts.tally, code);
    const whole = { offset: null, length: null, data: null };
    this.#options.onDeadLetter({ bucket, key, etag, ...whole, code, message, ...(damage && { damage }) });
    this.#closeIfDone(account);
  }

  /** Whether an object's remaining bytes are no longer needed. */
  hasFailed(object: SourceObject): boolean {
    return this.#failed.has(object);
  }

  /** All of the object was delivered by earlier processes. */
  skipObject(object: SourceObject): void {
    const earlier = this.#earlier.get(nameOf(object));
    // The process that journaled its last range died before it could say that the object is done.
    if (earlier) this.#options.journal?.append({ kind: 'object-done', id: earlier.id });
    this.#earlier.delete(nameOf(object));
    this.counts.objectsSkipped++;
    this.counts.objectBytesDone += object.size;
    this.counts.objectBytesBefore += object.size;
  }

  /** Takes the slices that publishers have settled, once they have rung. @returns Whether there were any. */
  takeSettled(): boolean {
    const slices = this.slices.takeSettled();
    for (const slice of slices) this.#settle(this.#open.get(slice)!);
    return slices.length > 0;
  }

  /** Writes entries for everything that is settled. @returns What to pass to `release` once they are on the disk. */
  writeEntries(): readonly SliceReceipt[] {
    for (const account of this.#unwritten) this.#write(account);
    this.#unwritten.clear();
    const written = this.#settled;
    this.#settled = [];
    this.unwrittenBytes = 0;
    return written;
  }

  /** The journal has these slices: a kill repeats none of their records. */
  release(slices: readonly SliceReceipt[]): void {
    for (const { slice, bytes } of slices) this.slices.giveBack(slice, bytes);
  }

  /**
   * For an orderly stop: writes entries for slices that leave some records to the next process. Nothing is in flight by then.
   * Slices without a stored record are left out: the next process scans them again.
   */
  leave(left: ReadonlyMap<number, LeftRecords>): void {
    for (const { receipt, account, tally } of this.#open.values()) {
      const { slice, start, end } = receipt;
      const part = leftPart(receipt, left.get(slice), this.slices.missing(slice));
      if (part === null) continue;
      addTally(tally, newTally(part.tally), -1);
      this.#options.journal?.append({
        kind: 'left',
        id: this.#pin(account),
        start,
        end,
        ...part.places,
        tally,
      });
    }
  }

  #settle(open: OpenSlice): void {
    const { receipt, account, tally } = open;
    this.#open.delete(receipt.slice);
    account.reading.end('slice');
    this.#settled.push(receipt);
    const { start, end } = receipt;
    if (start < end) this.#add(account, { start, end, tally });
    else this.#closeIfDone(account);
    if (this.#open.size === 0) for (const resolve of this.#onSettled.splice(0)) resolve();
  }

  #add(account: ObjectAccount, part: { start: number; end: number; tally: Tally }): void {
    account.add(part);
    const bytes = part.end - part.start;
    this.counts.settledBytes += bytes;
    this.counts.settledRecords += part.tally.records;
    this.unwrittenBytes += bytes;
    this.#unwritten.add(account);
    this.#closeIfDone(account);
  }

  #refuse(open: OpenSlice, record: RefusedRecord): void {
    const { objectOffset: offset, key, data, message } = record;
    const output = outputOf(record.slice);
    const { object } = open.account;
    this.#options.onDeadLetter({
      bucket: object.bucket,
      key: object.key,
      etag: object.etag,
      offset,
      ...(output > 0 && { output }),
      ...(record.isRaw && { raw: true }),
      length: data.byteLength,
      code: 'PUT_REFUSED',
      message,
      data,
    });
    const { sumA, sumB } = this.#options.digestOf(key, data);
    const part = newTally({ records: 1, bytes: key.byteLength + data.byteLength, sumA, sumB });
    for (const sums of [open.tally, this.counts.tally]) {
      addTally(sums, part, -1);
      countReject(sums, 'PUT_REFUSED');
    }
    if (this.slices.refuse(open.receipt.slice)) this.#settle(open);
  }

  #closeIfDone(account: ObjectAccount): void {
    const hasFailed = account.failedCode !== null && account.reading.isIdle;
    if (!account.isWhole && !hasFailed) return;
    if (!this.#objects.delete(nameOf(account.object))) return;
    if (account.isLate) return;
    this.#unwritten.add(account);
    this.counts.objectBytesDone += account.object.size;
    this.counts.objectBytesBefore += account.doneBytesBefore;
    if (hasFailed) this.counts.objectsFailed++;
    else this.#countDone(account.object);
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #countDone({ proof }: SourceObject): void {
    this.counts.objectsDone++;
    if (proof === 'proven') this.counts.objectsProven++;
    if (proof === 'unproven') this.counts.objectsUnproven++;
  }

  #write(account: ObjectAccount): void {
    const { journal } = this.#options;
    const parts = account.takeParts();
    if (journal === null) return;
    const isClosed = !this.#objects.has(nameOf(account.object));
    if (isClosed && (account.failedCode === null || account.failedCode === 'OBJECT_CHANGED')) {
      if (account.failedCode !== null) countReject(account.tally, account.failedCode);
      journal.append(account.doneEntry());
      return;
    }
    for (const { start, end, tally } of parts)
      journal.append({ kind: 'segment', id: this.#pin(account), start, end, tally });
    const { failedCode } = account;
    // The next process tries it again, and decides whether it gets a dead letter again.
    if (isClosed) journal.append({ kind: 'object-failed', id: this.#pin(account), failed: failedCode! });
  }

  #pin(account: ObjectAccount): number {
    if (account.id === null) {
      const { bucket, key, etag, size } = account.object;
      const format = account.format === null ? {} : { format: account.format };
      account.id = this.#options.journal!.pin({ bucket, key, etag, size, ...format });
    }
    return account.id;
  }

  #account(object: SourceObject): ObjectAccount {
    const name = nameOf(object);
    let account = this.#objects.get(name);
    if (account === undefined) {
      account = new ObjectAccount(object, this.#earlier.get(name) ?? null);
      account.failedCode = this.#failed.get(object) ?? null;
      account.isLate = account.failedCode !== null;
      this.#earlier.delete(name);
      this.#objects.set(name, account);
    }
    return account;
  }
}

/** What a parser says of a slice holds together: every line of it has become something that is counted. */
function assertSums({ lines, added, blank, filtered, rejected, records }: SliceReceipt): void {
  if (lines + added === blank + filtered + rejected + records) return;
  const found = `${blank} blank, ${filtered} filtered, ${rejected} rejected, ${records} records`;
  throw new Error(`A parser's sums do not add up: ${lines} lines, ${added} added; ${found}`);
}

function nameOf({ bucket, key, etag, part }: Pick<SourceObject, 'bucket' | 'key' | 'etag' | 'part'>): string {
  return `${bucket}\n${key}\n${etag}\n${part ?? ''}`;
}
