/**
 * Slot: one download at a time, from its first GET to the last byte that its segment needs.
 * Takes  segments from the planner.
 * Gives  events to the delivery: pieces of whole lines for plain objects, the stored bytes for compressed ones.
 * Owns   the repetition of a download that is not what the source holds, as long as nothing of it has left.
 */
import { MillraceError } from '../base/errors.ts';
import { objectUri } from '../base/object-uri.ts';
import { DamagedError } from '../inflate/damage.ts';
import { formatOf } from '../inflate/magic.ts';
import type { SlotBlocks } from './block-pool.ts';
import { BlockTarget, RawWriter, type Writer } from './block-target.ts';
import type { Delivery } from './delivery.ts';
import { type ByteSink, type DownloadContext, download } from './download.ts';
import { ForeignError, foreignFormatOf } from './format.ts';
import { Holdback } from './holdback.ts';
import { LineCutter } from './line-cutter.ts';
import { FORMAT_HEAD_BYTES, type Format, type Segment, storedEndOf } from './object.ts';
import type { Proofs, SegmentSum } from './proofs.ts';
import { backoffMs } from './retry.ts';
import type { Planner } from './segments.ts';

export interface SlotOptions {
  readonly blocks: SlotBlocks;
  readonly delivery: Delivery;
  readonly planner: Planner;
  readonly proofs: Proofs;
  readonly download: DownloadContext;
  readonly lineBytesMax: number;
  /** Bytes fetched past a segment's end in its own GET, for its last line. */
  readonly lookaheadBytes: number;
  /** Bytes of one GET of a compressed object. */
  readonly rangeBytes: number;
  /** Told before the segment's end. Throws when the whole run has to end. */
  readonly onObjectError: (segment: Segment, error: MillraceError) => void;
}

/** An object that never matches what the source says is given up after this many downloads. */
const PROOF_ATTEMPTS_MAX = 4;
/** Largest further GET for a last line that did not end within the lookahead. */
const TAIL_BYTES_MAX = 4 * 1024 * 1024;

export class Slot {
  readonly #options: SlotOptions;
  readonly #holdback: Holdback;
  readonly #target: BlockTarget;

  constructor(options: SlotOptions) {
    this.#options = options;
    this.#holdback = new Holdback(options.blocks, options.delivery, options.planner);
    this.#target = new BlockTarget(options.blocks, this.#holdback);
  }

  /**
   * Downloads one segment, or gives up its object.
   * @throws What ends the whole run: the service is unavailable, the set-up is wrong, the signal was aborted, a bug.
   */
  async run(segment: Segment): Promise<void> {
    const { planner, onObjectError } = this.#options;
    this.#holdback.open(segment, true);
    let failure = planner.failureOf(segment);
    try {
      if (failure === null) failure = await this.#fetchProven(segment);
    } catch (error) {
      if (!(error instanceof MillraceError) || this.#options.download.signal.aborted) throw error;
      onObjectError(segment, error);
      failure = error;
    }
    if (failure !== null) this.#target.abandon();
    this.#holdback.end(failure);
    this.#options.blocks.rest();
  }

  /** Nothing more will come: the open block goes back when its pieces have been read. */
  close(): void {
    this.#holdback.drop();
    this.#target.abandon();
    this.#target.close();
    this.#options.blocks.rest();
  }

  /**
   * Fetches a segment, and again where what came is not what the source holds and nothing of it has left.
   * @returns As `#fetch`. @throws {MillraceError} Also where the object is whole and proven to be wrong.
   */
  async #fetchProven(segment: Segment): Promise<MillraceError | null> {
    const { proofs, blocks, download: context } = this.#options;
    const { object } = segment;
    const isFitting = proofs.isWhole(segment) && object.size <= blocks.count * blocks.blockBytes;
    // It needs them all, so it begins with an empty one.
    if (isFitting && object.size > (blocks.count - 1) * blocks.blockBytes) this.#target.close();
    for (let attempt = 1; ; attempt++) {
      this.#holdback.open(segment, isFitting);
      const sum = await proofs.open(segment, (checksum) => {
        // What can never be proven need not wait.
        if (checksum === null) this.#holdback.pass();
      });
      const failure = await this.#fetch(segment, new SegmentSink(segment, this.#target, this.#options), sum);
      if (failure !== null) return failure;
      const problem = proofs.close(sum);
      if (problem === null) {
        this.#holdback.pass();
        return null;
      }
      const what = `Cannot read ${objectUri(object)}: ${problem}`;
      if (!this.#holdback.isHolding) {
        const message = `${what}; its lines were delivered before that was known, and are not proven`;
        throw new DamagedError(message, { storedOffset: 0, offset: null, unprovenFrom: 0 });
      }
      this.#holdback.drop();
      this.#target.abandon();
      if (attempt === PROOF_ATTEMPTS_MAX) {
        const message = `${what}, in each of ${attempt} downloads; nothing of it was delivered`;
        throw new DamagedError(message, { storedOffset: 0, offset: 0, unprovenFrom: null });
      }
      context.stats.retries++;
      const { retry, clock, signal } = context;
      await clock.sleep(backoffMs(retry, attempt, clock.random()), signal);
    }
  }

  /** @returns Why the object was given up meanwhile, by another slot, or null. */
  async #fetch(segment: Segment, sink: SegmentSink, sum: SegmentSum): Promise<MillraceError | null> {
    const { lookaheadBytes, rangeBytes, planner } = this.#options;
    const { object } = segment;
    const isPlain = () => segment.format === 'plain';
    let position = Math.max(0, segment.start - 1);
    const whole = storedEndOf(object);
    let end = Math.min(whole, isPlain() ? segment.end + lookaheadBytes : rangeBytes);
    for (let tailBytes = lookaheadBytes; ; tailBytes = Math.min(2 * tailBytes, TAIL_BYTES_MAX)) {
      position = await download(this.#options.download, object, position, end, sink, sum);
      if (sink.refusal !== null) throw sink.refusal;
      if (sink.done || position === whole) break;
      const failure = planner.failureOf(segment);
      if (failure !== null) return failure;
      end = Math.min(whole, position + (isPlain() ? tailBytes : rangeBytes));
    }
    while (!sink.done && !sink.endOfObject()) await sink.room();
    return null;
  }
}

/** Looks at the first bytes where nobody has, then hands everything to the writer of that format. */
class SegmentSink implements ByteSink {
  readonly #segment: Segment;
  readonly #target: BlockTarget;
  readonly #options: SlotOptions;
  #writer: Writer | null = null;
  /** First bytes that were too few to decide, or wait for a block. */
  #head: Uint8Array | null = null;
  #refusal: MillraceError | null = null;

  constructor(segment: Segment, target: BlockTarget, options: SlotOptions) {
    this.#segment = segment;
    this.#target = target;
    this.#options = options;
    // Nothing is reported about an object before its version has a name.
    if (!options.planner.isFormatUnknown(segment) && segment.object.etag !== '') this.#begin(segment.format);
  }

  /** Why the object cannot be carried, once its first bytes have said so. */
  get refusal(): MillraceError | null {
    return this.#refusal;
  }

  get done(): boolean {
    return this.#refusal !== null || (this.#writer?.done ?? false);
  }

  write(chunk: Uint8Array): number {
    if (this.#writer === null && !this.#options.planner.isFormatUnknown(this.#segment))
      this.#begin(this.#segment.format);
    if (this.#writer === null) {
      const head = this.#head === null ? chunk : Buffer.concat([this.#head, chunk]);
      if (head.length < FORMAT_HEAD_BYTES && head.length < storedEndOf(this.#segment.object)) {
        this.#head = head.slice();
        return chunk.length;
      }
      const foreign = foreignFormatOf(head.subarray(0, FORMAT_HEAD_BYTES));
      if (foreign !== null) {
        this.#refusal = new ForeignError(foreign, `Cannot read ${objectUri(this.#segment.object)}`);
        return chunk.length;
      }
      this.#begin(this.#options.planner.carriedAs(formatOf(head)));
    }
    return this.#writeHead() ? this.#writer!.write(chunk) : 0;
  }

  place(): Uint8Array | null {
    return this.#head === null ? (this.#writer?.place() ?? null) : null;
  }

  room(): Promise<void> {
    return this.#target.room();
  }

  /** @returns false when a buffer is missing: wait for room and call again. */
  endOfObject(): boolean {
    return this.#writeHead() && this.#writer!.end();
  }

  #writeHead(): boolean {
    if (this.#head !== null) {
      const taken = this.#writer!.write(this.#head);
      this.#head = taken === this.#head.length || this.#writer!.done ? null : this.#head.subarray(taken);
    }
    return this.#head === null;
  }

  #begin(format: Format): void {
    this.#target.begin(format);
    const { start, end, object } = this.#segment;
    this.#writer =
      format === 'plain'
        ? // The last segment ends with the object: its last line needs no newline.
          new LineCutter(
            { start, end: end === object.size ? Infinity : end, lineBytesMax: this.#options.lineBytesMax },
            this.#target,
          )
        : new RawWriter(storedEndOf(object), this.#target);
  }
}
