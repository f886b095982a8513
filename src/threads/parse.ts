/**
 * Parse thread: one parser of the pool. It joins the rooms that a raw byte passes in this thread: decompress, cut, scan.
 * Takes  ParseTasks: raw bytes in shared memory.
 * Gives  frames in its own lanes, a tally per piece, rejected lines as messages.
 * Owns   the writing ends of its lanes and its scanner.
 * Never  owns a socket: it may stand still before a full lane (src/ring/wait.ts), and that is all the backpressure there is.
 */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { faultPoint } from '../fault-points.ts';
import { PHASE } from '../publish/setup.ts';
import { FRAME, FRAME_KIND } from '../ring/layout.ts';
import { LaneProducer } from '../ring/producer.ts';
import { Doorbell, waitForSpace } from '../ring/wait.ts';
import type { LineJudge } from '../scan/judging.ts';
import { openScanner } from '../scan/open.ts';
import type { Reject, ScanLanes, Scanner } from '../scan/scanner.ts';
import { Heart } from './heartbeat.ts';
import { Inflation } from './inflation.ts';
import { LaneDigest } from './lane-digest.ts';
import {
  PARSE_SHARED,
  type ParseMessage,
  type ParseReceipt,
  type ParseSetup,
  type ParseTask,
  type PieceTally,
  type RawPiece,
  type RejectedLine,
} from './parse-setup.ts';
import { emptyTally } from './tally.ts';

/** Messages that the main thread has not taken yet; beyond this a parser waits, so that a file of garbage stays within memory. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
const WAIT_SLICE_MS = 100;

/** Why a task ended early: the run is being stopped. */
class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export class ParseThread {
  readonly setup: ParseSetup;
  readonly #lanes: ScanLanes;
  readonly #scanner: Scanner;
  readonly #bell: Doorbell;
  readonly #control: Int32Array;
  readonly #shared: Int32Array;
  readonly #digest: LaneDigest;
  readonly #heart: Heart;
  /** Opened with the first compressed object, and kept: to make its block costs more than a small object. */
  #inflation: Inflation | null = null;

  private constructor(setup: ParseSetup, judge: LineJudge | undefined) {
    this.setup = setup;
    this.#shared = new Int32Array(setup.shared);
    const index = Atomics.add(this.#shared, PARSE_SHARED.STARTED, 1);
    const buffers = setup.lanes[index];
    assert(buffers, 'a lane has one writer: no thread may start in place of one that ended');
    this.#lanes = { buffers, starts: setup.starts };
    this.#scanner = openScanner(setup.rules, this.#lanes, { portable: setup.isPortable, judge });
    this.#bell = new Doorbell(setup.doorbells);
    this.#control = new Int32Array(setup.control);
    this.#heart = new Heart(setup.heartbeats, index);
    this.#digest = new LaneDigest(buffers, setup.digestKey, setup.buckets?.[index]);
  }

  /** Builds the thread's parser. The schema's compiler is loaded only where there is a schema: it costs more than all else here. */
  static async open(setup: ParseSetup): Promise<ParseThread> {
    const { schema } = setup;
    const judge = schema && (await import('../scan/schema.ts')).createJudge(schema.text, schema.name);
    return new ParseThread(setup, judge ?? undefined);
  }

  /** Does one task. Rejects only for a broken invariant, or when the run is being stopped. */
  async run(task: ParseTask): Promise<ParseReceipt> {
    this.#heart.isBusy = true;
    try {
      faultPoint('parser.task');
      return await this.#run(task);
    } finally {
      this.#heart.isBusy = false;
    }
  }

  async #run(task: ParseTask): Promise<ParseReceipt> {
    if (this.setup.isOrdered) this.#mark(FRAME_KIND.BEGIN, task.sequence);
    const tallies =
      task.kind === 'plain' ? task.pieces.map((piece) => this.#scanPlain(piece)) : await this.#inflate(task);
    if (this.setup.isOrdered) this.#mark(FRAME_KIND.END, task.sequence);
    return { tallies };
  }

  #inflate(task: Exclude<ParseTask, { kind: 'plain' }>): Promise<PieceTally[]> {
    this.#inflation ??= new Inflation(this.setup, this.#scan.bind(this), (line) => this.#post([line]));
    return task.kind === 'whole' ? this.#inflation.runWhole(task) : this.#inflation.runStream(task);
  }

  #scanPlain(piece: RawPiece): PieceTally {
    const tally = emptyTally(piece.unit, piece.objectOffset);
    const bytes = new Uint8Array(piece.buffer ?? this.setup.memory, piece.byteOffset, piece.length);
    this.#scan(bytes, 0, piece.length, piece.objectOffset, tally, Buffer.from(piece.coordinate));
    return tally;
  }

  /** Scans whole lines, waiting for lanes as needed, and adds what was found to `tally`. */
  #scan(
    bytes: Uint8Array,
    start: number,
    end: number,
    objectOffset: number,
    tally: PieceTally,
    coordinate: Uint8Array,
  ): void {
    const piece = { bytes, start, end, objectOffset, unit: tally.unit, coordinate };
    for (let from = start; ; ) {
      this.#digest.begin();
      const result = this.#scanner.scan(piece, from);
      const { sumA, sumB } = this.#digest.end();
      tally.digestA = BigInt.asUintN(64, tally.digestA + sumA);
      tally.digestB = BigInt.asUintN(64, tally.digestB + sumB);
      tally.lines += result.lines;
      tally.blank += result.blank;
      tally.rejected += result.rejected;
      tally.records += result.records;
      tally.recordBytes += result.recordBytes;
      if (this.setup.buckets) this.#digest.release();
      else if (this.setup.isCollecting) this.#collect(tally.unit, result.records);
      else if (result.records > 0) this.#ringAll();
      if (result.rejects.length > 0)
        this.#post(result.rejects.map((reject) => toRejectedLine(reject, bytes, tally.unit)));
      if (result.status === 'done') break;
      if (result.status === 'lane-full') this.#waitForLane(result.laneIndex, result.laneNeedBytes);
      from = result.next;
    }
    tally.endOffset = objectOffset + (end - start);
  }

  #ringAll(): void {
    for (let i = 0; i < this.#lanes.buffers.length; i++) this.#bell.ring(i);
  }

  #waitForLane(laneIndex: number, needBytes: number): void {
    const hasRoom = waitForSpace(this.#lanes.buffers[laneIndex]!, needBytes, () => this.#isStopping());
    if (!hasRoom) throw new StoppedError('The run is being stopped');
  }

  /** Asked again and again by whatever waits. */
  #isStopping(): boolean {
    this.#heart.beat();
    return Atomics.load(this.#control, 0) === PHASE.STOP;
  }

  /** Order mode: every lane of this parser learns where a task begins and ends. */
  #mark(kind: typeof FRAME_KIND.BEGIN | typeof FRAME_KIND.END, sequence: number): void {
    for (const [i, lane] of this.#lanes.buffers.entries()) {
      // The scanner writes to this lane too, so the producer starts from what is there now.
      const producer = new LaneProducer(lane);
      while (!producer.tryWriteMark(kind, sequence)) this.#waitForLane(i, FRAME.HEADER_BYTES);
      producer.publish();
    }
    this.#ringAll();
  }

  #post(lines: readonly RejectedLine[]): void {
    const bytes = lines.reduce((sum, line) => sum + line.data.byteLength, 0);
    this.#send({ kind: 'rejected', lines }, bytes, []);
  }

  /** Hands the frames of one scan to the main thread, and makes the lane empty again. */
  #collect(unit: number, records: number): void {
    for (const frames of this.#digest.written()) {
      const copy = frames.slice();
      this.#send({ kind: 'frames', unit, records, frames: copy }, copy.byteLength, [copy.buffer]);
      // The records of a scan that wrapped around are counted with its first part.
      records = 0;
    }
    this.#digest.release();
  }

  /** Posts a message, and waits while too much of them waits. */
  #send(message: ParseMessage, bytes: number, transferList: ArrayBuffer[]): void {
    Atomics.add(this.#shared, PARSE_SHARED.WAITING_BYTES, bytes);
    parentPort?.postMessage(message, transferList);
    for (;;) {
      const waiting = Atomics.load(this.#shared, PARSE_SHARED.WAITING_BYTES);
      if (waiting <= WAITING_BYTES_MAX || this.#isStopping()) return;
      Atomics.wait(this.#shared, PARSE_SHARED.WAITING_BYTES, waiting, WAIT_SLICE_MS);
    }
  }
}

function toRejectedLine(reject: Reject, bytes: Uint8Array, unit: number): RejectedLine {
  const { code, message, objectOffset, start, end } = reject;
  // A copy: the block is used again before the message is read.
  return { unit, code, message, objectOffset, length: end - start, data: bytes.slice(start, end) };
}

let thread: Promise<ParseThread> | null = null;

/** Entry of the pool: the thread's parser is built with its first task. */
export async function parse(task: ParseTask): Promise<ParseReceipt> {
  thread ??= ParseThread.open(workerData as ParseSetup);
  return (await thread).run(task);
}
