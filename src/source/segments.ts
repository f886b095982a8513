/**
 * Planner: decides which segment is downloaded next.
 * Takes  objects in listing order, what the journal knows, and word of each object's format once its first bytes are there.
 * Gives  segments, in listing order as far as it is known.
 * Owns   the cutting of objects into segments, and the wait for the first bytes of an object larger than one segment: only they
 *        say whether it can be cut at all.
 * Never  downloads.
 */
import type { MillraceError } from '../base/errors.ts';
import type { WorkRange } from '../ring/ranges.ts';
import { type Format, plainEndOf, type Segment, type SourceObject, storedEndOf } from './object.ts';

/** What earlier processes of the run have left of an object. */
export interface ObjectResume {
  /** Null: not known. Then the first bytes decide, as for any object. */
  readonly format: Format | null;
  /** What is left of [0, size) of a plain object, in order. */
  work(size: number): readonly WorkRange[];
}

export interface PlannerOptions {
  readonly objects: AsyncIterable<SourceObject>;
  readonly segmentBytes: number;
  /** `auto`: the first bytes decide. */
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  /** Plain objects are carried as text: each in one stream. Default false. */
  readonly isText?: boolean;
  /** Give segments strictly in listing order: no later object is begun while the format of one is unknown. */
  readonly isOrdered: boolean;
  /** Null: nothing is known of this object. */
  readonly resume: (object: SourceObject) => ObjectResume | null;
  /** Every segment of the object was done before. */
  readonly onObjectSkipped: (object: SourceObject) => void;
  /** Called with each segment, in the order in which they are given. */
  readonly onIssue: (segment: Segment) => void;
}

interface ObjectPlan {
  readonly object: SourceObject;
  readonly objectIndex: number;
  /** Null while nobody has seen the first bytes. */
  format: Format | null;
  /** Segments given so far. */
  count: number;
  /** Of a plain object: what is left to be given. */
  readonly work: WorkRange[];
  failure: MillraceError | null;
}

export class Planner {
  readonly #options: PlannerOptions;
  readonly #objects: AsyncIterator<SourceObject>;
  readonly #open: ObjectPlan[] = [];
  /** Objects whose first segment is out and whose format is not known yet. */
  #unknown = 0;
  #isExhausted = false;
  #isOrdered: boolean;
  #isStopped = false;
  #objectIndex = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | null = null;
  readonly #plans = new WeakMap<Segment, ObjectPlan>();

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#isOrdered = options.isOrdered;
    this.#objects = options.objects[Symbol.asyncIterator]();
  }

  /** The next segment, or null when there will be none. Callers are served one after the other. */
  next(): Promise<Segment | null> {
    const next = this.#queue.then(() => this.#next());
    this.#queue = next.catch(() => {});
    return next;
  }

  /** Whether the segment's format is still to be found out, from the object's first bytes. */
  isFormatUnknown(segment: Segment): boolean {
    return this.#plans.get(segment)!.format === null;
  }

  /** What an object is carried as whose first bytes are those of this format. */
  carriedAs(format: Format): Format {
    return format === 'plain' && this.#options.isText ? 'text' : format;
  }

  /** The object's first bytes are there. Settles `format` and `end` of its first segment and releases the others. */
  settleFormat(segment: Segment, format: Format): void {
    const plan = this.#plans.get(segment)!;
    if (plan.format !== null) return;
    plan.format = format;
    segment.format = format;
    if (format !== 'plain') segment.end = storedEndOf(plan.object);
    this.#known(plan);
  }

  /** No further segment of this object is given. @returns false when that was so already. */
  fail(segment: Segment, error: MillraceError): boolean {
    const plan = this.#plans.get(segment)!;
    if (plan.failure !== null) return false;
    plan.failure = error;
    if (plan.format === null) {
      plan.format = 'plain';
      this.#known(plan);
    }
    return true;
  }

  /** Why the segment's object was given up, or null. */
  failureOf(segment: Segment): MillraceError | null {
    return this.#plans.get(segment)!.failure;
  }

  /** From here on a segment need not wait for an earlier one. */
  endOrder(): void {
    this.#isOrdered = false;
    this.#wake?.();
  }

  /** Gives nothing more: every later `next()` is null. */
  stop(): void {
    this.#isStopped = true;
    this.#wake?.();
    void this.#objects.return?.();
  }

  #known({ object }: ObjectPlan): void {
    if (object.size <= this.#options.segmentBytes) return;
    this.#unknown--;
    this.#wake?.();
  }

  async #next(): Promise<Segment | null> {
    while (!this.#isStopped) {
      const segment = this.#nextOpen();
      if (segment !== null) return segment;
      const mustWait = this.#unknown > 0 && (this.#isExhausted || this.#isOrdered);
      if (mustWait) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
        continue;
      }
      if (this.#isExhausted) return null;
      await this.#openNextObject();
    }
    return null;
  }

  /** The earliest segment that can be given now. */
  #nextOpen(): Segment | null {
    for (let at = 0; at < this.#open.length; ) {
      const plan = this.#open[at]!;
      const isSingle = plan.object.size <= this.#options.segmentBytes;
      if (plan.format === null && plan.count > 0 && !isSingle) {
        at++; // its first segment is out; the others wait for the format
        continue;
      }
      const isWhole = plan.format !== null && plan.format !== 'plain';
      if (plan.failure !== null || (isWhole ? plan.count > 0 : plan.work.length === 0)) {
        this.#open.splice(at, 1);
        continue;
      }
      return this.#segment(plan, isWhole);
    }
    return null;
  }

  #segment(plan: ObjectPlan, isWhole: boolean): Segment {
    const { object, objectIndex } = plan;
    const { start, end, only } = isWhole
      ? { start: 0, end: storedEndOf(object), only: null }
      : this.#cutWork(plan);
    const segment = {
      object,
      objectIndex,
      index: plan.count++,
      start,
      end,
      format: plan.format ?? 'plain',
      only,
    };
    // A small object has no other segment to wait for, whatever its format.
    if (plan.format === null && object.size > this.#options.segmentBytes) this.#unknown++;
    this.#plans.set(segment, plan);
    this.#options.onIssue(segment);
    return segment;
  }

  /** Takes a segment off what is left of a plain object: up to the next multiple of the segment's size. */
  #cutWork({ work }: ObjectPlan): WorkRange {
    const { segmentBytes } = this.#options;
    const { start, end, only } = work[0]!;
    const cut = (Math.floor(start / segmentBytes) + 1) * segmentBytes;
    if (only !== null || end <= cut) return work.shift()!;
    work[0] = { start: cut, end, only };
    return { start, end: cut, only };
  }

  async #openNextObject(): Promise<void> {
    const { compression, resume, onObjectSkipped } = this.#options;
    const result = await this.#objects.next();
    if (result.done) {
      this.#isExhausted = true;
      return;
    }
    const object = result.value;
    const forced: Format | null =
      compression === 'auto' ? null : compression === 'none' ? this.carriedAs('plain') : compression;
    const known = resume(object);
    const format = known?.format ?? forced;
    const end = plainEndOf(object);
    const work = [...(known?.work(end) ?? [{ start: 0, end, only: null }])];
    if (format === 'plain' && work.length === 0) return onObjectSkipped(object);
    const objectIndex = this.#objectIndex++;
    this.#open.push({ object, objectIndex, format, count: 0, work, failure: null });
  }
}
