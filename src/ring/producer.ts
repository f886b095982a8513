/**
 * Producer: the writing end of a lane for JavaScript (the portable scanner, tests). The native scanner has its twin in
 * src/native/frame.h.
 * Takes  a record's key and data as byte ranges, or a mark (BEGIN, END).
 * Gives  frames in the lane, as src/ring/layout.ts describes them.
 * Owns   HEAD of its lane: one producer a lane, in one thread. With MILLRACE_DEBUG=1 a second writer is found and asserted.
 * Never  waits or notifies: it answers false when the lane is full; see src/ring/wait.ts.
 */
import assert from 'node:assert/strict';
import { FRAME, FRAME_KIND, frameBytes } from '../record/frame.ts';
import {
  LANE_CAPACITY_BYTES_MAX,
  LANE_CAPACITY_BYTES_MIN,
  LANE_CELL,
  LANE_DATA_BYTE,
  laneBytes,
} from './layout.ts';

/** One record on its way into a lane. The ranges are copied; nothing is kept. */
export interface LaneRecord {
  /** The UTF-8 partition key is key[keyStart, keyEnd), at most 65,535 bytes. */
  readonly key: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  /** The record's data is data[dataStart, dataEnd), then one `\n` if `appendNewline` is set. */
  readonly data: Uint8Array;
  readonly dataStart: number;
  readonly dataEnd: number;
  readonly appendNewline: boolean;
  /** Slice of the record (slices.ts), u32. */
  readonly slice: number;
  /** Byte offset of the line's first data byte in its object, below 2^53. */
  readonly lineOffset: number;
  /** The record's 128-bit hash key. */
  readonly hashHigh: bigint;
  readonly hashLow: bigint;
  /** FRAME_FLAG bits. */
  readonly flags: number;
}

const NEWLINE = 0x0a;

/**
 * A new, empty lane.
 * @param capacityBytes A power of two, 64 KiB to 1 GiB.
 * @param position Where HEAD and TAIL start, a multiple of 8; only tests of the wrap-around at 2^32 choose it.
 * @throws {RangeError} For any other capacity.
 */
export function createLane(capacityBytes: number, position = 0): SharedArrayBuffer {
  const isPowerOfTwo = Number.isInteger(Math.log2(capacityBytes));
  if (!isPowerOfTwo || capacityBytes < LANE_CAPACITY_BYTES_MIN || capacityBytes > LANE_CAPACITY_BYTES_MAX) {
    throw new RangeError(
      `Expected a lane's capacity to be a power of two from 64 KiB to 1 GiB, but received ${capacityBytes}`,
    );
  }
  const lane = new SharedArrayBuffer(laneBytes(capacityBytes));
  const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
  cells[LANE_CELL.HEAD] = position | 0;
  cells[LANE_CELL.TAIL] = position | 0;
  return lane;
}

/** The writing end of one lane. */
export class LaneProducer {
  readonly capacityBytes: number;
  readonly #cells: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isDebug: boolean;
  #head: number;
  #tail: number;
  /** What this producer stored last, to find a second writer. */
  #published: number;

  /** @param isDebug Whether to assert that nobody else writes HEAD; by default when MILLRACE_DEBUG is 1. */
  constructor(lane: SharedArrayBuffer, isDebug: boolean = process.env.MILLRACE_DEBUG === '1') {
    this.#cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
    this.#bytes = new Uint8Array(lane, LANE_DATA_BYTE);
    this.#view = new DataView(lane, LANE_DATA_BYTE);
    this.capacityBytes = lane.byteLength - LANE_DATA_BYTE;
    this.#head = Atomics.load(this.#cells, LANE_CELL.HEAD) >>> 0;
    this.#tail = Atomics.load(this.#cells, LANE_CELL.TAIL) >>> 0;
    this.#published = this.#head;
    this.#isDebug = isDebug;
  }

  /** Bytes that can be written now; the reader only ever adds to it. */
  get freeBytes(): number {
    this.#tail = Atomics.load(this.#cells, LANE_CELL.TAIL) >>> 0;
    return this.#freeBytesKnown();
  }

  /**
   * Writes one RECORD frame; it is the reader's only after `publish()`.
   * @returns False when the lane is full: nothing of the record is written, everything before it is published. Wait for
   * `frameBytes(key, data)` free bytes and call again.
   * @throws {RangeError} When the frame is larger than the lane, or the key over 65,535 bytes.
   */
  tryWriteRecord(record: LaneRecord): boolean {
    const keyBytes = record.keyEnd - record.keyStart;
    const sourceBytes = record.dataEnd - record.dataStart;
    const dataBytes = sourceBytes + (record.appendNewline ? 1 : 0);
    if (keyBytes > 0xffff)
      throw new RangeError(`Expected a key of at most 65535 bytes, but received ${keyBytes}`);
    const needBytes = frameBytes(keyBytes, dataBytes);
    const at = this.#reserve(needBytes);
    if (at < 0) return false;
    const view = this.#view;
    view.setUint32(at + FRAME.FRAME_BYTES, needBytes, true);
    view.setUint8(at + FRAME.KIND, FRAME_KIND.RECORD);
    view.setUint8(at + FRAME.FLAGS, record.flags);
    view.setUint16(at + FRAME.KEY_BYTES, keyBytes, true);
    view.setUint32(at + FRAME.DATA_BYTES, dataBytes, true);
    view.setUint32(at + FRAME.SLICE, record.slice, true);
    this.#writeLineOffset(at, record.lineOffset);
    view.setBigUint64(at + FRAME.HASH_HIGH, record.hashHigh, true);
    view.setBigUint64(at + FRAME.HASH_LOW, record.hashLow, true);
    const keyAt = at + FRAME.HEADER_BYTES;
    copyBytes(record.key, record.keyStart, record.keyEnd, this.#bytes, keyAt);
    copyBytes(record.data, record.dataStart, record.dataEnd, this.#bytes, keyAt + keyBytes);
    if (record.appendNewline) this.#bytes[keyAt + keyBytes + sourceBytes] = NEWLINE;
    this.#head = (this.#head + needBytes) >>> 0;
    return true;
  }

  /**
   * Writes a BEGIN or END frame of order mode.
   * @param sequence The task's, below 2^53.
   * @returns False when the lane is full, as with `tryWriteRecord`.
   */
  tryWriteMark(kind: typeof FRAME_KIND.BEGIN | typeof FRAME_KIND.END, sequence: number): boolean {
    const at = this.#reserve(FRAME.HEADER_BYTES);
    if (at < 0) return false;
    this.#bytes.fill(0, at, at + FRAME.HEADER_BYTES);
    this.#view.setUint32(at + FRAME.FRAME_BYTES, FRAME.HEADER_BYTES, true);
    this.#view.setUint8(at + FRAME.KIND, kind);
    this.#writeLineOffset(at, sequence);
    this.#head = (this.#head + FRAME.HEADER_BYTES) >>> 0;
    return true;
  }

  /** Hands everything written so far to the reader. Ringing its doorbell is the caller's. */
  publish(): void {
    if (this.#isDebug) {
      const seen = Atomics.load(this.#cells, LANE_CELL.HEAD) >>> 0;
      assert.equal(seen, this.#published, 'HEAD of a lane has a second writer');
    }
    // HEAD is stored last, or the reader sees a half-written frame.
    Atomics.store(this.#cells, LANE_CELL.HEAD, this.#head | 0);
    this.#published = this.#head;
  }

  #freeBytesKnown(): number {
    return this.capacityBytes - ((this.#head - this.#tail) >>> 0);
  }

  /** @returns Index into the data area of room for a contiguous frame, or -1. */
  #reserve(needBytes: number): number {
    if (needBytes > this.capacityBytes) {
      throw new RangeError(`Cannot write a frame of ${needBytes} bytes to a lane of ${this.capacityBytes}`);
    }
    const start = this.#head & (this.capacityBytes - 1);
    const toEndBytes = this.capacityBytes - start;
    if (toEndBytes >= needBytes) return this.#hasFree(needBytes) ? start : this.#full();
    if (!this.#hasFree(toEndBytes)) return this.#full();
    this.#view.setUint32(start + FRAME.FRAME_BYTES, toEndBytes, true);
    this.#view.setUint8(start + FRAME.KIND, FRAME_KIND.PAD);
    this.#head = (this.#head + toEndBytes) >>> 0;
    // The PAD goes out alone: the reader must be able to release it before a frame of over half the lane fits.
    this.publish();
    return this.#hasFree(needBytes) ? 0 : -1;
  }

  #hasFree(needBytes: number): boolean {
    return this.#freeBytesKnown() >= needBytes || this.freeBytes >= needBytes;
  }

  /** A writer that is about to wait must have published, or reader and writer wait for each other. */
  #full(): -1 {
    if (this.#published !== this.#head) this.publish();
    return -1;
  }

  #writeLineOffset(at: number, value: number): void {
    this.#view.setUint32(at + FRAME.LINE_OFFSET, value >>> 0, true);
    this.#view.setUint32(at + FRAME.LINE_OFFSET + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}

/** `set(subarray)` allocates a view, which costs more than a short copy. */
function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): void {
  if (end - start > 64) {
    to.set(from.subarray(start, end), at);
    return;
  }
  for (let i = start; i < end; i++) to[at + i - start] = from[i]!;
}
