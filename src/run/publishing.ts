/**
 * Publishing: the way from lanes to the stream.
 * Takes  lanes, one per parser and publisher; what was found out about the stream.
 * Gives  acknowledged counts in shared memory, notices, and word when all is sent, or what an orderly stop has left.
 * Owns   the pool of publisher threads and their shared memory; whether there are any: a short run does without; the last word on whether the
 *        stream is still the one that was put to.
 * Never  reads a lane: that is the publishers' (workers/publish.ts).
 */
import type { EventLoopUtilization } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { MillraceError } from '../base/errors.ts';
import { ENGINE } from '../base/limits.ts';
import { entryFile } from '../base/package-root.ts';
import { threadHeap } from '../base/thread-heap.ts';
import { keyWatchOf } from '../observe/limit-watch.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import type { PublishNotice, PublishReceipt, PublishRules, PublishTask } from '../publish/setup.ts';
import { createStats } from '../publish/stats.ts';
import { cutOwnedRanges, packStarts } from '../record/hash-range.ts';
import { PHASE } from '../ring/phases.ts';
import { scannerReason } from '../scan/open.ts';
import type { Budget } from './budget.ts';
import { asFailure, workerFailure } from './failures.ts';
import type { Prepared } from './prepare.ts';
import { SentAgain } from './sent-again.ts';
import { publishHere } from './sinks.ts';
import { confirmStream, type StreamWatchOptions, watchStream } from './stream-watch.ts';

export interface PublishingOptions {
  readonly options: BackfillOptions;
  readonly prepared: Prepared;
  readonly budget: Budget;
  readonly publisherCount: number;
  /** Whether it may be said later (`begin`) that the publishers run in this thread. */
  readonly maySendHere: boolean;
  /** Per parser its lanes, one per publisher. */
  readonly lanes: readonly (readonly SharedArrayBuffer[])[];
  readonly doorbells: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
  readonly heartbeats: SharedArrayBuffer;
  readonly slices: SharedArrayBuffer;
  /** Ends the run: nobody waits then for an answer about the stream. */
  readonly signal: AbortSignal | undefined;
  readonly onNotice: (notice: PublishNotice) => void;
  readonly onFailure: (error: MillraceError) => void;
}

/** A service without one answer for this time is unavailable for good; so are permissions and credentials that worked before. */
const UNAVAILABLE_MS = Number(process.env.MILLRACE_AWAY_MS ?? 300_000);
const TIMES = {
  lingerMs: 100,
  requestTimeoutMs: 30_000,
  unavailableMs: UNAVAILABLE_MS,
  recordFailuresMax: 30,
} as const;

/** First hash keys of the publishers, for the parsers; without publishers, one that takes everything. */
export function publisherStarts(prepared: Prepared, publisherCount: number): BigUint64Array {
  return packStarts(publisherCount === 0 ? [{ start: 0n }] : cutOwnedRanges(prepared.shards, publisherCount));
}

/** Runs one publisher to its end. */
type RunPublisher = (task: PublishTask) => Promise<PublishReceipt>;

export class Publishing {
  readonly stats: SharedArrayBuffer;
  /** How the publishers that have ended did so. */
  readonly receipts: PublishReceipt[] = [];
  readonly #given: PublishingOptions;
  readonly #sentAgain: SentAgain;
  #pool: Piscina<PublishTask, PublishReceipt> | null = null;
  /** How publishers are run, once that is known. */
  readonly #runPublisher = Promise.withResolvers<RunPublisher>();
  #isBegun = false;
  readonly #abandoned: readonly PromiseWithResolvers<void>[];
  readonly #closing = new AbortController();
  readonly #asking: AbortSignal;

  constructor(given: PublishingOptions) {
    const { publisherCount: threads } = given;
    this.#given = given;
    this.#asking = AbortSignal.any([this.#closing.signal, ...(given.signal ? [given.signal] : [])]);
    this.stats = createStats(Math.max(1, threads));
    this.#sentAgain = new SentAgain(this.stats, given.prepared.journal);
    if (!given.maySendHere) this.begin('threads');
    this.#abandoned = Array.from({ length: threads }, () => Promise.withResolvers<void>());
  }

  /**
   * Lets the publishers run where it is cheapest, once that is known.
   * @param bytes Stored bytes of the run, as far as they are listed. @param areAll Of all its objects.
   */
  expect(bytes: number, areAll: boolean): void {
    if (bytes > ENGINE.sendHereBytesMax) this.begin('threads');
    else if (areAll) this.begin('here');
  }

  /**
   * Says where the publishers run. What is said first counts.
   * @param where `here`: little is going to be sent, or nothing.
   */
  begin(where: 'here' | 'threads'): void {
    const { publisherCount } = this.#given;
    if (this.#isBegun || publisherCount === 0) return;
    this.#isBegun = true;
    if (where === 'here') {
      this.#runPublisher.resolve((task) => publishHere(task, (notice) => this.#take(notice)));
      return;
    }
    const pool = this.#createPool(publisherCount);
    this.#pool = pool;
    this.#runPublisher.resolve((task) => pool.run(task));
  }

  /**
   * Runs the publishers to their end, and asks then whether the stream is still the same: another one holds nothing of what was put.
   * Never rejects: a failure goes to `onFailure`.
   */
  async run(): Promise<void> {
    const { onFailure, publisherCount } = this.#given;
    if (publisherCount === 0) return;
    const timer = watchStream(this.#watch, onFailure);
    try {
      const hasFailed = await this.#publish(await this.#runPublisher.promise);
      // An early end does not call anything delivered, and the next process asks before it puts anything.
      if (!hasFailed && !this.#isStopped) await confirmStream(this.#watch);
    } catch (error) {
      if (!this.#asking.aborted) onFailure(asFailure(error));
    } finally {
      clearInterval(timer);
      this.noteSentAgain();
    }
  }

  /** Journals what was sent again since the last call; to be called with every commit. */
  noteSentAgain(): void {
    this.#sentAgain.append();
  }

  /** @returns Whether a publisher failed. */
  async #publish(runPublisher: RunPublisher): Promise<boolean> {
    const { prepared, publisherCount, onFailure } = this.#given;
    let hasFailed = false;
    const fail = (error: MillraceError) => {
      hasFailed = true;
      onFailure(error);
    };
    const ranges = cutOwnedRanges(prepared.shards, publisherCount);
    const runs = ranges.map(async (ownedRange, publisherIndex) => {
      try {
        this.receipts.push(await runPublisher(this.#setup(publisherIndex, ownedRange)));
      } catch (error) {
        fail(workerFailure('publisher', error));
      }
    });
    await Promise.all(runs.map((run, index) => Promise.race([run, this.#abandoned[index]!.promise])));
    return hasFailed;
  }

  get #isStopped(): boolean {
    return Atomics.load(new Int32Array(this.#given.control), 0) >= PHASE.STOP;
  }

  get #watch(): StreamWatchOptions {
    const { prepared, options } = this.#given;
    const { sink, stream } = prepared;
    const advice =
      options.deadLetters === null
        ? 'deliver everything to the new one with --restart'
        : 'send all letters again';
    return { sink, stream, advice, signal: this.#asking };
  }

  /** `run` no longer waits for this publisher. Its thread ends with `close`. */
  abandon(publisherIndex: number): void {
    this.#abandoned[publisherIndex]!.resolve();
  }

  /** How busy each publisher thread has been since its start. */
  loads(): EventLoopUtilization[] {
    return this.#pool?.threads.map((thread) => thread.performance.eventLoopUtilization()) ?? [];
  }

  /** Ends the publisher threads, whatever they are doing. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('The run has ended'));
    await this.#pool?.destroy();
  }

  #createPool(threads: number): Piscina<PublishTask, PublishReceipt> {
    const pool = new Piscina<PublishTask, PublishReceipt>({
      filename: fileURLToPath(entryFile('publish')),
      minThreads: threads,
      maxThreads: threads,
      recordTiming: false, // nobody asks Piscina for its histograms, which take memory and time to make
      resourceLimits: threadHeap('bytes'),
      // A publisher owns sockets: it must never stand still in Atomics.wait between tasks.
      atomics: 'disabled',
    });
    pool.on('message', (notice: PublishNotice) => this.#take(notice));
    pool.on('error', (error: unknown) => this.#given.onFailure(workerFailure('publisher', error)));
    return pool;
  }

  #take(notice: PublishNotice): void {
    if (notice.kind === 'failed') this.#given.onFailure(MillraceError.fromWire(notice.error));
    else this.#given.onNotice(notice);
  }

  #setup(publisherIndex: number, ownedRange: PublishTask['ownedRange']): PublishTask {
    const { prepared, lanes, doorbells, control, heartbeats, slices, budget } = this.#given;
    const { name: streamName, traits } = prepared.stream;
    return {
      publisherIndex,
      streamName,
      address: prepared.address,
      traits,
      rules: this.#rules(),
      ownedRange,
      shards: prepared.shards,
      lanes: lanes.map((parserLanes) => parserLanes[publisherIndex]!),
      doorbells,
      control,
      slices,
      digestKey: prepared.digestKey,
      stats: this.stats,
      heartbeats,
      heartIndex: lanes.length + publisherIndex,
      bufferBytesMax: budget.publisherBytes,
      scanner: scannerReason() === null ? 'native' : 'portable',
      keyWatch: keyWatchOf(this.#given.options),
      seed: (Math.random() * 2 ** 32) >>> 0,
    };
  }

  #rules(): PublishRules {
    const { prepared, options, publisherCount } = this.#given;
    const { recordsPerSecond, bytesPerSecond } = options.rate ?? UNBOUNDED;
    return {
      inFlightMax: options.inFlight,
      batchRecordsMax: options.batchRecords,
      batchBytesMax: options.batchBytes,
      aggregateBytesMax: options.aggregate
        ? Math.min(options.aggregateBytes, prepared.rules.recordBytesMax)
        : null,
      order: options.order,
      headroom: options.headroom,
      recordsPerSecondMax: recordsPerSecond / publisherCount,
      bytesPerSecondMax: bytesPerSecond / publisherCount,
      ...TIMES,
    };
  }
}

const UNBOUNDED = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
