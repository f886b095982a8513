/**
 * Parse thread: one parser of the pool. It joins the rooms that a raw byte passes in this thread: decompress, cut, scan.
 * Takes  ParseTasks: raw bytes in shared memory.
 * Gives  what slicer.ts says of them; the end of every piece, whatever becomes of the run.
 * Owns   the writing ends of its lanes and its scanner.
 * Never  owns a socket: it may stand still before a full lane or window (src/ring/wait.ts), and that is all the backpressure there is.
 */
import assert from 'node:assert/strict';
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads';
import { MillraceError } from '../base/errors.ts';
import { faultPoint } from '../base/fault-points.ts';
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { Heart } from '../ring/heartbeat.ts';
import { LaneProducer } from '../ring/producer.ts';
import { Guard } from '../scan/guard.ts';
import { type OpenScannerOptions, openScanner } from '../scan/open.ts';
import type { ScanLanes } from '../scan/scanner.ts';
import type { LineShaper } from '../scan/shaper.ts';
import type { LineValidator } from '../scan/validating.ts';
import { Pipeline } from '../shape/pipeline.ts';
import type { RunningStage } from '../shape/stage.ts';
import { type Stages, TRANSFORM_TIMEOUT_MS } from '../shape/stages.ts';
import { Inflation } from './inflation.ts';
import { sendLetter } from './letters.ts';
import { LineCounter } from './line-count.ts';
import {
  type Found,
  PARSE_SHARED,
  type ParseMessage,
  type ParseSetup,
  type ParseTask,
  type PlainPiece,
} from './setup.ts';
import { Slicer, StoppedError } from './slicer.ts';
import { SpareBlocks } from './spare-blocks.ts';
import { Transformer } from './transformer.ts';
import { Trial } from './trial.ts';
import { Workbench } from './workbench.ts';

async function openRunning(stages: Stages): Promise<readonly RunningStage[]> {
  const { printOnStderr } = await import('../shape/stages/voice.ts');
  printOnStderr();
  return await (await import('../shape/stages/open-stage.ts')).openStages(stages);
}

export class ParseThread {
  readonly setup: ParseSetup;
  readonly #lanes: ScanLanes;
  readonly #slicer: Slicer;
  readonly #heart: Heart;
  /** Null without stages in JavaScript. */
  #trial: Trial | null = null;
  /** Opened with the first compressed object, and kept: making its block costs more than a small object. */
  #inflation: Inflation | null = null;

  private constructor(
    setup: ParseSetup,
    validator: LineValidator | undefined,
    shaper: LineShaper | null,
    stages: readonly RunningStage[],
  ) {
    this.setup = setup;
    const index = Atomics.add(new Int32Array(setup.shared), PARSE_SHARED.STARTED, 1);
    const buffers = setup.lanes[index];
    assert(buffers, 'a lane has one writer: no thread may start in place of one that ended');
    this.#lanes = { buffers, starts: setup.starts };
    this.#heart = new Heart(setup.heartbeats, index);
    const onTry = (silenceMs: number) => this.#heart.announceSilence(silenceMs);
    const options = { portable: setup.isPortable, validator, onTry };
    const scanner = openScanner(setup.rules, this.#lanes, { ...options, shaper });
    this.#slicer = new Slicer({
      setup,
      index,
      lanes: this.#lanes,
      ...{ scanner, shaper },
      ...(shaper && { plainScanner: openScanner(setup.rules, this.#lanes, options) }),
      ...(stages.length > 0 && { transformer: this.#transformer(stages, shaper, options) }),
      heart: this.#heart,
      post: (message, transferList) => parentPort?.postMessage(message, transferList),
    });
  }

  /** Builds the thread's parser. The schema's compiler is loaded only where there is a schema: it costs more than all else here. */
  static async open(setup: ParseSetup): Promise<ParseThread> {
    const { schema, stages = null } = setup;
    const validator = schema && (await import('../scan/schema.ts')).createValidator(schema.text, schema.name);
    const shaper = stages && (await import('../shape/prefix/line-shaper.ts')).createLineShaper(stages);
    const running = stages === null || stages.later.length === 0 ? [] : await openRunning(stages);
    return new ParseThread(setup, validator ?? undefined, shaper, running);
  }

  #transformer(
    stages: readonly RunningStage[],
    shaper: LineShaper | null,
    options: OpenScannerOptions,
  ): Transformer {
    const { rules, lineBytesMax, isPortable } = this.setup;
    const { timeoutMs = TRANSFORM_TIMEOUT_MS, isVolatile = false } = this.setup.stages!;
    const guard = new Guard({
      lineCpuMsMax: timeoutMs,
      onTry: (silenceMs) => this.#heart.announceSilence(silenceMs),
    });
    const pipeline = new Pipeline(stages, { guard, timeoutMs, heart: this.#heart });
    if (this.setup.closing !== undefined) closeWhenTold(this.setup.closing, pipeline);
    const tell = () => parentPort?.postMessage({ kind: 'tried' } satisfies ParseMessage);
    this.#trial = new Trial(this.setup.shared, !isVolatile, tell);
    return new Transformer({
      bench: new Workbench(rules, lineBytesMax, { portable: isPortable, shaper }),
      pipeline,
      checker: openScanner(rules, { buffers: [], starts: new BigUint64Array(0) }, options),
      hasSchema: options.validator !== undefined,
      trial: this.#trial,
    });
  }

  /**
   * Does one task, or as much of it as there is time for when the run is being stopped. Rejects only for a broken invariant.
   * @returns See Slicer.finish.
   */
  async run(task: ParseTask): Promise<Found | null> {
    this.#heart.isBusy = true;
    try {
      faultPoint('parser.task');
      this.#slicer.findings.begin();
      await this.#run(task);
      return this.#slicer.findings.finish();
    } finally {
      this.#heart.isBusy = false;
    }
  }

  async #run(task: ParseTask): Promise<void> {
    if (this.setup.isOrdered) this.#mark(FRAME_KIND.BEGIN, task.sequence);
    await this.#takeTurn(task);
    if (task.kind === 'plain') for (const piece of task.pieces) await this.#scanPlain(piece);
    else if (task.kind === 'whole') await this.#inflater.runWhole(task);
    else await this.#inflater.runStream(task);
    if (this.setup.isOrdered) this.#mark(FRAME_KIND.END, task.sequence);
  }

  /** What is inflated may hold memory that the task whose turn it is waits for: it is not begun before. */
  async #takeTurn({ kind, sequence }: ParseTask): Promise<void> {
    this.#trial?.begin(sequence);
    if (kind !== 'plain') await this.#trial?.enter(() => this.#slicer.isStopping());
  }

  get #inflater(): Inflation {
    const { spare } = this.setup;
    this.#inflation ??= new Inflation(this.setup, this.#slicer, spare && new SpareBlocks(spare));
    return this.#inflation;
  }

  async #scanPlain(piece: PlainPiece): Promise<void> {
    const { buffer, byteOffset, length, piece: number, coordinate, place, shaped, isGiven = false } = piece;
    const { memory, spare } = this.setup;
    if (isGiven) faultPoint('parser.given');
    const bytes = new Uint8Array(isGiven ? spare!.blocks : (buffer ?? memory), byteOffset, length);
    // The newline that the rules have put behind it comes there again.
    const end =
      shaped?.isRaw && this.setup.rules.appendNewline && bytes.at(-1) === 0x0a ? length - 1 : length;
    const counter = this.setup.isCounting && !isGiven ? new LineCounter() : null;
    counter?.add(bytes);
    try {
      const source = { piece: number, coordinate: Buffer.from(coordinate), place, shaped };
      const lines = { ...piece, bytes, from: 0, end };
      if (!piece.letter || shaped?.isRaw) await this.#slicer.scan(source, lines);
      else await sendLetter({ setup: this.setup, slicer: this.#slicer }, source, lines);
      this.#slicer.findings.endPiece(number, null, 'open', counter?.count(true));
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
      this.#slicer.findings.endPiece(number, null, 'cut');
    }
  }

  /** Order mode: every lane of this parser learns where a task begins and ends, unless the run is being stopped. */
  #mark(kind: typeof FRAME_KIND.BEGIN | typeof FRAME_KIND.END, sequence: number): void {
    try {
      this.#writeMarks(kind, sequence);
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
    }
  }

  #writeMarks(kind: typeof FRAME_KIND.BEGIN | typeof FRAME_KIND.END, sequence: number): void {
    for (const [i, lane] of this.#lanes.buffers.entries()) {
      // The scanner writes to this lane too, so the producer starts from what is there now.
      const producer = new LaneProducer(lane);
      while (!producer.tryWriteMark(kind, sequence)) this.#slicer.waitForLane(i, FRAME.HEADER_BYTES);
      producer.publish();
    }
    this.#slicer.ringAll();
  }
}

/** Threads are ended from outside: stages have to be told before. */
function closeWhenTold(name: string, pipeline: Pipeline): void {
  const channel = new BroadcastChannel(name);
  channel.onmessage = () => {
    const tell = () => parentPort?.postMessage({ kind: 'closed' } satisfies ParseMessage);
    // What fails here has nothing to do with any record.
    void pipeline.close().then(tell, tell);
  };
  channel.unref();
}

let thread: Promise<ParseThread> | null = null;

/** Entry of the pool: the thread's parser is built with its first task. */
export async function parse(task: ParseTask): Promise<Found | null> {
  thread ??= ParseThread.open(workerData as ParseSetup).catch((error: unknown) => {
    if (error instanceof MillraceError)
      parentPort?.postMessage({ kind: 'failed', error: error.toWire() } satisfies ParseMessage);
    throw error;
  });
  return (await thread).run(task);
}
