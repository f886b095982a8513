/**
 * DownloadPool: the whole source stage behind one door. Downloads run side by side; what they bring leaves through the sink.
 * Takes  objects in listing order, and releases of parse batches.
 * Gives  segments as events to the sink: plain objects as pieces of whole lines, compressed ones as stored bytes.
 * Owns   the slots, their blocks, and how many of them may work at once.
 * Never  parses, decompresses or journals. The only state of a run is in this object.
 *
 * ```
 *  objects -> planner -> slot 0..n (download, cut) -> delivery -> sink
 *                          ^ blocks, one quota each      |
 *                          '------ releaseParseBatch --------'
 * ```
 */
import { setMaxListeners } from 'node:events';
import { MillraceError } from '../base/errors.ts';
import { ENGINE } from '../base/limits.ts';
import { AdaptiveLimit } from './adaptive.ts';
import { BlockPool } from './block-pool.ts';
import { Delivery, type SourceSink } from './delivery.ts';
import type { DownloadContext, DownloadStats } from './download.ts';
import type { Segment, SourceObject } from './object.ts';
import { Proofs } from './proofs.ts';
import { type Clock, RETRY_POLICY_DEFAULT, type RetryPolicy, systemClock } from './retry.ts';
import { type ObjectResume, Planner } from './segments.ts';
import { Slot } from './slot.ts';
import type { RangeReader } from './source.ts';
import { SourceFailure } from './source-failure.ts';
import { Witness } from './witness.ts';

export interface DownloadPoolOptions {
  readonly reader: RangeReader;
  readonly objects: AsyncIterable<SourceObject>;
  readonly sink: SourceSink;
  /** `--downloads`: downloads at once, 1 to 256. */
  readonly downloads: number;
  /** `--segment-size`: at least a block. */
  readonly segmentBytes: number;
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  /** Plain objects are carried as text: see segments.ts. */
  readonly isText?: boolean;
  /** Deliver segments strictly in listing order, to the end or until `endOrder`. */
  readonly isOrdered: boolean;
  /** Blocks that one download may fill before the first of them is released. Default 4, at least 2. */
  readonly blocksPerSlot?: number;
  /** Blocks of lines that are out at once, of all downloads together. More than `downloads`; not in order. Default: all. */
  readonly blocksOutMax?: number;
  /** Default ENGINE.blockBytes. */
  readonly blockBytes?: number;
  /** Longest line that is kept. Default 16 MiB; at least a block. One such line a slot is the worst case for memory. */
  readonly lineBytesMax?: number;
  /** Default ENGINE.segmentLookaheadBytes. */
  readonly lookaheadBytes?: number;
  readonly parseBatchBytes?: number;
  readonly lingerMs?: number;
  /** What the journal knows of an object, or null. */
  readonly resume?: (object: SourceObject) => ObjectResume | null;
  /** Default RETRY_POLICY_DEFAULT. */
  readonly retry?: RetryPolicy;
  /** Default 20,000 ms. */
  readonly stallTimeoutMs?: number;
  readonly clock?: Clock;
  /** Ends `run()` at once, with the signal's reason. */
  readonly signal?: AbortSignal;
}

type BlockSizes = Pick<DownloadPoolOptions, 'downloads' | 'blocksPerSlot' | 'blockBytes' | 'blocksOutMax'> &
  Partial<Pick<DownloadPoolOptions, 'isOrdered'>>;

const LINE_BYTES_MAX_DEFAULT = 16 * 1024 * 1024;
const STALL_TIMEOUT_MS = 20_000;
/** With this many objects denied in a row and not one byte ever read, single objects are not to blame. */
const DENIED_MAX = 16;

export class DownloadPool {
  readonly #options: DownloadPoolOptions;
  readonly #blocks: BlockPool;
  readonly #planner: Planner;
  readonly #delivery: Delivery;
  readonly #adaptive: AdaptiveLimit;
  readonly #witness: Witness;
  readonly #clock: Clock;
  readonly #proofs: Proofs;
  readonly #controller = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #active = 0;
  #denied = 0;
  readonly stats: DownloadStats = { requests: 0, bytes: 0, retries: 0, throttles: 0 };

  constructor(options: DownloadPoolOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#adaptive = new AdaptiveLimit({ max: options.downloads });
    this.#witness = new Witness(options.reader, options.stallTimeoutMs ?? STALL_TIMEOUT_MS);
    this.#blocks = new BlockPool(DownloadPool.#blockOptions(options));
    const parseBatchBytes = options.parseBatchBytes ?? this.#blocks.blockBytes / 4;
    const { sink, isOrdered, lingerMs } = options;
    const base = { sink, isOrdered, clock: this.#clock, parseBatchBytes };
    this.#delivery = new Delivery(lingerMs === undefined ? base : { ...base, lingerMs });
    this.#planner = new Planner({
      objects: options.objects,
      segmentBytes: options.segmentBytes,
      compression: options.compression,
      isText: options.isText ?? false,
      isOrdered,
      resume: options.resume ?? (() => null),
      onObjectSkipped: (object) => sink.objectSkipped(object),
      onIssue: (segment) => this.#delivery.issue(segment),
    });
    this.#proofs = new Proofs({
      reader: options.reader,
      segmentBytes: options.segmentBytes,
      signal: this.#controller.signal,
      timeoutMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
    });
    setMaxListeners(0, this.#controller.signal); // every request listens, and takes its listener back
  }

  static #blockOptions(options: BlockSizes) {
    const { downloads: slotCount, blocksPerSlot = 4, blockBytes = ENGINE.blockBytes } = options;
    const { blocksOutMax = Number.POSITIVE_INFINITY } = options;
    return { slotCount, blocksPerSlot, blockBytes, blocksOutMax, inBursts: options.isOrdered === false };
  }

  /** Bytes that a pool with these options allocates. Long lines come on top: at most `downloads` x `lineBytesMax`. */
  static memoryBytes(options: BlockSizes): number {
    return BlockPool.memoryBytes(DownloadPool.#blockOptions(options));
  }

  /** Memory of all blocks but those of long lines (`block.index < 0`), for parsers to map once. */
  get memory(): SharedArrayBuffer {
    return this.#blocks.memory;
  }

  /** Downloads that may run now; below `downloads` after throttles. */
  get downloadLimit(): number {
    return this.#adaptive.limit;
  }

  /** From here on segments are delivered as they come. */
  endOrder(): void {
    this.#planner.endOrder();
    this.#delivery.endOrder();
  }

  /** The sink is no longer busy: it may have what has gathered for it. */
  hasten(): void {
    this.#delivery.hasten();
  }

  /** Takes no new segment; `run()` resolves when those under way have been delivered. */
  stop(): void {
    this.#planner.stop();
  }

  /**
   * Resolves when every event has gone to the sink. Once per pool.
   * @throws {MillraceError} SERVICE_AWAY (exit 3) or SOURCE (exit 2); also what the iterable of objects throws, and the reason of
   * the signal. Segments that were begun then get no end.
   */
  async run(): Promise<void> {
    const { signal, downloads } = this.#options;
    const onAbort = () => this.#fail(signal!.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    try {
      const work = this.#blocks.slots.slice(0, downloads).map((_, slotIndex) => this.#work(slotIndex));
      const results = await Promise.allSettled(work);
      this.#controller.signal.throwIfAborted();
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
      this.#delivery.flush();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #work(slotIndex: number): Promise<void> {
    const slot = new Slot(this.#slotOptions(slotIndex));
    try {
      for (;;) {
        await this.#permit();
        const segment = await this.#planner.next();
        if (segment === null) return;
        await slot.run(segment);
        this.#yieldPermit();
      }
    } catch (error) {
      this.#fail(error);
      throw error;
    } finally {
      slot.close();
      this.#yieldPermit();
    }
  }

  #slotOptions(slotIndex: number) {
    const { reader, lineBytesMax, lookaheadBytes, segmentBytes, retry, stallTimeoutMs } = this.#options;
    const download: DownloadContext = {
      reader,
      clock: this.#clock,
      retry: retry ?? RETRY_POLICY_DEFAULT,
      stallTimeoutMs: stallTimeoutMs ?? STALL_TIMEOUT_MS,
      signal: this.#controller.signal,
      stats: this.stats,
      witness: this.#witness,
      onThrottle: () => this.#adaptive.throttled(this.#clock.nowMs()),
      onSuccess: () => {
        if (this.#adaptive.succeeded()) this.#waiting.shift()?.();
      },
    };
    return {
      blocks: this.#blocks.slots[slotIndex]!,
      delivery: this.#delivery,
      planner: this.#planner,
      proofs: this.#proofs,
      download,
      lineBytesMax: Math.max(lineBytesMax ?? LINE_BYTES_MAX_DEFAULT, this.#blocks.blockBytes),
      lookaheadBytes: lookaheadBytes ?? ENGINE.segmentLookaheadBytes,
      rangeBytes: segmentBytes,
      onObjectError: (segment: Segment, error: MillraceError) => this.#onObjectError(segment, error),
    };
  }

  /** Waits until one more download may run. */
  async #permit(): Promise<void> {
    while (this.#active >= this.#adaptive.limit) {
      this.#controller.signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#active++;
  }

  #yieldPermit(): void {
    this.#active--;
    this.#waiting.shift()?.();
  }

  #onObjectError(segment: Segment, error: MillraceError): void {
    if (error.code !== 'MILLRACE_OBJECT_CHANGED' && error.code !== 'MILLRACE_OBJECT_UNREADABLE') throw error;
    const isDenied = error.cause instanceof SourceFailure && error.cause.kind === 'denied';
    if (isDenied && this.stats.bytes === 0 && ++this.#denied >= DENIED_MAX) {
      throw new MillraceError(
        'MILLRACE_SOURCE',
        `${error.message}; so were all ${DENIED_MAX} objects tried before any was read`,
        {
          cause: error,
        },
      );
    }
    if (this.#planner.fail(segment, error)) this.#options.sink.objectFailed(segment.object, error);
  }

  /** The run cannot go on: everything that waits stops waiting. */
  #fail(reason: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort(reason);
    this.#planner.stop();
    this.#blocks.close(reason);
    for (const wake of this.#waiting.splice(0)) wake();
  }
}
