/**
 * Slicer: the room of a parser thread where lines become slices, and slices frames.
 * Takes  whole lines of one object, and the range of the object that they stand for.
 * Gives  frames in the thread's lanes; a receipt for each slice, behind its rejected lines (findings.ts).
 * Owns   the cutting of lines into slices, and the thread's scanner.
 * Never  waits before it has said what it found: what the main thread does not know cannot be journaled, so no room comes back.
 */

import { MillraceError } from '../base/errors.ts';
import { LaneDigest } from '../digest/lane-digest.ts';
import type { Heart } from '../ring/heartbeat.ts';
import { PHASE } from '../ring/phases.ts';
import { outputsAt, type Places } from '../ring/ranges.ts';
import { SliceLender } from '../ring/slices.ts';
import { Doorbell, isMostlyFull, waitForSpace, waitForWindow } from '../ring/wait.ts';
import {
  lineOffset,
  type ScanLanes,
  type Scanner,
  type ScanPiece,
  type ScanResult,
} from '../scan/scanner.ts';
import type { LineShaper } from '../scan/shaper.ts';
import { Findings, type PostMessage } from './findings.ts';
import type { ParseSetup, RejectedLine, SliceReceipt } from './setup.ts';
import { type LineRun, type LineSource, piecesOf, type SliceRange, slicesOf } from './slice-cut.ts';
import type { SliceOutcome, Transformer } from './transformer.ts';
import { unwrittenOf } from './unwritten.ts';
import { type ValueRun, valuePiecesOf, valueSlicesOf } from './value-slices.ts';

/** Largest slice whose lines go through stages in JavaScript. CLI contract. */
const TRANSFORM_BYTES_MAX = 256 * 1024;

/** Why a task ended early: the run is being stopped. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface SlicerParts {
  readonly setup: Omit<ParseSetup, 'memory'>;
  /** Which parser this thread is, 0-based. */
  readonly index: number;
  readonly lanes: ScanLanes;
  readonly scanner: Scanner;
  /** For lines that are the outcome of the stages; by default the same. */
  readonly plainScanner?: Scanner;
  /** Stages in JavaScript: what they make of lines goes through the plain scanner. */
  readonly transformer?: Transformer | null;
  /** Of the scanner's stages. */
  readonly shaper?: LineShaper | null;
  readonly heart: Pick<Heart, 'beat'>;
  readonly post: PostMessage;
}

export class Slicer {
  /** What was found, on its way to the main thread. */
  readonly findings: Findings;
  readonly #setup: Omit<ParseSetup, 'memory'>;
  readonly #lanes: ScanLanes;
  readonly #scanner: Scanner;
  readonly #plainScanner: Scanner;
  readonly #transformer: Transformer | null;
  readonly #heart: Pick<Heart, 'beat'>;
  readonly #lender: SliceLender;
  readonly #digest: LaneDigest;
  readonly #bell: Doorbell;
  readonly #control: Int32Array;

  constructor({ setup, index, lanes, scanner, plainScanner = scanner, ...parts }: SlicerParts) {
    const { heart, post, transformer = null, shaper = null } = parts;
    this.#transformer = transformer;
    this.#setup = setup;
    this.#lanes = lanes;
    this.#scanner = scanner;
    this.#plainScanner = plainScanner;
    this.#heart = heart;
    this.#lender = new SliceLender(setup.slices, index, setup.lanes.length);
    this.#digest = new LaneDigest(lanes.buffers, setup.digestKey, setup.buckets?.[index]);
    this.#bell = new Doorbell(setup.doorbells);
    this.#control = new Int32Array(setup.control);
    this.findings = new Findings(post, setup.shared, () => this.isStopping(), shaper?.times);
  }

  /**
   * Scans lines slice by slice.
   * @returns A promise only where they go through stages in JavaScript. The lines must stay where they are until it is settled.
   * @throws {StoppedError} When the run is being stopped; what was scanned by then has been said.
   */
  scan(source: LineSource, run: LineRun): void | Promise<void> {
    if (this.#transformer !== null && !source.shaped) return this.#transform(this.#transformer, source, run);
    // Of one record nothing is cut off, whatever is in it.
    const sliceBytes = () => (source.shaped ? run.end - run.from : this.#lender.sliceBytes);
    for (const slice of slicesOf(run, sliceBytes)) this.#scanSlice(source, run, slice);
  }

  /**
   * Scans values slice by slice.
   * @returns The first that is no JSON: it and those behind it are not dealt with. `run.end` where there is none. A promise where they go
   * through stages in JavaScript: then the lines must stay where they are until it is settled.
   * @throws {StoppedError} When the run is being stopped; what was scanned by then has been said.
   */
  scanValues(source: LineSource, run: ValueRun): number | Promise<number> {
    if (this.#transformer !== null && !source.shaped)
      return this.#transformValues(this.#transformer, source, run);
    const scanner = source.shaped ? this.#plainScanner : this.#scanner;
    for (const slice of valueSlicesOf(run, () => this.#lender.sliceBytes)) {
      const receipt = this.#open(source.piece, slice.start, slice.end, slice.bytes);
      try {
        for (const piece of valuePiecesOf(source, slice, receipt.slice)) {
          const count = this.#countInto(receipt, piece.bytes);
          let isDamaged = false;
          const reached = this.#scanPiece(scanner, piece, receipt, (result) => {
            count(result);
            isDamaged = result.status === 'damaged';
          });
          if (reached === piece.end) continue;
          if (!isDamaged) this.#stopAt(receipt, lineOffset(piece, reached));
          receipt.end = Math.max(receipt.start, lineOffset(piece, reached));
          return run.lines.at(reached);
        }
      } finally {
        this.findings.addSlice(receipt);
      }
    }
    return run.end;
  }

  /** Stages see JSON alone, so the values are judged before them. */
  async #transformValues(transformer: Transformer, source: LineSource, run: ValueRun): Promise<number> {
    const end = run.lines.judge(run.first, run.end);
    const { trial } = transformer;
    const rangeEnd = end < run.end ? run.lines.offsetOf(end) : run.rangeEnd;
    const judged = { ...run, end, rangeEnd };
    for (const slice of valueSlicesOf(judged, () => this.#transformBytes())) {
      if (!trial.isOver && transformer.hasLines(valuePiecesOf(source, slice, 0)))
        await trial.enter(() => this.isStopping());
      const receipt = this.#open(source.piece, slice.start, slice.end, slice.bytes);
      await this.#transformPieces(
        transformer,
        receipt,
        valuePiecesOf(source, slice, receipt.slice),
        run.only,
      );
    }
    return end;
  }

  /** A line that is too long to be kept is a slice of its own. */
  rejectOversize(line: RejectedLine, start: number, end: number): void {
    const receipt = this.#open(line.piece, start, end, line.data.byteLength);
    receipt.lines = 1;
    this.findings.reject(receipt, [line]);
    receipt.rejected = 1;
    this.findings.addSlice(receipt);
  }

  /** Bytes of an object that are no lines. */
  passOver(piece: number, start: number, end: number): void {
    this.findings.addSlice(this.#open(piece, start, end, end - start));
  }

  /** Waits until there is room in a lane. @throws {StoppedError} */
  waitForLane(laneIndex: number, needBytes: number): void {
    if (!this.#hasRoom(laneIndex, needBytes)) throw new StoppedError('The run is being stopped');
  }

  /** Asked again and again by whatever waits. */
  isStopping(): boolean {
    this.#heart.beat();
    return Atomics.load(this.#control, 0) >= PHASE.STOP;
  }

  /** Whether nobody else shall scan: publishers are behind, or the first lines are still to be tried twice, and not by another task. */
  isHeld(): boolean {
    const isTried = this.#transformer?.trial.isOver ?? true;
    return !isTried || this.#lanes.buffers.some(isMostlyFull);
  }

  ringAll(): void {
    for (let i = 0; i < this.#lanes.buffers.length; i++) this.#bell.ring(i);
  }

  #scanSlice(source: LineSource, run: LineRun, slice: SliceRange): void {
    const receipt = this.#openSlice(source, slice);
    const scanner = source.shaped ? this.#plainScanner : this.#scanner;
    try {
      for (const piece of piecesOf(source, run, slice, receipt.slice)) {
        const reached = this.#scanPiece(scanner, piece, receipt, this.#countInto(receipt, run.bytes));
        if (reached < piece.end) this.#stopAt(receipt, piece.objectOffset + (reached - piece.start));
      }
    } finally {
      this.findings.addSlice(receipt);
    }
  }

  #countInto(receipt: SliceReceipt, bytes: Uint8Array): (result: ScanResult) => void {
    return (result) => {
      receipt.lines += result.lines;
      receipt.blank += result.blank;
      receipt.filtered += result.filtered;
      this.findings.addUnsampled(result.unsampled);
      receipt.rejected += result.rejected;
      if (result.rejects.length > 0) this.findings.rejectAll(receipt, result.rejects, bytes);
    };
  }

  async #transform(transformer: Transformer, source: LineSource, run: LineRun): Promise<void> {
    const { trial } = transformer;
    for (const slice of slicesOf(run, () => this.#transformBytes())) {
      if (!trial.isOver && transformer.hasLines(piecesOf(source, run, slice, 0)))
        await trial.enter(() => this.isStopping());
      const receipt = this.#openSlice(source, slice);
      await this.#transformPieces(
        transformer,
        receipt,
        piecesOf(source, run, slice, receipt.slice),
        run.only,
      );
    }
  }

  /** All lines of a slice are objects at once. */
  #transformBytes(): number {
    return Math.min(TRANSFORM_BYTES_MAX, this.#lender.sliceBytes);
  }

  async #transformPieces(
    transformer: Transformer,
    receipt: SliceReceipt,
    pieces: readonly ScanPiece[],
    only: Places | null,
  ): Promise<void> {
    const wanted = only && ((offset: number) => outputsAt(only, offset));
    let outcome: SliceOutcome;
    try {
      outcome = await transformer.run(pieces, wanted, (piece, onResult) =>
        this.#scanPiece(this.#plainScanner, piece, receipt, onResult),
      );
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      this.findings.fail(error);
      throw new StoppedError(error.message);
    }
    this.findings.addFigures(transformer.pipeline.takeFigures());
    this.findings.addUnsampled(outcome.unsampled);
    const { lines, blank, filtered, added, rejects, reached, unwritten } = outcome;
    if (unwritten.length > 0) this.#leave(receipt, unwritten);
    Object.assign(receipt, { lines, blank, filtered, added, rejected: rejects.length });
    try {
      if (rejects.length > 0) this.findings.rejectAll(receipt, rejects, pieces[0]!.bytes);
      if (reached !== null) this.#stopAt(receipt, reached);
    } finally {
      this.findings.addSlice(receipt);
    }
  }

  /** Other records of its last line are out: these are what an orderly stop leaves of it. */
  #leave(receipt: SliceReceipt, pieces: readonly ScanPiece[]): void {
    const left = unwrittenOf(pieces, this.#setup, this.#lanes.buffers[0]!.byteLength);
    receipt.records += left.count;
    receipt.recordBytes += left.bytes;
    receipt.digestA = BigInt.asUintN(64, receipt.digestA + left.sumA);
    receipt.digestB = BigInt.asUintN(64, receipt.digestB + left.sumB);
    receipt.unwritten = left;
  }

  /** What is not scanned yet stays with the source: the slice ends before the line that waited. */
  #stopAt(receipt: SliceReceipt, offset: number): never {
    receipt.end = Math.min(receipt.end, Math.max(receipt.start, offset));
    throw new StoppedError('The run is being stopped');
  }

  /** @returns Index behind what was dealt with: less than the piece's end when the run is being stopped. */
  #scanPiece(
    scanner: Scanner,
    piece: ScanPiece,
    receipt: SliceReceipt,
    onResult: (result: ScanResult) => void,
  ): number {
    for (let at = piece.start; ; ) {
      this.#digest.begin();
      const result = scanner.scan(piece, at);
      const { sumA, sumB } = this.#digest.end();
      receipt.digestA = BigInt.asUintN(64, receipt.digestA + sumA);
      receipt.digestB = BigInt.asUintN(64, receipt.digestB + sumB);
      receipt.records += result.records;
      receipt.recordBytes += result.recordBytes;
      if (this.#setup.buckets) this.#digest.release();
      else if (this.#setup.isCollecting) this.#collect(receipt.piece);
      else if (result.records > 0) this.ringAll();
      onResult(result);
      if (result.status === 'done') return piece.end;
      if (result.status === 'damaged') return result.next;
      const mayGoOn =
        result.status === 'lane-full'
          ? this.#hasRoom(result.laneIndex, result.laneNeedBytes)
          : result.next === piece.end || !this.isStopping();
      if (!mayGoOn) return result.next;
      at = result.next;
    }
  }

  /** Publishers need no receipts to make room, and mostly do so soon: only in a longer wait the main thread is told what was found. */
  #hasRoom(laneIndex: number, needBytes: number): boolean {
    let looks = 0;
    return waitForSpace(this.#lanes.buffers[laneIndex]!, needBytes, () => {
      if (looks++ > 0) this.findings.flush();
      return this.isStopping();
    });
  }

  #openSlice({ piece }: LineSource, { runs, start, end }: SliceRange): SliceReceipt {
    const length = runs.reduce((sum, [from, stop]) => sum + (stop - from), 0);
    return this.#open(piece, start, end, length);
  }

  #open(piece: number, start: number, end: number, bytes: number): SliceReceipt {
    if (!this.#lender.mayOpen(bytes)) {
      this.findings.flush();
      if (!waitForWindow(this.#lender, bytes, () => this.isStopping()))
        throw new StoppedError('The run is being stopped');
    }
    if (this.isStopping()) throw new StoppedError('The run is being stopped');
    const counts = { lines: 0, blank: 0, filtered: 0, added: 0, rejected: 0, records: 0, recordBytes: 0 };
    const slice = this.#lender.open(bytes);
    return { ...counts, slice, piece, start, end, bytes, codes: null, digestA: 0n, digestB: 0n };
  }

  /** Hands the frames of one scan to the main thread, and makes the lane empty again. */
  #collect(piece: number): void {
    for (const frames of this.#digest.written()) {
      this.findings.addFrames(piece, frames.slice());
    }
    this.#digest.release();
  }
}
