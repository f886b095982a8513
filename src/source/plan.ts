/**
 * Planner: says which segment is downloaded next.
 * Takes  objects in listing order, what the journal knows, and word of each object's format once its first bytes are there.
 * Gives  segments, in listing order as far as it is known.
 * Owns   the cutting of objects into segments, and the wait for the first bytes of an object larger than one segment: only they
 *        say whether it can be cut at all.
 * Never  downloads.
 */
import type { MillraceError } from '../errors.ts';
import type { Format, Segment, SourceObject } from './object.ts';

/** What an earlier process of the run has done with an object. */
export interface ObjectResume {
  readonly format: Format;
  /** Up to where everything from byte `start` on is safely delivered; `start` itself where nothing is. */
  deliveredTo(start: number): number;
}

export interface PlannerOptions {
  readonly objects: AsyncIterable<SourceObject>;
  readonly segmentBytes: number;
  /** `auto`: the first bytes decide. */
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
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
  readonly resume: ObjectResume | null;
  /** Null while nobody has seen the first bytes. */
  format: Format | null;
  next: number;
  failure: MillraceError | null;
}

export function segmentCount(object: SourceObject, format: Format, segmentBytes: number): number {
  return format === 'plain' ? Math.ceil(object.size / segmentBytes) : 1;
}

function deliveredTo({ resume }: ObjectPlan, start: number): number {
  return resume === null ? start : resume.deliveredTo(start);
}

export class Planner {
  readonly #options: PlannerOptions;
  readonly #objects: AsyncIterator<SourceObject>;
  readonly #open: ObjectPlan[] = [];
  /** Objects whose first segment is out and whose format is not known yet. */
  #unknown = 0;
  #isExhausted = false;
  #isStopped = false;
  #objectIndex = 0;
  #queue: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | null = null;
  readonly #plans = new WeakMap<Segment, ObjectPlan>();

  constructor(options: PlannerOptions) {
    this.#options = options;
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

  /** The object's first bytes are there. Settles `format`, `end` and `count` of its first segment and releases the others. */
  settleFormat(segment: Segment, format: Format): void {
    const plan = this.#plans.get(segment)!;
    if (plan.format !== null) return;
    plan.format = format;
    segment.format = format;
    segment.count = segmentCount(plan.object, format, this.#options.segmentBytes);
    if (format !== 'plain') segment.end = plan.object.size;
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
      const mustWait = this.#unknown > 0 && (this.#isExhausted || this.#options.isOrdered);
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
      if (plan.format === null && plan.next > 0 && !isSingle) {
        at++; // its first segment is out; the others wait for the format
        continue;
      }
      const count = segmentCount(plan.object, plan.format ?? 'plain', this.#options.segmentBytes);
      while (plan.next < count && this.#isDone(plan)) plan.next++;
      if (plan.failure !== null || plan.next >= count) {
        this.#open.splice(at, 1);
        continue;
      }
      return this.#segment(plan, count);
    }
    return null;
  }

  #segment(plan: ObjectPlan, count: number): Segment {
    const { segmentBytes } = this.#options;
    const { object, objectIndex } = plan;
    const index = plan.next++;
    const isWhole = plan.format !== null && plan.format !== 'plain';
    const end = isWhole ? object.size : Math.min(object.size, (index + 1) * segmentBytes);
    const start = isWhole ? 0 : deliveredTo(plan, index * segmentBytes);
    const segment = {
      object,
      objectIndex,
      index,
      count,
      start,
      end,
      format: plan.format ?? 'plain',
      unit: -1,
    };
    // Whatever the format of a small object is, it has no other segment to wait for.
    if (plan.format === null && object.size > segmentBytes) this.#unknown++;
    this.#plans.set(segment, plan);
    this.#options.onIssue(segment);
    return segment;
  }

  /** Whether all of the next segment was delivered by earlier processes. */
  #isDone(plan: ObjectPlan): boolean {
    const start = plan.next * this.#options.segmentBytes;
    return deliveredTo(plan, start) >= Math.min(plan.object.size, start + this.#options.segmentBytes);
  }

  async #openNextObject(): Promise<void> {
    const { compression, resume, onObjectSkipped, segmentBytes } = this.#options;
    const result = await this.#objects.next();
    if (result.done) {
      this.#isExhausted = true;
      return;
    }
    const object = result.value;
    const forced: Format | null =
      compression === 'auto' ? null : compression === 'none' ? 'plain' : compression;
    const known = resume(object);
    const format = known?.format ?? forced;
    const plan: ObjectPlan = {
      object,
      objectIndex: this.#objectIndex++,
      resume: known,
      format,
      next: 0,
      failure: null,
    };
    if (known !== null && format !== null) {
      const count = segmentCount(object, format, segmentBytes);
      while (plan.next < count && this.#isDone(plan)) plan.next++;
      if (plan.next === count) return onObjectSkipped(object);
    }
    this.#open.push(plan);
  }
}
