/**
 * Slicer: the room of a parser thread where lines become slices, and slices frames.
 * Takes  whole lines of one object, and the range of the object that they stand for.
 * Gives  frames in the thread's lanes; to the main thread a receipt for each slice, behind its rejected lines, and the ends of pieces.
 * Owns   the cutting of lines into slices, the thread's scanner, and the order of messages to the main thread.
 * Never  waits before it has said what it found: what the main thread does not know cannot be journaled, so no room comes back.
 */

import { LaneDigest } from '../digest/lane-digest.ts';
import type { Heart } from '../ring/heartbeat.ts';
import { PHASE } from '../ring/phases.ts';
import { SliceLender } from '../ring/slices.ts';
import { Doorbell, waitForAtMost, waitForSpace, waitForWindow } from '../ring/wait.ts';
import type { Reject, ScanLanes, Scanner } from '../scan/scanner.ts';
import type { PiecePlace } from '../scan/shaper.ts';
import type { LineCount } from './line-count.ts';
import {
  PARSE_SHARED,
  type ParseMessage,
  type ParseSetup,
  type PieceEnd,
  type PieceError,
  type RejectedLine,
  type SliceReceipt,
} from './setup.ts';

/** Messages that the main thread has not taken yet; beyond this a parser waits, so that a file of garbage stays within memory. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** Receipts that travel in one message at most. */
const RECEIPTS_MAX = 256;
const NEWLINE = 10;

/** Why a task ended early: the run is being stopped. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

/** Where lines come from: the piece that findings in them are reported for. */
export interface LineSource {
  readonly piece: number;
  readonly coordinate: Uint8Array;
  readonly place?: PiecePlace | undefined;
  /** Its lines are the outcome of the stages already. */
  readonly isShaped?: boolean | undefined;
}

/** Lines bytes[from, end), which stand for [rangeStart, rangeEnd) of their object. */
export interface LineRun {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly end: number;
  /** Of bytes[from]. */
  readonly objectOffset: number;
  readonly rangeStart: number;
  readonly rangeEnd: number;
  /** Only the records at these offsets, or null: all lines. */
  readonly only: readonly number[] | null;
}

export interface SlicerParts {
  readonly setup: Omit<ParseSetup, 'memory'>;
  /** Which parser this thread is, 0-based. */
  readonly index: number;
  readonly lanes: ScanLanes;
  readonly scanner: Scanner;
  /** For lines that are the outcome of the stages; by default the same. */
  readonly plainScanner?: Scanner;
  readonly heart: Pick<Heart, 'beat'>;
  /** Hands a message to the main thread. */
  readonly post: (message: ParseMessage, transferList: readonly ArrayBuffer[]) => void;
}

export class Slicer {
  readonly #setup: Omit<ParseSetup, 'memory'>;
  readonly #lanes: ScanLanes;
  readonly #scanner: Scanner;
  readonly #plainScanner: Scanner;
  readonly #heart: Pick<Heart, 'beat'>;
  readonly #post: SlicerParts['post'];
  readonly #lender: SliceLender;
  readonly #digest: LaneDigest;
  readonly #bell: Doorbell;
  readonly #control: Int32Array;
  readonly #shared: Int32Array;
  #slices: SliceReceipt[] = [];
  #ends: PieceEnd[] = [];

  constructor({ setup, index, lanes, scanner, plainScanner = scanner, heart, post }: SlicerParts) {
    this.#setup = setup;
    this.#lanes = lanes;
    this.#scanner = scanner;
    this.#plainScanner = plainScanner;
    this.#heart = heart;
    this.#post = post;
    this.#lender = new SliceLender(setup.slices, index, setup.lanes.length);
    this.#digest = new LaneDigest(lanes.buffers, setup.digestKey, setup.buckets?.[index]);
    this.#bell = new Doorbell(setup.doorbells);
    this.#control = new Int32Array(setup.control);
    this.#shared = new Int32Array(setup.shared);
  }

  /** Scans lines slice by slice. @throws {StoppedError} When the run is being stopped; what was scanned by then has been said. */
  scan(source: LineSource, run: LineRun): void {
    const { bytes, from, end, objectOffset, rangeStart, rangeEnd, only } = run;
    const shift = objectOffset - from;
    if (only !== null) {
      const runs = linesAt(bytes, from, end, shift, only);
      this.#scanSlice(source, bytes, runs, shift, rangeStart, rangeEnd, undefined);
      return;
    }
    let start = rangeStart;
    for (let at = from; at < end; ) {
      const stop = cutBehind(bytes, at, end, this.#lender.sliceBytes);
      const sliceEnd = stop === end ? rangeEnd : stop + shift;
      this.#scanSlice(source, bytes, [[at, stop]], shift, start, sliceEnd, run);
      at = stop;
      start = sliceEnd;
    }
  }

  /** A line that is too long to be kept is a slice of its own. */
  rejectOversize(line: RejectedLine, start: number, end: number): void {
    const receipt = this.#open(line.piece, start, end, line.data.byteLength);
    receipt.lines = 1;
    this.#reject(receipt, [line]);
    receipt.rejected = 1;
    this.#close(receipt);
  }

  /** Nothing more will be found in this piece. */
  endPiece(piece: number, error: PieceError | null, state: PieceEnd['state'], count?: LineCount): void {
    this.#ends.push({ piece, error, state, ...(count && { count }) });
  }

  /** Tells the main thread what was found. */
  flush(): void {
    if (this.#slices.length === 0 && this.#ends.length === 0) return;
    const message: ParseMessage = { kind: 'found', slices: this.#slices, ends: this.#ends };
    this.#slices = [];
    this.#ends = [];
    this.#post(message, []);
  }

  /** Waits until there is room in a lane. @throws {StoppedError} */
  waitForLane(laneIndex: number, needBytes: number): void {
    this.flush();
    if (!waitForSpace(this.#lanes.buffers[laneIndex]!, needBytes, () => this.isStopping()))
      throw new StoppedError('The run is being stopped');
  }

  /** Asked again and again by whatever waits. */
  isStopping(): boolean {
    this.#heart.beat();
    return Atomics.load(this.#control, 0) >= PHASE.STOP;
  }

  ringAll(): void {
    for (let i = 0; i < this.#lanes.buffers.length; i++) this.#bell.ring(i);
  }

  /**
   * @param runs Whole lines each. @param shift Add it to an index into `bytes` to get the offset in the object.
   * @param whole What the slice was cut of.
   */
  #scanSlice(
    source: LineSource,
    bytes: Uint8Array,
    runs: readonly (readonly [from: number, end: number])[],
    shift: number,
    start: number,
    end: number,
    whole: LineRun | undefined,
  ): void {
    const length = runs.reduce((sum, [from, stop]) => sum + (stop - from), 0);
    const receipt = this.#open(source.piece, start, end, length);
    try {
      for (const [from, stop] of runs) this.#scanRun(source, bytes, from, stop, shift, receipt, whole);
    } finally {
      this.#close(receipt);
    }
  }

  #scanRun(
    { coordinate, place, isShaped }: LineSource,
    bytes: Uint8Array,
    from: number,
    end: number,
    shift: number,
    receipt: SliceReceipt,
    whole: LineRun | undefined,
  ): void {
    const { slice, piece } = receipt;
    const scanner = isShaped ? this.#plainScanner : this.#scanner;
    const lines = {
      ...{ bytes, start: from, end, objectOffset: from + shift, slice, coordinate },
      ...(whole && { lines: whole }),
      ...(place && { place }),
    };
    for (let at = from; ; ) {
      this.#digest.begin();
      const result = scanner.scan(lines, at);
      const { sumA, sumB } = this.#digest.end();
      receipt.digestA = BigInt.asUintN(64, receipt.digestA + sumA);
      receipt.digestB = BigInt.asUintN(64, receipt.digestB + sumB);
      receipt.lines += result.lines;
      receipt.blank += result.blank;
      receipt.filtered += result.filtered;
      receipt.rejected += result.rejected;
      receipt.records += result.records;
      receipt.recordBytes += result.recordBytes;
      if (this.#setup.buckets) this.#digest.release();
      else if (this.#setup.isCollecting) this.#collect(piece);
      else if (result.records > 0) this.ringAll();
      if (result.rejects.length > 0)
        this.#reject(
          receipt,
          result.rejects.map((reject) => toRejectedLine(reject, bytes, piece)),
        );
      if (result.status === 'done') return;
      const mayGoOn =
        result.status === 'lane-full'
          ? this.#hasRoom(result.laneIndex, result.laneNeedBytes)
          : result.next === end || !this.isStopping();
      if (!mayGoOn) {
        // What is not scanned yet stays with the source: the slice ends before the line that waited.
        receipt.end = Math.min(receipt.end, Math.max(receipt.start, result.next + shift));
        throw new StoppedError('The run is being stopped');
      }
      at = result.next;
    }
  }

  #hasRoom(laneIndex: number, needBytes: number): boolean {
    const lane = this.#lanes.buffers[laneIndex]!;
    this.flush();
    return waitForSpace(lane, needBytes, () => this.isStopping());
  }

  #open(piece: number, start: number, end: number, bytes: number): SliceReceipt {
    if (!this.#lender.mayOpen(bytes)) {
      this.flush();
      if (!waitForWindow(this.#lender, bytes, () => this.isStopping()))
        throw new StoppedError('The run is being stopped');
    }
    if (this.isStopping()) throw new StoppedError('The run is being stopped');
    const counts = { lines: 0, blank: 0, filtered: 0, rejected: 0, records: 0, recordBytes: 0 };
    const slice = this.#lender.open(bytes);
    return { ...counts, slice, piece, start, end, bytes, codes: null, digestA: 0n, digestB: 0n };
  }

  #close(receipt: SliceReceipt): void {
    this.#slices.push(receipt);
    if (this.#slices.length >= RECEIPTS_MAX) this.flush();
  }

  #reject(receipt: SliceReceipt, lines: readonly RejectedLine[]): void {
    receipt.codes ??= {};
    let bytes = 0;
    for (const { code, data } of lines) {
      receipt.codes[code] = (receipt.codes[code] ?? 0) + 1;
      bytes += data.byteLength;
    }
    this.#send({ kind: 'rejected', lines }, bytes, []);
  }

  /** Hands the frames of one scan to the main thread, and makes the lane empty again. */
  #collect(piece: number): void {
    for (const frames of this.#digest.written()) {
      const copy = frames.slice();
      this.#send({ kind: 'frames', piece, frames: copy }, copy.byteLength, [copy.buffer]);
    }
    this.#digest.release();
  }

  /** Posts a message, and waits while too many are pending. */
  #send(message: ParseMessage, bytes: number, transferList: ArrayBuffer[]): void {
    Atomics.add(this.#shared, PARSE_SHARED.WAITING_BYTES, bytes);
    this.#post(message, transferList);
    waitForAtMost(this.#shared, PARSE_SHARED.WAITING_BYTES, WAITING_BYTES_MAX, () => this.isStopping());
  }
}

/** Index behind the last line that ends within `sliceBytes`; behind the first line where that one is longer. */
function cutBehind(bytes: Uint8Array, at: number, end: number, sliceBytes: number): number {
  if (end - at <= sliceBytes) return end;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  const last = view.lastIndexOf(NEWLINE, at + sliceBytes - 1);
  const newline = last >= at ? last : view.indexOf(NEWLINE, at + sliceBytes);
  return newline < 0 ? end : newline + 1;
}

/** The lines with a record at one of these offsets, neighbours as one run. */
function linesAt(
  bytes: Uint8Array,
  from: number,
  end: number,
  shift: number,
  only: readonly number[],
): [from: number, end: number][] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, end);
  const runs: [number, number][] = [];
  for (const offset of only) {
    const at = offset - shift;
    const newline = view.indexOf(NEWLINE, at);
    const stop = newline < 0 ? end : newline + 1;
    const last = runs.at(-1);
    const start = Math.max(from, at === 0 ? 0 : view.lastIndexOf(NEWLINE, at - 1) + 1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], stop);
    else runs.push([start, stop]);
  }
  return runs;
}

function toRejectedLine(reject: Reject, bytes: Uint8Array, piece: number): RejectedLine {
  const { code, message, objectOffset, start, end } = reject;
  // A copy: the block is used again before the message is read.
  return { piece, code, message, objectOffset, length: end - start, data: bytes.slice(start, end) };
}
