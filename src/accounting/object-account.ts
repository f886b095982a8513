/**
 * Object account: what has become of one object's lines.
 * Takes  ranges of the object that are settled, in any order.
 * Gives  journal entries in which neighbours are one; whether the object is done; how much of its stored bytes is.
 * Owns   the sums of one object, earlier processes of the run included. How far it has been read is kept by object-reading.ts.
 * Never  writes: see accounting.ts.
 */
import type { RejectCode } from '../base/errors.ts';
import type { JournalEntry } from '../journal/entries.ts';
import type { PartialObject } from '../journal/state.ts';
import { addTally, tally as newTally, type Tally } from '../journal/tally.ts';
import type { Delivered } from '../parse/setup.ts';
import { type Format, plainEndOf, type SourceObject } from '../source/object.ts';
import { ObjectReading } from './object-reading.ts';

/** A part of an object that is settled, or whose last records an orderly stop leaves to the next process. */
export interface Part {
  readonly start: number;
  readonly end: number;
  readonly tally: Tally;
}

export class ObjectAccount {
  readonly object: SourceObject;
  /** What earlier processes have done. */
  readonly delivered: Delivered;
  /** Sum of everything that is settled, earlier processes included. */
  readonly tally: Tally;
  /** Id in the journal, once it has more than one entry there. */
  id: number | null;
  readonly reading: ObjectReading;
  failedCode: RejectCode | null = null;
  /** The object was given up and closed before: this only counts what still came of it. */
  isLate = false;
  /** Bytes of the (decompressed) object that are settled. */
  #settledBytes: number;
  /** Furthest byte of the (decompressed) object that a settled or an open slice has reached. */
  #reachedBytes = 0;
  /** The part of `doneBytes` that earlier processes did. For a compressed object it is known once a new line is reached. */
  #doneBytesBefore = 0;
  #parts: Part[] = [];

  constructor(object: SourceObject, earlier: PartialObject | null) {
    this.object = object;
    this.delivered = { done: earlier?.done ?? [], left: earlier?.left ?? [] };
    this.id = earlier?.id ?? null;
    this.reading = new ObjectReading(earlier?.format ?? null);
    this.tally = newTally(earlier?.tally);
    this.#settledBytes = this.delivered.done.reduce((sum, [start, end]) => sum + (end - start), 0);
    if (this.format === 'plain') this.#doneBytesBefore = this.#settledBytes;
  }

  /** A range is settled. */
  add(part: Part): void {
    this.#settledBytes += part.end - part.start;
    this.#parts.push(part);
    addTally(this.tally, part.tally);
  }

  /** A slice was found up to there. */
  reach(end: number): void {
    const isFirst = this.#reachedBytes === 0;
    this.#reachedBytes = Math.max(this.#reachedBytes, end);
    if (isFirst && this.format !== 'plain') this.#doneBytesBefore = this.doneBytes;
  }

  get format(): Format | null {
    return this.reading.format;
  }

  /** Every line of it is settled. */
  get isWhole(): boolean {
    if (!this.reading.isIdle || this.failedCode !== null) return false;
    return this.format === 'plain' ? this.#settledBytes >= plainEndOf(this.object) : this.reading.isAtEnd;
  }

  /** Stored bytes that are settled; of a compressed object in the proportion of its decompressed ones. */
  get doneBytes(): number {
    if (this.format === 'plain') return this.#settledBytes;
    if (this.#reachedBytes === 0) return 0;
    return this.reading.storedBytes * Math.min(1, this.#settledBytes / this.#reachedBytes);
  }

  get doneBytesBefore(): number {
    return this.#doneBytesBefore;
  }

  /** What was settled since the last call, neighbours as one. */
  takeParts(): Part[] {
    const parts = this.#parts.sort((one, other) => one.start - other.start);
    this.#parts = [];
    const merged: Part[] = [];
    for (const part of parts) {
      const last = merged.at(-1);
      if (last?.end !== part.start) {
        // Nobody else uses a part once it is settled, so its tally may become that of the whole.
        merged.push(part);
        continue;
      }
      addTally(last.tally, part.tally);
      merged[merged.length - 1] = { ...last, end: part.end };
    }
    return merged;
  }

  /** The one entry of an object that is finished. */
  doneEntry(): JournalEntry {
    const { bucket, key, etag, size } = this.object;
    const named = this.id === null ? { object: { bucket, key, etag, size } } : { id: this.id };
    const failed = this.failedCode === null ? {} : { failed: this.failedCode };
    return { kind: 'object-done', ...named, tally: this.tally, ...failed };
  }
}

/** Counts one reject. */
export function countReject(sums: Tally, code: string, count = 1): void {
  sums.rejected += count;
  sums.codes[code] = (sums.codes[code] ?? 0) + count;
}
