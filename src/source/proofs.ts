/**
 * Proofs: whether what was downloaded is what the source holds.
 * Takes  the bytes of segments, as they come.
 * Gives  a verdict with the last segment of an object: proven, or what is wrong.
 * Owns   the sums of objects on their way. Segments are summed side by side, and combined in order.
 * Never  proves what this process has not read itself, or where the source holds no checksum of the whole object.
 */
import { lateSignal } from '../base/patience.ts';
import { type CrcName, combineCrcs, crc, crcToBase64 } from '../native/crc.ts';
import type { Checksum } from './checksum.ts';
import type { Segment, SourceObject } from './object.ts';
import type { RangeReader } from './source.ts';

/** The sum over the bytes of one segment, [start, end) as they are nominally. Those around them belong to its neighbours. */
export class SegmentSum {
  readonly segment: Segment;
  /** The object comes in one answer, which brings the checksum with it. */
  readonly isWhole: boolean;
  checksum: Checksum | null;
  value = 0n;
  bytes = 0;
  #isAnswered = false;
  readonly #onAnswer: (checksum: Checksum | null) => void;

  constructor(
    segment: Segment,
    checksum: Checksum | null,
    onAnswer: ((checksum: Checksum | null) => void) | null,
  ) {
    this.segment = segment;
    this.checksum = checksum;
    this.isWhole = onAnswer !== null;
    this.#onAnswer = onAnswer ?? (() => {});
  }

  /** An answer has come, its bytes have not. Only the first one counts: those that follow begin elsewhere. */
  answered(checksum: Checksum | null): void {
    if (!this.isWhole || this.#isAnswered) return;
    this.#isAnswered = true;
    this.checksum = checksum;
    this.#onAnswer(checksum);
  }

  /** @param position Of the first of `bytes` in the object. Every byte comes once and in order. */
  add(position: number, bytes: Uint8Array): void {
    if (this.checksum === null) return;
    const { start, end } = this.segment;
    const own = bytes.subarray(Math.max(0, start - position), Math.max(0, end - position));
    this.value = crc(this.checksum.name, own, this.value);
    this.bytes += own.length;
  }
}

/** What has been combined of an object so far. */
interface Joined {
  value: bigint;
  bytes: number;
  /** Sums of segments whose neighbours are missing, by their starts. */
  readonly waiting: Map<number, { readonly value: bigint; readonly bytes: number }>;
}

export interface ProofsOptions {
  readonly reader: RangeReader;
  readonly segmentBytes: number;
  readonly signal: AbortSignal;
  /** The source has this long to say what it holds of an object; without an answer the object stays unproven. */
  readonly timeoutMs: number;
}

export class Proofs {
  readonly #options: ProofsOptions;
  readonly #asked = new WeakMap<SourceObject, Promise<Checksum | null>>();
  readonly #joined = new WeakMap<SourceObject, Joined>();

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /** Whether one answer brings the whole object, and with it its checksum. */
  isWhole({ object, start, end }: Segment): boolean {
    return start === 0 && end === object.size && object.size <= this.#options.segmentBytes;
  }

  /**
   * Before the first bytes of a segment.
   * @param onAnswer Told whether the object that comes in one answer can be proven, before its bytes come.
   */
  async open(segment: Segment, onAnswer: (checksum: Checksum | null) => void): Promise<SegmentSum> {
    const { object, index, start } = segment;
    object.proof ??= 'unproven';
    if (this.isWhole(segment)) return new SegmentSum(segment, null, onAnswer);
    // Where an earlier process has read the first lines, the sum can never be whole.
    const isResumed = start !== index * this.#options.segmentBytes;
    return new SegmentSum(segment, isResumed ? null : await this.#ask(object), null);
  }

  /** All bytes of the segment were added. @returns What is wrong with the object, or null: nothing, as far as is known by now. */
  close(sum: SegmentSum): string | null {
    const { checksum, segment } = sum;
    if (checksum === null || sum.bytes !== segment.end - segment.start) return null;
    const value = this.#join(checksum.name, sum);
    if (value === null) return null;
    const actual = crcToBase64(checksum.name, value);
    if (actual !== checksum.base64)
      return `its bytes have the ${checksum.name} ${actual}, the store holds ${checksum.base64}`;
    segment.object.proof = 'proven';
    return null;
  }

  /** @returns The sum of the whole object, if it is whole now. */
  #join(name: CrcName, { segment, value, bytes }: SegmentSum): bigint | null {
    const { object, start } = segment;
    if (bytes === object.size) return value;
    const joined = this.#joined.get(object) ?? { value: 0n, bytes: 0, waiting: new Map() };
    this.#joined.set(object, joined);
    joined.waiting.set(start, { value, bytes });
    for (let next = joined.waiting.get(joined.bytes); next; next = joined.waiting.get(joined.bytes)) {
      joined.waiting.delete(joined.bytes);
      joined.value = combineCrcs(name, joined.value, next.value, next.bytes);
      joined.bytes += next.bytes;
    }
    return joined.bytes === object.size ? joined.value : null;
  }

  /** Answers for ranges bring no checksum of the whole object, so it is asked for once. */
  #ask(object: SourceObject): Promise<Checksum | null> {
    const { reader, signal, timeoutMs } = this.#options;
    let asked = this.#asked.get(object);
    if (asked === undefined) {
      const timed = AbortSignal.any([signal, lateSignal(timeoutMs)]);
      asked = reader.checksum?.(object, timed).catch(() => null) ?? Promise.resolve(null);
      this.#asked.set(object, asked);
    }
    return asked;
  }
}
