/**
 * State: what a journal says, kept small.
 * Takes  journal entries, in order; the same code reads an old journal and follows a running one.
 * Gives  for each listed object: settled, partly done, changed or unknown; the sums of all processes of the run.
 * Owns   details of unfinished objects only. A settled object leaves 12 bytes (settled-set.ts): 10 million cost about 200 MB.
 * Never  does I/O.
 */

import { isSameEtag } from '../aws/etag.ts';
import { mergeBirths, type StreamBirth, UNKNOWN_BIRTH } from '../aws/stream-birth.ts';
import type { JournalEntry, ObjectDoneEntry, PinnedObject, RunEntry } from './entries.ts';
import { SettledSet } from './settled-set.ts';
import { addTally, type Tally, tally } from './tally.ts';

/** [start, end) in bytes of the (decompressed) object. */
export type Range = readonly [start: number, end: number];

/** An object on which work has begun and not ended. */
export interface PartialObject extends PinnedObject {
  readonly id: number;
  /** Sum of everything journaled for it. */
  readonly tally: Tally;
  /** Disjoint and sorted, with neighbours merged. */
  readonly done: readonly Range[];
  /** Contiguous watermark from `progress` entries: everything before it is done. 0 when there was none. */
  readonly offset: number;
  /** Tally of [0, offset). A process that goes on from there counts on from this. */
  readonly progressTally: Tally;
}

/**
 * `settled`: delivered, or given up with its dead letter; leave it alone.
 * `partial`: go on with what `remaining` says.
 * `changed`: the run knows this key with another ETag or size. `pinned` is that version if it is unfinished.
 * `unknown`: not begun, or new.
 */
export type Lookup =
  | { readonly kind: 'settled' }
  | { readonly kind: 'partial'; readonly object: PartialObject }
  | { readonly kind: 'changed'; readonly pinned: PartialObject | null }
  | { readonly kind: 'unknown' };

interface MutablePartial extends PartialObject {
  done: Range[];
  offset: number;
  progressTally: Tally;
}

export interface Totals {
  readonly tally: Tally;
  readonly objectsDone: number;
  readonly objectsFailed: number;
  /** Stored bytes of settled objects. */
  readonly objectBytesDone: number;
}

/** Stands for the size in the set's second name of an object with dead letters, which do not carry one. */
const ANY_SIZE = -1;

export class JournalState {
  header: RunEntry | null = null;
  /** Shard id to the last sequence number before the run, null for a shard without records then. */
  readonly positions = new Map<string, { sequenceNumber: string | null; atMs: number }>();
  listed: { objects: number; bytes: number; complete: boolean } | null = null;
  /** Records that all processes of the run sent again though they may have been on the stream. */
  readonly again = { ambiguous: 0, resent: 0 };
  /** Processes that have opened the journal. */
  processes = 0;
  pid: number | null = null;
  /** The stream that the run puts to. */
  stream: StreamBirth = UNKNOWN_BIRTH;
  /** Whether any process paid for its requests to S3. */
  requestPayer = false;
  createdAtMs = 0;
  startedAtMs = 0;
  updatedAtMs = 0;
  /** How the last process closed the journal, or null if it did not, or has not yet. */
  ended: { status: string; complete: boolean } | null = null;
  readonly #totals = { tally: tally(), objectsDone: 0, objectsFailed: 0, objectBytesDone: 0 };
  readonly #partial = new Map<number, MutablePartial>();
  readonly #partialByKey = new Map<string, MutablePartial>();
  readonly #settled: SettledSet | null;
  #nextId = 0;

  /** @param options.rememberSettled False saves the settled objects' memory where nobody will look one up (`millrace status`). */
  constructor(options: { rememberSettled?: boolean } = {}) {
    this.#settled = options.rememberSettled === false ? null : new SettledSet();
  }

  /** Sums over all processes of the run. Live: they change with the next entry. */
  get totals(): Totals {
    return this.#totals;
  }
  /** A copy of the totals as they are now. */
  totalsNow(): Totals {
    return { ...this.#totals, tally: tally(this.#totals.tally) };
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
    if (begun !== undefined) return { kind: 'changed', pinned: begun };
    return found === 'other' ? { kind: 'changed', pinned: null } : { kind: 'unknown' };
  }

  /**
   * Whether a dead letter belongs to work that is journaled as done, so that nobody will write it again.
   * @param letter `offset` null: it is about the object as a whole.
   */
  covers(letter: { bucket: string; key: string; etag: string; offset: number | null }): boolean {
    const begun = this.#partialByKey.get(nameOf(letter));
    if (begun !== undefined && isSameEtag(begun.etag, letter.etag)) {
      if (letter.offset === null) return false;
      if (letter.offset < begun.offset) return true;
      return begun.done.some(([start, end]) => letter.offset! >= start && letter.offset! < end);
    }
    return this.#settled !== null && this.#settled.find({ ...letter, size: ANY_SIZE }) === 'exact';
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
        break;
      case 'position':
        this.positions.set(entry.shardId, { sequenceNumber: entry.sequenceNumber, atMs: entry.atMs });
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

  #begin(entry: PinnedObject & { id: number }): void {
    if (entry.id < this.#nextId) throw new Error(`object ${entry.id} begins twice`);
    const { id, bucket, key, etag, size } = entry;
    const object = {
      id,
      bucket,
      key,
      etag,
      size,
      tally: tally(),
      done: [],
      offset: 0,
      progressTally: tally(),
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
    if (start >= end || start < object.offset)
      throw new Error(`range ${start} to ${end} of object ${id} is done twice`);
    let index = object.done.findIndex(([, doneEnd]) => doneEnd >= start);
    if (index === -1) index = object.done.length;
    const left = object.done[index];
    const touchesLeft = left !== undefined && left[1] === start;
    const right = object.done[touchesLeft ? index + 1 : index];
    if ((left !== undefined && !touchesLeft && left[0] < end) || (right !== undefined && right[0] < end)) {
      throw new Error(`range ${start} to ${end} of object ${id} is done twice`);
    }
    const touchesRight = right !== undefined && right[0] === end;
    const merged: Range = [touchesLeft ? left[0] : start, touchesRight ? right[1] : end];
    object.done.splice(index, (touchesLeft ? 1 : 0) + (touchesRight ? 1 : 0), merged);
    addTally(object.tally, part);
    addTally(this.#totals.tally, part);
  }

  #progress(id: number, offset: number, part: Tally): void {
    const object = this.#known(id);
    const first = object.done[0];
    if (offset < object.offset || (first !== undefined && first[0] < offset)) {
      throw new Error(`progress of object ${id} to ${offset} overlaps what is done`);
    }
    for (const sum of [object.tally, this.#totals.tally]) {
      addTally(sum, object.progressTally, -1);
      addTally(sum, part);
    }
    object.offset = offset;
    object.progressTally = part;
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
    if (entry.failed === undefined) this.#totals.objectsDone += 1;
    else this.#totals.objectsFailed += 1;
    this.#totals.objectBytesDone += object.size;
  }
}

/** Up to where everything from byte `start` on is done; `start` itself where nothing is. */
export function doneTo({ done }: Pick<PartialObject, 'done'>, start: number): number {
  return done.find(([from, to]) => from <= start && start < to)?.[1] ?? start;
}

/** What of [0, size) is left to do, in order. @param size Infinity where the decompressed size is not known. */
export function remaining(object: Pick<PartialObject, 'done' | 'offset'>, size: number): Range[] {
  const left: Range[] = [];
  let from = object.offset;
  for (const [start, end] of object.done) {
    if (start > from) left.push([from, Math.min(start, size)]);
    from = Math.max(from, end);
  }
  if (from < size) left.push([from, size]);
  return left;
}

function nameOf(object: { readonly bucket: string; readonly key: string }): string {
  return `${object.bucket}\n${object.key}`;
}
