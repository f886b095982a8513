/**
 * Reading: the way from the source to validated lines, which `backfill` and `verify` share: list, download, decompress, scan.
 * Takes  what to read and how lines become records; the accounting; the lanes that parsers write to.
 * Gives  frames in those lanes; slices and dead letters in the accounting.
 * Owns   the pool of parser threads and the source stage.
 * Never  knows what becomes of a record.
 */
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { BroadcastChannel } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { Accounting } from '../accounting/accounting.ts';
import type { SourceLines } from '../accounting/source-lines.ts';
import { versionName } from '../aws/etag.ts';
import { MillraceError } from '../base/errors.ts';
import { ENGINE } from '../base/limits.ts';
import { objectUri } from '../base/object-uri.ts';
import { entryFile } from '../base/package-root.ts';
import { threadHeap } from '../base/thread-heap.ts';
import { SettledSet } from '../journal/settled-set.ts';
import { type JournalState, type Lookup, workOf } from '../journal/state.ts';
import type { RecordOptions } from '../options/records.ts';
import {
  type Found,
  PARSE_SHARED,
  type ParseMessage,
  type ParseSetup,
  type ParseTask,
  type RejectedLine,
} from '../parse/setup.ts';
import { createSpareMemory, SpareBlocks, type SpareMemory } from '../parse/spare-blocks.ts';
import { addFigures, addPrefixFigures, prefixFigures, type StageFigures } from '../shape/figures.ts';
import { DeadLetterSource } from '../source/dead-letters.ts';
import { DownloadPool } from '../source/download-pool.ts';
import { newListTally } from '../source/list-tally.ts';
import type { SourceObject } from '../source/object.ts';
import { runAhead } from '../source/prefetch.ts';
import type { ObjectResume } from '../source/segments.ts';
import type { ListRequest, RangeReader, Source } from '../source/source.ts';
import type { Budget } from './budget.ts';
import { workerFailure } from './failures.ts';
import { stoppableFlags } from './hang-watch.ts';
import type { LimitKeeper } from './limited-listing.ts';
import { ParsePool } from './parse-pool.ts';
import { within } from './shutdown.ts';
import { StartPages } from './start-pages.ts';
import { stdinLines } from './stdin-lines.ts';
import { TrialTurns } from './trial-turns.ts';

export interface ReadingOptions {
  readonly sources: readonly string[];
  /** Lines of the SOURCE `-`. Default: those of standard input. */
  readonly stdin?: AsyncIterable<string>;
  readonly options: RecordOptions;
  readonly source: Source;
  readonly budget: Budget;
  readonly accounting: Accounting;
  /** Counts lines where the setup says so. */
  readonly sourceLines?: SourceLines;
  /** A dead-letter file whose dead letters are read in place of the sources, or null. */
  readonly deadLetters: string | null;
  /** What earlier processes of the run have done, or null. */
  readonly journal: JournalState | null;
  /** What the parser threads are told; their number is that of its lanes. */
  readonly setup: Omit<ParseSetup, 'memory'>;
  /** Lines that were rejected, before the accounting knows of their slice. */
  readonly onRejected: (lines: readonly RejectedLine[]) => void;
  /** Frames of records, where the setup says that they are collected. */
  readonly onFrames?: (frames: Uint8Array, object: SourceObject) => void;
  /** The accounting knows of more slices. */
  readonly onFound: () => void;
  readonly onFailure: (error: MillraceError) => void;
  /** An object that must be restored before it can be read. */
  readonly onArchived?: (object: SourceObject) => void;
  /** An object that the filters leave out. */
  readonly onFiltered?: (object: Pick<SourceObject, 'bucket' | 'key'>) => void;
  /** Of `--limit`: which lines are the first ones. Absent: all lines are wanted. */
  readonly limit?: LimitKeeper | null;
  /** An object that is going to be read. */
  readonly onObject?: (object: SourceObject) => void;
  /** The listing is complete. */
  readonly onListed: () => void;
  /** Something that the user should know, one line. */
  readonly onNotice?: (text: string) => void;
}

/** Stages may close connections; a thread that hangs answers never. */
const CLOSE_MS_MAX = 2000;

const UNVERSIONED_NOTICE =
  'the endpoint gives no ETags: that an object has not changed is told by its size and Last-Modified alone';

export class Reading {
  readonly listTally = newListTally();
  changedCount = 0;
  /** What stages in JavaScript have done, in their order. */
  readonly stageFigures: StageFigures[] = [];
  /** And the scanner of those in front of them. */
  readonly prefixFigures = prefixFigures();
  isListingDone = false;
  readonly #given: ReadingOptions;
  readonly #pool: Piscina<ParseTask, Found | null>;
  readonly #parsePool: ParsePool;
  readonly #source: Pick<DownloadPool, 'memory' | 'stats' | 'run' | 'stop'>;
  readonly #reader: RangeReader;
  readonly #abort = new AbortController();
  #onClosed: () => unknown = () => {};
  #onTried: () => void = () => {};
  #onFree: () => void = () => {};
  /** Where stages in JavaScript are told to close; null without them. */
  #closing: string | null = null;
  /** Objects that are no longer what they were when the first lines were found. */
  readonly #others = new WeakSet<SourceObject>();

  constructor(given: ReadingOptions) {
    this.#given = given;
    const { setup, source } = given;
    const onUnversioned = () => given.onNotice?.(UNVERSIONED_NOTICE);
    this.#reader = source.openReader({ onUnversioned });
    const { accounting, sourceLines, onFailure } = given;
    const { where = null, later = [], isVolatile = false } = setup.stages ?? {};
    const isTried = later.length > 0 && !isVolatile;
    if (later.length > 0) this.#closing = `millrace ${randomUUID()}`;
    const tellsPlaces = (where?.includes('source') ?? false) || later.length > 0;
    const parserCount = setup.lanes.length;
    const makesValues = later.length > 0 || setup.schema !== null || setup.isPortable;
    const spare = spareFor(given);
    const startPages = new StartPages();
    this.#parsePool = new ParsePool({
      parserCount,
      accounting,
      sourceLines,
      tellsPlaces,
      turns: isTried ? new TrialTurns(setup.shared) : null,
      spare: spare && new SpareBlocks(spare),
      onFound: ({ figures = [], prefix }) => {
        addFigures(this.stageFigures, figures);
        if (prefix) addPrefixFigures(this.prefixFigures, prefix);
        startPages.look(this.stats.bytes);
        given.onFound();
      },
      onFree: () => this.#onFree(),
      onFailure,
    });
    this.#source =
      given.deadLetters === null
        ? this.#createDownloads(isTried)
        : new DeadLetterSource(given.deadLetters, this.#parsePool, given.options.framing !== 'lines');
    this.#pool = new Piscina<ParseTask, Found | null>({
      filename: fileURLToPath(entryFile('parse')),
      // Another one is started when a task finds none that is free, and kept: a lane's writer is never replaced.
      minThreads: 1,
      maxThreads: parserCount,
      idleTimeout: Number.POSITIVE_INFINITY,
      ...(later.length > 0 && { execArgv: stoppableFlags(process.execArgv) }),
      recordTiming: false, // nobody asks Piscina for its histograms, which take memory and time to make
      workerData: {
        ...{ ...setup, memory: this.#source.memory, ...(spare && { spare }) },
        ...(this.#closing !== null && { closing: this.#closing }),
      } satisfies ParseSetup,
      resourceLimits: threadHeap(makesValues ? 'values' : 'bytes'),
      // A thread that sleeps between two tasks would keep what its stages have begun from going on.
      ...(later.length > 0 && { atomics: 'disabled' as const }),
      // Order mode needs tasks to reach the parsers in sequence; by default a task that finds no thread free goes to the tail.
      stricterFIFO: true,
    });
    this.#pool.on('message', (message: ParseMessage) => this.#take(message));
    this.#pool.on('error', (error: unknown) => given.onFailure(workerFailure('parser', error)));
    this.#parsePool.start(this.#pool);
  }

  /** @param isTried The first lines of the listing have to come first. */
  #createDownloads(isTried: boolean): DownloadPool {
    const { budget, options, setup } = this.#given;
    const downloads = new DownloadPool({
      reader: this.#reader,
      objects: this.#objects(),
      sink: this.#parsePool,
      downloads: budget.downloads,
      blocksPerSlot: budget.blocksPerSlot,
      blocksOutMax: budget.blocksOutMax,
      lineBytesMax: budget.lineBytesMax,
      segmentBytes: options.segmentBytes,
      blockBytes: Math.min(ENGINE.blockBytes, options.segmentBytes),
      compression: options.compression,
      isText: options.framing !== 'lines',
      isOrdered: setup.isOrdered || isTried,
      resume: (object) => this.#resume(object),
      signal: this.#abort.signal,
    });
    this.#onFree = () => downloads.hasten();
    if (!setup.isOrdered) this.#onTried = () => downloads.endOrder();
    return downloads;
  }

  /** Requests and bytes so far. */
  get stats() {
    return this.#source.stats;
  }

  /** Tasks that the parsers have been given and not ended. */
  get backlog(): number {
    return this.#parsePool.taskCount;
  }

  /** Downloads until the sources are exhausted or `stop` was called. @throws {MillraceError} When the sources cannot be read. */
  async download(): Promise<void> {
    await this.#source.run();
  }

  /** Resolves when the parsers have dealt with everything that was downloaded. */
  async idle(): Promise<void> {
    await this.#parsePool.idle();
  }

  /** Takes nothing more: downloads end where they are, the parsers go on with what they have been given. */
  abort(reason: unknown): void {
    this.#source.stop();
    this.#abort.abort(reason);
    this.#parsePool.stop();
  }

  #take(message: ParseMessage): void {
    const { accounting, onRejected, onFrames } = this.#given;
    if (message.kind === 'rejected') {
      for (const line of message.lines) accounting.reject(this.#parsePool.objectOf(line.piece), line);
      onRejected(message.lines);
    } else if (message.kind === 'frames') {
      onFrames?.(message.frames, this.#parsePool.objectOf(message.piece));
    } else if (message.kind === 'failed') {
      this.#given.onFailure(MillraceError.fromWire(message.error));
    } else if (message.kind === 'tried') {
      this.#onTried();
    } else if (message.kind === 'given') {
      this.#parsePool.takeGiven(message.piece, message.block, message.lines);
    } else if (message.kind === 'closed') {
      this.#onClosed();
    } else this.#parsePool.takeFound(message);
  }

  /** Lets stages in JavaScript close what they have opened, if they do that soon. */
  async #closeStages(): Promise<void> {
    const count = Atomics.load(new Int32Array(this.#given.setup.shared), PARSE_SHARED.STARTED);
    if (this.#closing === null || count === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    let left = count;
    this.#onClosed = () => --left === 0 && resolve();
    const channel = new BroadcastChannel(this.#closing);
    channel.postMessage(null);
    await within(CLOSE_MS_MAX, promise);
    channel.close();
  }

  /** Ends the parser threads, whatever they are doing. */
  async close(): Promise<void> {
    this.#reader.close();
    await this.#closeStages();
    await this.#pool.destroy();
  }

  /** The objects that this process has to look at, held back while too many are on their way. */
  async *#objects(): AsyncGenerator<SourceObject> {
    const { accounting } = this.#given;
    const onListed = () => {
      this.isListingDone = true;
      this.#given.onListed();
    };
    for await (const object of runAhead(this.#list(), ENGINE.objectsAheadMax, onListed)) {
      await accounting.room();
      this.#given.onObject?.(object);
      const lookup = await this.#lookup(object);
      if (lookup === null) continue;
      if (lookup.kind === 'settled') {
        accounting.skipObject(object);
        continue;
      }
      if (lookup.kind === 'changed' || (lookup.kind === 'unknown' && this.#others.has(object))) {
        this.#takeChanged(object);
        continue;
      }
      if (lookup.kind === 'partial') accounting.resume(object, lookup.object);
      yield object;
    }
  }

  /**
   * What the journal knows of an object. Where the listing gives no ETag, and an earlier process has met the object, the source is asked for
   * the version. @returns null when the object cannot be obtained, which has been reported.
   */
  async #lookup(object: SourceObject): Promise<Lookup | null> {
    const lookup = this.#given.journal?.lookup(object) ?? { kind: 'unknown' as const };
    if (object.etag !== '' || lookup.kind !== 'changed') return lookup;
    try {
      const { etag, lastModifiedMs } = await this.#given.source.find(object, this.#abort.signal);
      object.etag = versionName(etag, lastModifiedMs);
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MILLRACE_OBJECT_UNREADABLE') throw error;
      this.#takeUnreadable(object, error);
      return null;
    }
    return this.#given.journal!.lookup(object);
  }

  async *#list(): AsyncGenerator<SourceObject> {
    const { source, options, setup, limit = null } = this.#given;
    const request = () => this.#request();
    if (limit === null) {
      yield* source.list(request());
      return;
    }
    const { compression } = options;
    const { framing = null, lineBytesMax } = setup;
    const onOther = (object: SourceObject) => void this.#others.add(object);
    const given = {
      source,
      reader: this.#reader,
      request,
      compression,
      framing: framing && { tokens: framing.tokens, lineBytesMax },
      stats: this.stats,
      onOther,
    };
    yield* (await import('./limited-listing.ts')).listFirst(given, limit);
  }

  #request(): ListRequest & { readonly signal: AbortSignal } {
    const { options, setup, sources } = this.#given;
    const { signal } = this.#abort;
    return {
      sources,
      filters: {
        include: options.include,
        exclude: options.exclude,
        startAfter: options.startAfter ?? undefined,
        modifiedAfterMs: options.modifiedAfterMs ?? undefined,
        modifiedBeforeMs: options.modifiedBeforeMs ?? undefined,
      },
      tally: this.listTally,
      ...(sources.includes('-') && { stdin: this.#given.stdin ?? stdinLines(signal) }),
      ...(options.inventory !== null && { inventory: options.inventory, isRepeated: namedBefore() }),
      // In order mode objects are carried in listing order.
      ...(!setup.isOrdered && { requestsMax: ENGINE.listRequestsMax }),
      ...(this.#given.onArchived && { onArchived: this.#given.onArchived }),
      ...(this.#given.onFiltered && { onFiltered: this.#given.onFiltered }),
      onUnreadable: (object, error) => this.#takeUnreadable(object, error),
      allowEmpty: options.allowEmpty,
      signal,
    };
  }

  #resume(object: SourceObject): ObjectResume | null {
    const lookup = this.#given.journal?.lookup(object);
    if (lookup?.kind !== 'partial') return null;
    const { format } = lookup.object;
    return {
      format,
      work: (size) =>
        format === 'plain' ? workOf(lookup.object, size) : [{ start: 0, end: size, only: null }],
    };
  }

  /** An object that cannot be obtained; not even its ETag is known. What an earlier process has settled stays settled. */
  #takeUnreadable(object: SourceObject, { message }: MillraceError): void {
    const { accounting, journal } = this.#given;
    const lookup = journal?.lookup(object) ?? { kind: 'unknown' as const };
    const begun = lookup.kind === 'changed' ? lookup.pinned : null;
    if (lookup.kind === 'settled' || (lookup.kind === 'changed' && begun === null)) {
      accounting.skipObject(object);
      return;
    }
    const pinned = begun === null ? object : { ...object, etag: begun.etag, size: begun.size };
    if (begun !== null) accounting.resume(pinned, begun);
    accounting.failObject(pinned, 'OBJECT_UNREADABLE', message);
  }

  /** The run knows this key in another version: neither is mixed with the other. */
  #takeChanged(object: SourceObject): void {
    this.changedCount++;
    const uri = objectUri(object);
    const cure = `the new version can be carried in a run of its own, with ${uri} as its only SOURCE`;
    const message = `${uri}: it was changed since this run began; ${cure}`;
    this.#given.accounting.failObject(object, 'OBJECT_CHANGED', message);
  }
}

/** Where order counts, records are collected or are no lines, an object's lines stay with the parser that inflates them. */
function spareFor({ setup, budget }: ReadingOptions): SpareMemory | null {
  const isKept = setup.isOrdered || setup.isCollecting || (setup.framing ?? null) !== null;
  return isKept || budget.spareBlocks === 0 ? null : createSpareMemory(budget.spareBlocks);
}

/** What an inventory has named is remembered with 12 bytes an object, as in the journal. */
function namedBefore(): (object: SourceObject) => boolean {
  const named = new SettledSet();
  return (object) => {
    const isNamed = named.find(object) === 'exact';
    if (!isNamed) named.add(object);
    return isNamed;
  };
}
