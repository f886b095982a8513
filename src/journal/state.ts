/**
 * State: what a journal says, kept small.
 * Takes  journal entries, in order; the same code reads an old journal and follows a running one.
 * Gives  for each listed object: settled, partly done, changed or unknown; the sums of all processes of the run.
 * Owns   details of unfinished objects only. A settled object leaves 12 bytes (settled-set.ts): 10 million cost about 200 MB.
 * Never  does I/O.
 */

import { isSameEtag } from '../aws/etag.ts';
import { mergeBirths, type StreamBirth, UNKNOWN_BIRTH } from '../aws/stream-birth.ts';
import {
  addRange,
  type LeftRange,
  outputsAt,
  type Range,
  subtractLeft,
  type WorkRange,
  workWithin,
} from '../ring/ranges.ts';
import type {
  JournalEntry,
  LeftEntry,
  LimitEntry,
  ObjectDoneEntry,
  ObjectEntry,
  ObjectFormat,
  PinnedObject,
  PulseEntry,
  RunEntry,
} from './entries.ts';
import { FirstLines } from './first-lines.ts';
import { SettledSet } from './settled-set.ts';
import { addTally, type Tally, tally } from './tally.ts';

/** An object on which work has begun and not ended. */
export interface PartialObject extends PinnedObject {
  readonly id: number;
  /** Null: an earlier program has not written it down. */
  readonly format: ObjectFormat | null;
  /** Sum of everything journaled for it. */
  readonly tally: Tally;
  /** Disjoint and sorted, with neighbours merged. */
  readonly done: readonly Range[];
  /** Ranges of which an orderly stop has left some records. Disjoint, sorted, and not in `done`. */
  readonly left: readonly LeftRange[];
  /** Why the last process gave it up, or null. */
  readonly failed: string | null;
}

/**
 * `settled`: delivered, or given up with its dead letter; leave it alone.
 * `partial`: go on with what `workOf` says.
 * `changed`: the run knows this key with another ETag or size. `pinned` is that version if it is unfinished.
 * `unknown`: not begun, or new.
 */
export type Lookup =
  | { readonly kind: 'settled' }
  | { readonly kind: 'partial'; readonly object: PartialObject }
  | { readonly kind: 'changed'; readonly pinned: PartialObject | null }
  | { readonly kind: 'unknown' };

interface MutablePartial extends PartialObject {
  format: ObjectFormat | null;
  done: Range[];
  left: LeftRange[];
  failed: string | null;
  /** Of `progress` entries: what they cover, and its sum. */
  progress: { offset: number; tally: Tally };
}

export interface Totals {
  readonly tally: Tally;
  readonly objectsDone: number;
  readonly objectsFailed: number;
  /** Objects that the next process tries again, by the code of the dead letter that each has; they are not part of `tally`. */
  readonly failedByCode: Readonly<Record<string, number>>;
  /** Stored bytes of settled objects. */
  readonly objectBytesDone: number;
}

/** Stands for the size in the set's second name of an object with dead letters, which do not carry one. */
const ANY_SIZE = -1;

export class JournalState {
  header: RunEntry | null = null;
  /** A program of a newer format has gone on with this journal. */
  isContinued = false;
  /** Shard id to the last sequence number before the run, null for a shard without records then. */
  readonly positions = new Map<string, { sequenceNumber: string | null; atMs: number }>();
  #limit: { readonly firstLines: FirstLines; readonly objects: number } | null = null;
  listed: { objects: number; bytes: number; complete: boolean } | null = null;
  /** Records that all processes of the run sent again though they may have been on the stream. */
  readonly again = { ambiguous: 0, resent: 0 };
  /** Processes that have opened the journal. */
  processes = 0;
  pid: number | null = null;
  /** The stream that the run puts to. */
  stream: StreamBirth = UNKNOWN_BIRTH;
  /** Whether any process paid for its requests. */
  requestPayer = false;
  /** Where the last process put its dead letters, or null. */
  deadLetter: string | null = null;
  createdAtMs = 0;
  startedAtMs = 0;
  updatedAtMs = 0;
  /** What the last process that wrote any has seen acknowledged, or null. */
  pulse: (PulseEntry & { readonly atMs: number }) | null = null;
  /** How the last process closed the journal, or null if it did not, or has not yet. */
  ended: { status: string; complete: boolean } | null = null;
  readonly #totals = {
    tally: tally(),
    objectsDone: 0,
    objectsFailed: 0,
    failedByCode: {} as Record<string, number>,
    objectBytesDone: 0,
  };
  readonly #partial = new Map<number, MutablePartial>();
  readonly #partialByKey = new Map<string, MutablePartial>();
  readonly #settled: SettledSet | null;
  /** Objects that were given up for good. */
  readonly #failed: SettledSet | null;
  #nextId = 0;

  /** @param options.rememberSettled False saves the settled objects' memory where nobody will look one up (`millrace status`). */
  constructor(options: { rememberSettled?: boolean } = {}) {
    this.#settled = options.rememberSettled === false ? null : new SettledSet();
    this.#failed = this.#settled && new SettledSet();
  }

  /** Of `--limit`; null also where a process ended before it had named all of their objects. */
  get firstLines(): FirstLines | null {
    return this.#limit?.firstLines.objectCount === this.#limit?.objects
      ? (this.#limit?.firstLines ?? null)
      : null;
  }
  /** Sums over all processes of the run. Live: they change with the next entry. */
  get totals(): Totals {
    return this.#totals;
  }
  /** A copy of the totals as they are now. */
  totalsNow(): Totals {
    const { failedByCode } = this.#totals;
    return { ...this.#totals, failedByCode: { ...failedByCode }, tally: tally(this.#totals.tally) };
  }
  /** What all processes have seen acknowledged, records that were sent again after a kill included: at least so much, at that time. */
  get acknowledged(): { readonly records: number; readonly bytes: number; readonly atMs: number } {
    const { tally } = this.#totals;
    const { records = 0, bytes = 0, before, atMs = 0 } = this.pulse ?? {};
    const pulsed = { records: records + (before?.records ?? 0), bytes: bytes + (before?.bytes ?? 0) };
    // What is journaled was acknowledged, and may be younger than the pulse, or older than pulses.
    if (tally.records > pulsed.records)
      return { records: tally.records, bytes: Math.max(tally.bytes, pulsed.bytes), atMs: this.updatedAtMs };
    return { ...pulsed, atMs: this.pulse === null ? this.updatedAtMs : atMs };
  }
  get nextId(): number {
    return this.#nextId;
  }
  get partials(): Iterable<PartialObject> {
    return this.#partial.values();
  }
  get partialCount(): number {
    return this.#partial.size;
  }
  partial(id: number): PartialObject | undefined {
    return this.#partial.get(id);
  }

  lookup(object: PinnedObject): Lookup {
    const begun = this.#partialByKey.get(nameOf(object));
    if (begun !== undefined && isSameEtag(begun.etag, object.etag) && begun.size === object.size) {
      return { kind: 'partial', object: begun };
    }
    const found = this.#settled?.find(object) ?? 'absent';
    if (found === 'exact') return { kind: 'settled' };
    if (begun !== undefined && !isUntouched(begun)) return { kind: 'changed', pinned: begun };
    return found === 'other' ? { kind: 'changed', pinned: null } : { kind: 'unknown' };
  }

  /**
   * Whether a dead letter belongs to work that is journaled as done, so that nobody will write it again.
   * @param deadLetter `offset` null: it is about the object as a whole.
   */
  covers(deadLetter: {
    bucket: string;
    key: string;
    etag: string;
    offset: number | null;
    output?: number;
  }): boolean {
    const begun = this.#partialByKey.get(nameOf(deadLetter));
    if (begun !== undefined && isSameEtag(begun.etag, deadLetter.etag)) {
      // An object that was given up is tried again, and its dead letter written again if that fails.
      const { offset } = deadLetter;
      if (offset === null) return false;
      if (begun.done.some(([start, end]) => offset >= start && offset < end)) return true;
      const left = begun.left.find(({ start, end }) => offset >= start && offset < end);
      return left !== undefined && !outputsAt(left, offset).includes(deadLetter.output ?? 0);
    }
    return this.#settled !== null && this.#settled.find({ ...deadLetter, size: ANY_SIZE }) === 'exact';
  }

  /** Whether the run could not carry an object of this name, in whatever version, to its end. */
  hasFailed(name: { readonly bucket: string; readonly key: string }): boolean {
    if ((this.#partialByKey.get(nameOf(name))?.failed ?? null) !== null) return true;
    return this.#failed !== null && this.#failed.find({ ...name, etag: '', size: ANY_SIZE }) !== 'absent';
  }

  /** @throws {Error} When the entry contradicts an earlier one; the message says how. Nothing is changed then. */
  apply(entry: JournalEntry, atMs: number): void {
    switch (entry.kind) {
      case 'run':
        if (this.header !== null) throw new Error('a second header');
        this.header = entry;
        this.createdAtMs = atMs;
        break;
      case 'start':
        this.processes += 1;
        this.pid = entry.pid;
        if (entry.stream !== undefined) this.stream = mergeBirths(this.stream, entry.stream);
        this.startedAtMs = atMs;
        this.ended = null;
        this.requestPayer ||= entry.requestPayer ?? false;
        this.deadLetter = entry.deadLetter ?? this.deadLetter;
        this.#tryAgain();
        break;
      case 'format':
        this.isContinued = true;
        break;
      case 'position':
        this.positions.set(entry.shardId, { sequenceNumber: entry.sequenceNumber, atMs: entry.atMs });
        break;
      case 'limit':
        this.#limit = limitOf(entry);
        break;
      case 'within':
        if (this.#limit === null) throw new Error('objects of no limit');
        if (this.#settled !== null) this.#limit.firstLines.addWithin(entry);
        break;
      case 'listed':
        this.listed = { objects: entry.objects, bytes: entry.bytes, complete: entry.complete };
        break;
      case 'object':
        this.#begin(entry);
        break;
      case 'segment':
        this.#segment(entry.id, [entry.start, entry.end], entry.tally);
        break;
      case 'left':
        this.#left(entry);
        break;
      case 'object-failed':
        this.#fail(entry.id, entry.failed);
        break;
      case 'pulse':
        this.pulse = { ...entry, atMs };
        break;
      case 'progress':
        this.#progress(entry.id, entry.offset, entry.tally);
        break;
      case 'object-done':
        this.#settle(entry);
        break;
      case 'again':
        this.again.ambiguous += entry.ambiguous;
        this.again.resent += entry.resent;
        break;
      case 'end':
        this.ended = { status: entry.status, complete: entry.complete };
        break;
    }
    this.updatedAtMs = atMs;
  }

  #begin(entry: ObjectEntry): void {
    if (entry.id < this.#nextId) throw new Error(`object ${entry.id} begins twice`);
    const { id, bucket, key, etag, size, format = null } = entry;
    const before = this.#partialByKey.get(nameOf(entry));
    if (before !== undefined && isUntouched(before)) this.#partial.delete(before.id);
    const object = {
      id,
      bucket,
      key,
      etag,
      size,
      format,
      tally: tally(),
      done: [],
      left: [],
      failed: null,
      progress: { offset: 0, tally: tally() },
    };
    this.#partial.set(id, object);
    this.#partialByKey.set(nameOf(entry), object);
    this.#nextId = id + 1;
  }

  #known(id: number): MutablePartial {
    const object = this.#partial.get(id);
    if (object === undefined) throw new Error(`object ${id} is not begun, or already done`);
    return object;
  }

  #segment(id: number, [start, end]: Range, part: Tally): void {
    const object = this.#known(id);
    const done = addRange(object.done, [start, end]);
    if (done === null) throw new Error(`range ${start} to ${end} of object ${id} is done twice`);
    object.done = done;
    // Format 1 wrote ranges of plain objects alone.
    if (object.progress.offset === 0) object.format ??= 'plain';
    object.left = subtractLeft(object.left, start, end);
    addTally(object.tally, part);
    addTally(this.#totals.tally, part);
  }

  #left({ id, start, end, offsets, outputs, tally: part }: LeftEntry): void {
    const object = this.#known(id);
    if (addRange(object.done, [start, end]) === null)
      throw new Error(`range ${start} to ${end} of object ${id} is done already`);
    const left = { start, end, offsets, ...(outputs && { outputs }) };
    object.left = [...subtractLeft(object.left, start, end), left].sort(
      (one, other) => one.start - other.start,
    );
    addTally(object.tally, part);
    addTally(this.#totals.tally, part);
  }

  #progress(id: number, offset: number, part: Tally): void {
    const object = this.#known(id);
    const { progress } = object;
    const rest = offset > progress.offset ? addRange(object.done, [progress.offset, offset]) : object.done;
    if (offset < progress.offset || rest === null) {
      throw new Error(`progress of object ${id} to ${offset} overlaps what is done`);
    }
    for (const sum of [object.tally, this.#totals.tally]) {
      addTally(sum, progress.tally, -1);
      addTally(sum, part);
    }
    object.done = [...rest];
    object.progress = { offset, tally: part };
  }

  #fail(id: number, code: string): void {
    const object = this.#known(id);
    if (object.failed !== null) throw new Error(`object ${id} fails twice`);
    object.failed = code;
    this.#totals.objectsFailed += 1;
    this.#totals.objectBytesDone += object.size;
    this.#totals.failedByCode[code] = (this.#totals.failedByCode[code] ?? 0) + 1;
  }

  /** A new process begins: what the one before gave up is on its way again. */
  #tryAgain(): void {
    for (const object of this.#partial.values()) {
      if (object.failed === null) continue;
      object.failed = null;
      this.#totals.objectsFailed -= 1;
      this.#totals.objectBytesDone -= object.size;
    }
    this.#totals.failedByCode = {};
  }

  #settle(entry: ObjectDoneEntry): void {
    const begun = entry.id === undefined ? undefined : this.#known(entry.id);
    const object = begun ?? entry.object;
    if (object === undefined) throw new Error('an object is done that has no name');
    const whole = entry.tally ?? begun?.tally ?? tally();
    if (begun !== undefined) {
      addTally(this.#totals.tally, begun.tally, -1);
      this.#partial.delete(begun.id);
      if (this.#partialByKey.get(nameOf(begun)) === begun) this.#partialByKey.delete(nameOf(begun));
    }
    addTally(this.#totals.tally, whole);
    this.#settled?.add(object);
    // A dead letter has no size: its ETag alone must find the object, see covers().
    if (whole.rejected > 0 || entry.failed !== undefined) this.#settled?.add({ ...object, size: ANY_SIZE });
    if (entry.failed !== undefined) this.#failed?.add(object);
    if (entry.failed === undefined) this.#totals.objectsDone += 1;
    else this.#totals.objectsFailed += 1;
    this.#totals.objectBytesDone += object.size;
  }
}

function limitOf({ lines, taken, more, cut, objects }: LimitEntry) {
  return { firstLines: new FirstLines({ lines, taken, more, cut }), objects };
}

/** Nothing of it was delivered: another version of it may take its place. */
function isUntouched({ done, left }: PartialObject): boolean {
  return done.length === 0 && left.length === 0;
}

/** What is left of an unfinished object, in order. @param end Infinity where the decompressed size is not known. */
export function workOf({ done, left }: Pick<PartialObject, 'done' | 'left'>, end: number): WorkRange[] {
  return workWithin(0, end, done, left);
}

function nameOf(object: { readonly bucket: string; readonly key: string }): string {
  return `${object.bucket}\n${object.key}`;
}
