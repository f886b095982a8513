/**
 * Refusals: finds the records because of which a whole request is refused, where the service does not name them.
 * Takes  requests that were refused for their content (ValidationException, a proxy's 413), and word of those that were answered.
 * Gives  ever smaller parts of them back to the queues; in the end the records that are refused by themselves.
 * Owns   the suspicion that a refused request leaves behind, the records set aside meanwhile, and the count of refusals in a row.
 * Never  sends, waits or reads a clock: see publisher.ts.
 *
 * A refusal is a record's own only if the rest of its request is then taken, or, where there is no rest, something else is. Until that
 * is known the record is set aside, and what follows goes on; an answer proves it. With a run of refusals and not one answer it
 * is the service that refuses everything: then nothing is a dead letter.
 *
 * In order mode the parts go in their sequence, one at a time, and a record that was set aside is not sent behind a later one of
 * its key: the answer to that one would have proven it.
 */
import type { Batch } from './batch.ts';
import { cutFrames, readRefused } from './frame-walk.ts';
import type { RefusedRecord } from './setup.ts';
import type { ShardSet } from './shard-set.ts';

/** From this many refusals in a row, without one answer, single records are not to blame. */
export const REFUSALS_IN_ROW_MAX = 16;
/**
 * A refused request goes again in this many parts. Quarters find a record with as many requests as halves and with half the refusals
 * in a row, so that the largest request is down to its first record long before the row is too long.
 */
const PARTS = 4;
/** A record on its own is sent again before its refusal counts: one answer may be an accident. */
const REFUSALS_ALONE = 2;

/** What a refused request leaves behind until all of its records are cleared or found. */
export interface Suspicion {
  /** Records that were neither taken nor refused by themselves so far. */
  pending: number;
  /** Whether anything of the request was taken since it was refused. */
  isTaken: boolean;
  readonly found: Found[];
}

/** A record that was refused by itself, in memory of its own. */
interface Found {
  readonly shardIndex: number;
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
  readonly refusals: number;
  readonly reason: string;
  /** How many answers there had been when it was refused. */
  readonly answersBefore: number;
  readonly suspicion: Suspicion;
}

/** What a service, or a proxy in front of it, says about a request that it does not take. */
export interface Refusal {
  readonly reason: string;
  readonly isTooLarge: boolean;
}

export class Refusals {
  readonly #shardSet: ShardSet;
  readonly #answers: () => number;
  readonly #open = new Set<Suspicion>();
  /** Found, with nothing of their requests pending. */
  #unproven: Found[] = [];
  #proven: Found[] = [];
  #row = 0;
  #counted = 0;
  #answersInRow = 0;
  /** Payload of the smallest request that was too large for somebody on the way, and of the largest one below it that was not. */
  #tooLargeBytes = Number.POSITIVE_INFINITY;
  #takenBytes = 0;

  /** @param answers How many requests were answered, by all publishers of the run. */
  constructor(shardSet: ShardSet, answers: () => number) {
    this.#shardSet = shardSet;
    this.#answers = answers;
  }

  /** No record is set aside. */
  get isEmpty(): boolean {
    return this.#unproven.length === 0 && this.#proven.length === 0;
  }

  /** The frames of all records that are set aside. */
  get setAside(): Uint8Array[] {
    const found = [...this.#open].flatMap((suspicion) => suspicion.found);
    return [...found, ...this.#unproven, ...this.#proven].map(({ frame }) => frame);
  }

  /** Something was refused and nothing answered since: then one request at a time says more than many. */
  get isInDoubt(): boolean {
    return this.#row > 0 && this.#answers() === this.#answersInRow;
  }

  /** Somebody on the way takes no large requests: of those that are made already, more may be refused. */
  get hasSizeLimit(): boolean {
    return this.#tooLargeBytes !== Number.POSITIVE_INFINITY;
  }

  /** Refusals in a row, without one answer by anybody. Those that were on their way together count as one. */
  get inRow(): number {
    return this.isInDoubt ? this.#row : 0;
  }

  /** Goes with a request, and back to `refuse` with it. */
  get stamp(): number {
    return this.#counted;
  }

  /** The service has answered for all records of this batch: whatever it says about single ones, their content is not refused. */
  clear(batch: Batch): void {
    this.#row = 0;
    if (batch.payloadBytes < this.#tooLargeBytes && this.#tooLargeBytes !== Number.POSITIVE_INFINITY) {
      this.#takenBytes = Math.max(this.#takenBytes, batch.payloadBytes);
      this.#shardSet.limitPayload(Math.max(this.#takenBytes, this.#tooLargeBytes >> 1));
    }
    const suspicion = batch.suspicion;
    batch.suspicion = null;
    batch.refusals = 0;
    if (!suspicion) return;
    suspicion.isTaken = true;
    suspicion.pending -= batch.count;
    this.#close(suspicion);
  }

  /**
   * Takes a batch whose request was refused. Its memory is the queues' afterwards.
   * @param stamp What `stamp` was when it was sent.
   * @param why For the dead letter, and whether it was for the size of the request.
   * @returns Whether the same record goes again, so that a moment should pass before.
   */
  refuse(shardIndex: number, batch: Batch, stamp: number, why: Refusal): boolean {
    this.#countOne(stamp);
    if (why.isTooLarge) {
      this.#tooLargeBytes = Math.min(this.#tooLargeBytes, batch.payloadBytes);
      if (this.#takenBytes >= this.#tooLargeBytes) this.#takenBytes = 0;
    }
    this.#shardSet.queues.toFrames(shardIndex, batch);
    batch.isRetry = true;
    batch.suspicion ??= { pending: batch.count, isTaken: false, found: [] };
    this.#open.add(batch.suspicion);
    if (batch.count > 1) {
      this.#split(shardIndex, batch);
      return false;
    }
    batch.refusals = (batch.refusals ?? 0) + 1;
    if (batch.refusals >= REFUSALS_ALONE) this.#setAside(shardIndex, batch, why.reason);
    else this.#shardSet.queues.unshift(shardIndex, batch);
    return true;
  }

  /**
   * Records whose refusal is proven to be their own, for their dead letters. They are nobody's afterwards.
   * @param isDone Nothing else is left to send: then what was taken of the same request has to do.
   */
  takeProven(isDone: boolean): RefusedRecord[] {
    if (this.isEmpty) return [];
    const answers = this.#answers();
    const isProven = ({ answersBefore, suspicion }: Found) =>
      answers > answersBefore || (isDone && suspicion.isTaken);
    this.#proven.push(...this.#unproven.filter(isProven));
    this.#unproven = this.#unproven.filter((one) => !isProven(one));
    return this.#proven
      .splice(0)
      .flatMap(({ frame, refusals, reason }) =>
        readRefused(
          { buffer: frame, bytes: frame.byteLength, count: 1, payloadBytes: 0, failures: 0, isRetry: true },
          `Refused ${refusals} times by itself, while others were taken: ${reason}`,
        ),
      );
  }

  /**
   * Nothing else is left that could prove a refusal: what was set aside is sent again.
   * @param isLast The one record was refused for long enough: where others were taken before it, that has to do.
   * @returns Whether anything goes again.
   */
  askAgain(isLast: boolean): boolean {
    const found = this.#unproven;
    if (isLast) {
      if (found.length !== 1 || this.#answers() === 0) return false;
      this.#proven.push(...found.splice(0));
      this.#row = 0;
      return true;
    }
    for (const one of found.splice(0).reverse()) this.#putBack(one, one.refusals);
    return true;
  }

  /** The shards are about to change: nothing stays aside, and suspicions that their queues forget are forgotten here. */
  dissolve(): void {
    for (const suspicion of this.#open) {
      // What was taken of a request came behind these records: they cannot go again in order.
      if (suspicion.isTaken) this.#proven.push(...suspicion.found.splice(0));
      else for (const one of suspicion.found.splice(0).reverse()) this.#putBack(one, 0);
    }
    this.#open.clear();
    for (const one of this.#unproven.splice(0).reverse()) this.#putBack(one, 0);
  }

  /** What was sent before the last refusal was known says nothing new. */
  #countOne(stamp: number): void {
    const answers = this.#answers();
    if (answers > this.#answersInRow) this.#row = 0;
    if (this.#row > 0 && stamp !== this.#counted) return;
    this.#row++;
    this.#counted++;
    this.#answersInRow = answers;
  }

  #split(shardIndex: number, batch: Batch): void {
    const { queues } = this.#shardSet;
    const frames = batch.buffer.subarray(0, batch.bytes);
    for (const { start, end, count, payloadBytes } of cutFrames(frames, batch.count, PARTS).reverse()) {
      const part = queues.fork(shardIndex, end - start, batch);
      part.buffer.set(frames.subarray(start, end));
      queues.unshift(shardIndex, Object.assign(part, { bytes: end - start, count, payloadBytes }));
    }
    queues.release(shardIndex, batch);
  }

  #setAside(shardIndex: number, batch: Batch, reason: string): void {
    const suspicion = batch.suspicion!;
    const frame = Uint8Array.from(batch.buffer.subarray(0, batch.bytes));
    const { payloadBytes, refusals = 0 } = batch;
    const answersBefore = this.#answers();
    suspicion.found.push({
      shardIndex,
      frame,
      payloadBytes,
      refusals,
      reason,
      answersBefore,
      suspicion,
    });
    suspicion.pending--;
    this.#shardSet.queues.release(shardIndex, batch);
    this.#close(suspicion);
  }

  #close(suspicion: Suspicion): void {
    if (suspicion.pending > 0) return;
    this.#open.delete(suspicion);
    this.#unproven.push(...suspicion.found.splice(0));
  }

  #putBack({ shardIndex, frame, payloadBytes }: Found, refusals: number): void {
    const { queues } = this.#shardSet;
    const bytes = frame.byteLength;
    const like: Batch = {
      buffer: frame,
      bytes,
      count: 1,
      payloadBytes,
      failures: 0,
      isRetry: true,
      refusals,
    };
    const batch = queues.fork(shardIndex, bytes, like);
    batch.buffer.set(frame);
    queues.unshift(shardIndex, Object.assign(batch, { bytes, count: 1, payloadBytes }));
  }
}
