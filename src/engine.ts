/**
 * Engine: one run, from its sources to the stream. The only file that knows all stages.
 * Takes  checked options, an abort signal, a place for progress.
 * Gives  a report. It throws only before the run has begun; from then on a failure is part of the report.
 * Owns   the two thread pools, the shared memory between them, and the order in which everything is started and stopped:
 *        source, parsers, lanes, publishers, journal.
 * Never  touches a record.
 */
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { Books } from './books.ts';
import { type Budget, formatBudget, planBudget } from './budget.ts';
import { MillraceError } from './errors.ts';
import { faultPoint } from './fault-points.ts';
import { ENGINE } from './limits.ts';
import type { BackfillOptions } from './options.ts';
import { workerFile } from './package-root.ts';
import { ParsePool } from './parse-pool.ts';
import { type Prepared, prepare } from './prepare.ts';
import { PHASE, type PublishNotice, type PublishReceipt, type PublishSetup } from './publish/setup.ts';
import { cutOwnedRanges, packStarts } from './publish/shard-map.ts';
import { createStats, STAT, sumStat } from './publish/stats.ts';
import { exitCodeOf } from './report/exit-code.ts';
import type { BackfillReport } from './report/report.ts';
import { laneBytes } from './ring/layout.ts';
import { createDoorbells, Doorbell } from './ring/wait.ts';
import { scannerReason } from './scan/open.ts';
import { DownloadPool } from './source/download-pool.ts';
import { createObjectGetter } from './source/get-object.ts';
import { listObjects, newListTally } from './source/list.ts';
import type { SourceObject } from './source/object.ts';
import type { ObjectResume } from './source/plan.ts';
import { systemClock } from './source/retry.ts';
import { createHeartbeats, HeartMonitor } from './threads/heartbeat.ts';
import {
  PARSE_SHARED,
  type ParseMessage,
  type ParseReceipt,
  type ParseSetup,
  type ParseTask,
} from './threads/parse-setup.ts';
import { createDigester } from './verify/digest.ts';

/** How far a run is. Sums of this process, unless they say otherwise. */
export interface Progress {
  readonly objects: { readonly listed: number; readonly settled: number; readonly isListingDone: boolean };
  /** Stored bytes. */
  readonly bytes: { readonly listed: number; readonly downloaded: number; readonly settled: number };
  readonly records: number;
  readonly publishedBytes: number;
  readonly rejected: number;
  readonly throttled: number;
  readonly elapsedMs: number;
}

/** What an embedding program may bring. */
export interface BackfillHooks {
  /** Ends the run in good order; its reason may be a MillraceError that says why. */
  readonly signal?: AbortSignal;
  /** Called about four times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Things the user should know, one line each. */
  readonly onNotice?: (text: string) => void;
}

/** How often settled units are journaled. Between two times a kill repeats them. */
const SETTLE_INTERVAL_MS = 50;
const PROGRESS_INTERVAL_MS = 250;
/** A thread that has work and shows no sign of life for this time hangs. */
const HANG_MS = Number(process.env.MILLRACE_HANG_MS ?? 60_000);
/** Of the drain's time, what is left to requests that are in flight when nothing new may be sent any more. */
const DRAIN_ANSWER_MS = 5_000;
/** Below this many lines `--max-rejects P%` does not stop a run. */
const REJECT_SHARE_LINES_MIN = 1_000;
const PUBLISH_TIMES = {
  lingerMs: 100,
  requestTimeoutMs: 30_000,
  awayMs: 300_000,
  recordFailuresMax: 30,
} as const;
/** A thread pool that is asked to end gets this long. */
const POOL_CLOSE_MS = 2_000;

/**
 * Carries the sources to the stream.
 * @throws {MillraceError} When the run cannot begin.
 */
export async function backfill(options: BackfillOptions, hooks: BackfillHooks = {}): Promise<BackfillReport> {
  const startedAtMs = performance.now();
  const prepared = await prepare(options);
  const run = new Run(options, prepared, hooks, startedAtMs);
  return await run.execute();
}

class Run {
  readonly #options: BackfillOptions;
  readonly #prepared: Prepared;
  readonly #hooks: BackfillHooks;
  readonly #startedAtMs: number;
  readonly #budget: Budget;
  readonly #publisherCount: number;
  readonly #books: Books;
  readonly #listTally = newListTally();
  readonly #stats: SharedArrayBuffer;
  readonly #control = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #parseShared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  readonly #doorbells: SharedArrayBuffer;
  readonly #heartbeats: SharedArrayBuffer;
  readonly #publishPool: Piscina<PublishSetup, PublishReceipt> | null;
  readonly #parsePiscina: Piscina<ParseTask, ParseReceipt>;
  readonly #parsePool: ParsePool;
  readonly #source: DownloadPool;
  readonly #sourceAbort = new AbortController();
  readonly #archived: SourceObject[] = [];
  #changedCount = 0;
  #isListingDone = false;
  /** Why the run ends early, if it does. The first reason counts. */
  #ending: MillraceError | null = null;
  readonly #ended = Promise.withResolvers<void>();
  #committing: Promise<void> | null = null;
  #rssMaxBytes = 0;
  #cpuAtStart = process.cpuUsage();

  constructor(options: BackfillOptions, prepared: Prepared, hooks: BackfillHooks, startedAtMs: number) {
    this.#options = options;
    this.#prepared = prepared;
    this.#hooks = hooks;
    this.#startedAtMs = startedAtMs;
    const { shards, rules } = prepared;
    this.#publisherCount = options.dryRun ? 0 : Math.min(options.publishers, shards.length);
    this.#budget = planBudget({
      ...options,
      publishers: Math.max(1, this.#publisherCount),
      recordBytesMax: rules.recordBytesMax,
      isOrdered: options.order === 'key',
    });
    this.#stats = createStats(Math.max(1, this.#publisherCount));
    this.#doorbells = createDoorbells(this.#publisherCount);
    this.#heartbeats = createHeartbeats(options.parsers + this.#publisherCount);
    const digester = createDigester(prepared.digestKey);
    this.#books = new Books({
      journal: prepared.journal,
      onLetter: (letter) => this.#takeLetter(letter),
      digestOf: (key, data) => {
        digester.reset();
        digester.addRecord(key, data);
        return digester.sums();
      },
      isDryRun: options.dryRun,
      segmentBytes: options.segmentBytes,
    });
    const lanes = Array.from({ length: options.parsers }, () =>
      Array.from(
        { length: this.#publisherCount },
        () => new SharedArrayBuffer(laneBytes(this.#budget.laneCapacityBytes)),
      ),
    );
    this.#parsePiscina = this.#createParsePiscina(lanes);
    this.#publishPool = this.#createPublishPool();
    this.#parsePool = new ParsePool({
      pool: this.#parsePiscina,
      books: this.#books,
      onFailure: (error) => this.#end(error),
    });
    this.#source = this.#createSource();
    this.#lanes = lanes;
  }
  readonly #lanes: readonly (readonly SharedArrayBuffer[])[];

  async execute(): Promise<BackfillReport> {
    const prepared = this.#prepared;
    const hooks = this.#hooks;
    for (const notice of prepared.notices) hooks.onNotice?.(notice);
    if (scannerReason() !== null)
      hooks.onNotice?.(`the portable scanner serves, which is slower: ${scannerReason()}`);
    hooks.onNotice?.(formatBudget(this.#budget, this.#options.memoryBytes));
    this.#journalPositions();
    const timers = this.#startTimers();
    const onAbort = () => this.#end(asInterruption(hooks.signal!.reason));
    hooks.signal?.addEventListener('abort', onAbort, { once: true });
    if (hooks.signal?.aborted) onAbort();
    try {
      const publishing = this.#publish();
      await this.#feed();
      await this.#drain(publishing);
    } catch (error) {
      this.#end(asFailure(error));
    } finally {
      for (const timer of timers) clearInterval(timer);
      hooks.signal?.removeEventListener('abort', onAbort);
      await this.#close();
    }
    hooks.onProgress?.(this.#progress());
    return this.#report();
  }

  /** Downloads and parses until the sources are exhausted or the run is ended. */
  async #feed(): Promise<void> {
    await Promise.race([this.#source.run(), this.#ended.promise]);
    // An ended run takes no new segment; what is on its way goes on to the parsers, within the drain's time.
    if (this.#ending) this.#source.stop();
    await Promise.race([
      this.#parsePool.idle(),
      this.#ending ? sleep(ENGINE.drainMs / 4) : this.#ended.promise,
    ]);
  }

  /** Lets the publishers finish: all that is in the lanes, or after an early end what can be done in the drain's time. */
  async #drain(publishing: Promise<void>): Promise<void> {
    this.#setPhase(PHASE.FLUSH);
    if (!this.#ending) await Promise.race([publishing, this.#ended.promise]);
    if (!this.#ending) return;
    this.#sourceAbort.abort(this.#ending);
    await Promise.race([publishing, sleep(ENGINE.drainMs / 2)]);
    this.#setPhase(PHASE.STOP);
    await Promise.race([publishing, sleep(DRAIN_ANSWER_MS)]);
  }

  /** Runs the publishers to their end. Never rejects. */
  async #publish(): Promise<void> {
    const options = this.#options;
    const prepared = this.#prepared;
    if (this.#publishPool === null) return;
    const ranges = cutOwnedRanges(prepared.shards, this.#publisherCount);
    const share = 1 / this.#publisherCount;
    const { arn, name, traits } = prepared.stream;
    const runs = ranges.map(async (ownedRange, publisherIndex) => {
      const setup: PublishSetup = {
        publisherIndex,
        target: {
          name,
          arn,
          region: options.aws.region,
          profile: options.aws.profile,
          endpoint: options.aws.kinesisEndpoint,
        },
        traits,
        rules: {
          wire: prepared.wire,
          inFlightMax: options.inFlight,
          batchRecordsMax: options.batchRecords,
          batchBytesMax: options.batchBytes,
          aggregateBytesMax: options.aggregate
            ? Math.min(options.aggregateBytes, prepared.rules.recordBytesMax)
            : null,
          order: options.order,
          headroom: options.headroom,
          recordsPerSecondMax: (options.rate?.recordsPerSecond ?? Number.POSITIVE_INFINITY) * share,
          bytesPerSecondMax: (options.rate?.bytesPerSecond ?? Number.POSITIVE_INFINITY) * share,
          ...PUBLISH_TIMES,
        },
        ownedRange,
        shards: prepared.shards,
        lanes: this.#lanes.map((lanes) => lanes[publisherIndex]!),
        doorbells: this.#doorbells,
        control: this.#control.buffer as SharedArrayBuffer,
        acknowledged: this.#books.ledger.acknowledged,
        stats: this.#stats,
        heartbeats: this.#heartbeats,
        heartIndex: options.parsers + publisherIndex,
        bufferBytesMax: this.#budget.publisherBytes,
        scanner: scannerReason() === null ? 'native' : 'portable',
        seed: (Math.random() * 2 ** 32) >>> 0,
      };
      try {
        const { error } = await this.#publishPool!.run(setup);
        if (error) this.#end(MillraceError.fromWire(error));
      } catch (error) {
        this.#end(workerFailure('publisher', error));
      }
    });
    await Promise.all(runs);
  }

  #createPublishPool(): Piscina<PublishSetup, PublishReceipt> | null {
    if (this.#publisherCount === 0) return null;
    const pool = new Piscina<PublishSetup, PublishReceipt>({
      filename: fileURLToPath(workerFile('publish')),
      minThreads: this.#publisherCount,
      maxThreads: this.#publisherCount,
      // A publisher owns sockets: it must never stand still in Atomics.wait between tasks.
      atomics: 'disabled',
    });
    pool.on('message', (notice: PublishNotice) => this.#takeNotice(notice));
    pool.on('error', (error: unknown) => this.#end(workerFailure('publisher', error)));
    return pool;
  }

  #createParsePiscina(lanes: readonly (readonly SharedArrayBuffer[])[]): Piscina<ParseTask, ParseReceipt> {
    const options = this.#options;
    const prepared = this.#prepared;
    const setup: ParseSetup = {
      rules: prepared.rules,
      lanes,
      starts: packStarts(
        this.#publisherCount === 0 ? [{ start: 0n }] : cutOwnedRanges(prepared.shards, this.#publisherCount),
      ),
      doorbells: this.#doorbells,
      control: this.#control.buffer as SharedArrayBuffer,
      shared: this.#parseShared.buffer as SharedArrayBuffer,
      heartbeats: this.#heartbeats,
      isOrdered: options.order === 'key',
      schema: prepared.schema,
      isPortable: scannerReason() !== null,
      lineBytesMax: this.#budget.lineBytesMax,
      digestKey: prepared.digestKey,
    };
    const pool = new Piscina<ParseTask, ParseReceipt>({
      filename: fileURLToPath(workerFile('parse')),
      minThreads: options.parsers,
      maxThreads: options.parsers,
      workerData: setup,
      // Order mode needs tasks to reach the parsers in sequence; by default a task that finds no thread free goes to the tail.
      stricterFIFO: true,
    });
    pool.on('message', (message: ParseMessage) => this.#takeRejected(message));
    pool.on('error', (error: unknown) => this.#end(workerFailure('parser', error)));
    return pool;
  }

  #createSource(): DownloadPool {
    const options = this.#options;
    const prepared = this.#prepared;
    return new DownloadPool({
      getter: createObjectGetter(prepared.s3, { requesterPays: options.requestPayer, clock: systemClock }),
      objects: this.#objects(),
      sink: this.#parsePool,
      downloads: this.#budget.downloads,
      blocksPerSlot: this.#budget.blocksPerSlot,
      lineBytesMax: this.#budget.lineBytesMax,
      segmentBytes: options.segmentBytes,
      blockBytes: Math.min(ENGINE.blockBytes, options.segmentBytes),
      compression: options.compression,
      isOrdered: options.order === 'key',
      resume: (object) => this.#resume(object),
      signal: this.#sourceAbort.signal,
    });
  }

  /** The objects of the run that this process has to look at, held back while the ledger is full. */
  async *#objects(): AsyncGenerator<SourceObject> {
    const options = this.#options;
    const prepared = this.#prepared;
    const listed = listObjects(prepared.s3, options.sources, {
      filters: {
        include: options.include,
        exclude: options.exclude,
        startAfter: options.startAfter ?? undefined,
        modifiedAfterMs: options.modifiedAfterMs ?? undefined,
        modifiedBeforeMs: options.modifiedBeforeMs ?? undefined,
      },
      tally: this.#listTally,
      stdin: options.sources.includes('-')
        ? createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })
        : undefined,
      onArchived: (object) => this.#archived.push(object),
      requesterPays: options.requestPayer,
      signal: this.#sourceAbort.signal,
    });
    for await (const object of listed) {
      await this.#books.ledger.room();
      const lookup = prepared.journal?.state.lookup(object) ?? { kind: 'unknown' as const };
      if (lookup.kind === 'settled') {
        this.#books.skipObject(object);
        continue;
      }
      if (lookup.kind === 'changed') {
        this.#takeChanged(object);
        continue;
      }
      if (lookup.kind === 'partial') this.#books.resume(object, lookup.object);
      yield object;
    }
    this.#isListingDone = true;
    this.#journalListing(true);
  }

  #resume(object: SourceObject): ObjectResume | null {
    const lookup = this.#prepared.journal?.state.lookup(object);
    if (lookup?.kind !== 'partial' || lookup.object.done.length === 0) return null;
    const { done, size } = lookup.object;
    const { segmentBytes } = this.#options;
    const isDone = (index: number) => {
      const start = index * segmentBytes;
      const end = Math.min(size, start + segmentBytes);
      return done.some(([from, to]) => from <= start && end <= to);
    };
    return { format: 'plain', isDone };
  }

  /** The run knows this key in another version: neither is mixed with the other. */
  #takeChanged(object: SourceObject): void {
    this.#changedCount++;
    const why = 'it was changed since this run began; use --restart, or carry it in a run of its own';
    this.#books.failObject(object, 'OBJECT_CHANGED', `s3://${object.bucket}/${object.key}: ${why}`);
  }

  #takeLetter(letter: Parameters<NonNullable<Prepared['deadLetters']>['add']>[0]): void {
    try {
      const waiting = this.#prepared.deadLetters?.add(letter);
      waiting?.catch((error: unknown) => this.#end(asFailure(error)));
      this.#letterWait = waiting ?? this.#letterWait;
    } catch (error) {
      this.#end(asFailure(error));
    }
    this.#checkRejects();
  }
  #letterWait: Promise<void> | undefined;

  #takeRejected(message: ParseMessage): void {
    let bytes = 0;
    for (const line of message.lines) {
      this.#books.reject(line);
      bytes += line.data.byteLength;
    }
    const release = () => {
      Atomics.sub(this.#parseShared, PARSE_SHARED.REJECTED_BYTES, bytes);
      Atomics.notify(this.#parseShared, PARSE_SHARED.REJECTED_BYTES);
    };
    // Parsers wait for the disk: their bytes count as waiting until the letters have been written.
    if (this.#letterWait) void this.#letterWait.then(release, release);
    else release();
    this.#letterWait = undefined;
  }

  #takeNotice(notice: PublishNotice): void {
    if (notice.kind === 'refused') for (const record of notice.records) this.#books.refuse(record);
    if (notice.kind === 'reshard')
      this.#hooks.onNotice?.(`the stream was resharded: ${notice.shardCount} open shards now`);
    if (notice.kind === 'breaker')
      this.#hooks.onNotice?.(`the service fails (${notice.reason}); sending stops until it answers again`);
    if (notice.kind === 'refresh-failed')
      this.#hooks.onNotice?.(`the stream's shards could not be listed (${notice.reason}); asking again`);
  }

  #checkRejects(): void {
    const { maxRejects } = this.#options;
    if (maxRejects === null) return;
    const { rejected, lines } = this.#books.counts.tally;
    const before = this.#prepared.journal?.before.tally;
    const count = rejected + (before?.rejected ?? 0);
    const read = lines + (before?.lines ?? 0);
    // A share means little before there are some lines: the first bad line of a run is 100 % of it.
    const countMax =
      'count' in maxRejects
        ? maxRejects.count
        : Math.max(maxRejects.share * read, read < REJECT_SHARE_LINES_MIN ? Number.POSITIVE_INFINITY : 0);
    if (count <= countMax) return;
    const limit = 'count' in maxRejects ? `${maxRejects.count}` : `${maxRejects.share * 100} %`;
    this.#end(
      new MillraceError(
        'MILLRACE_REJECTS_EXCEEDED',
        `More than ${limit} dead letters (--max-rejects): ${count} of ${read} lines`,
      ),
    );
  }

  #startTimers(): NodeJS.Timeout[] {
    const monitor = new HeartMonitor(this.#heartbeats);
    const settle = setInterval(() => this.#settle(), SETTLE_INTERVAL_MS);
    const progress = setInterval(() => {
      this.#rssMaxBytes = Math.max(this.#rssMaxBytes, process.memoryUsage.rss());
      this.#hooks.onProgress?.(this.#progress());
      const hanging = monitor.findHanging(performance.now(), HANG_MS);
      if (hanging !== null) this.#end(hangFailure(hanging, this.#options.parsers));
    }, PROGRESS_INTERVAL_MS);
    const timers = [settle, progress];
    const { timeoutMs } = this.#options;
    if (timeoutMs !== null) {
      const why = `Stopped by --timeout after ${timeoutMs / 1000} s; the same command resumes it`;
      timers.push(
        setTimeout(() => this.#end(new MillraceError('MILLRACE_TIMEOUT', why, { exitCode: 3 })), timeoutMs),
      );
    }
    return timers;
  }

  /** Journals what is settled. One commit runs at a time, and later entries share the next. */
  #settle(): void {
    if (this.#books.settle()) faultPoint('engine.settled');
    const { journal } = this.#prepared;
    if (!journal?.hasPending || this.#committing) return;
    this.#committing = journal
      .commit()
      .catch((error: unknown) => this.#end(asFailure(error)))
      .finally(() => {
        this.#committing = null;
      });
  }

  /** Where each shard stood before the run: `verify` reads from there. */
  #journalPositions(): void {
    const { journal, shards } = this.#prepared;
    if (!journal || journal.resumed) return;
    const atMs = Date.now();
    for (const { shardId } of shards)
      journal.append({ kind: 'position', shardId, sequenceNumber: null, atMs });
  }

  #journalListing(complete: boolean): void {
    const { listed: objects, listedBytes: bytes } = this.#listTally;
    this.#prepared.journal?.append({ kind: 'listed', objects, bytes, complete });
  }

  #setPhase(phase: number): void {
    Atomics.store(this.#control, 0, phase);
    new Doorbell(this.#doorbells).ringAll();
  }

  /** Ends the run early. The first reason counts. */
  #end(reason: MillraceError): void {
    if (this.#ending) return;
    this.#ending = reason;
    this.#ended.resolve();
  }

  async #close(): Promise<void> {
    const { journal, deadLetters, s3, kinesis } = this.#prepared;
    this.#sourceAbort.abort(this.#ending ?? new Error('The run has ended'));
    this.#setPhase(PHASE.STOP);
    try {
      this.#books.settle();await this.#committing;
      if (!this.#ending) this.#assertBalanced();
      await journal?.close({ status: this.#status(), complete: this.#ending === null });
    } catch (error) {
      this.#end(asFailure(error));
    }await deadLetters?.close().catch((error: unknown) => this.#end(asFailure(error)));
    await Promise.all([this.#parsePiscina, this.#publishPool].map((pool) => pool && closePool(pool)));s3.destroy();
    kinesis.destroy();
  }

  /** The books balance when nothing is open: every line of every object is acknowledged or a dead letter. */
  #assertBalanced(): void {
    const { ledger, counts } = this.#books;
    const [open] = this.#books.openObjects;
    const delivered = this.#options.dryRun ? counts.tally.records : sumStat(this.#stats, STAT.RECORDS);
    if (ledger.openCount === 0 && open === undefined && delivered === counts.tally.records) return;
    const why = `${ledger.openCount} units open, ${delivered} records acknowledged of ${counts.tally.records}`;
    throw new MillraceError(
      'MILLRACE_WORKER',
      `The books do not balance (${why}); run the same command again`,
      { exitCode: 3 },
    );
  }

  #status(): BackfillReport['status'] {
    const rejected = this.#books.counts.tally.rejected + (this.#prepared.journal?.before.tally.rejected ?? 0);
    if (this.#ending)
      return this.#ending.code === 'MILLRACE_INTERRUPTED' || this.#ending.code === 'MILLRACE_TIMEOUT'
        ? 'interrupted'
        : 'failed';
    if (this.#options.dryRun) return 'dry-run';
    return rejected > 0 ? 'delivered-with-rejects' : 'delivered';
  }

  #progress(): Progress {
    const { counts } = this.#books;
    return {
      objects: {
        listed: this.#listTally.listed,
        settled: counts.objectsDone + counts.objectsFailed + counts.objectsSkipped,
        isListingDone: this.#isListingDone,
      },
      bytes: {
        listed: this.#listTally.listedBytes,
        downloaded: this.#source.stats.bytes,
        settled: counts.objectBytesDone,
      },
      records: this.#options.dryRun ? counts.tally.records : sumStat(this.#stats, STAT.RECORDS),
      publishedBytes: sumStat(this.#stats, STAT.BYTES),
      rejected: counts.tally.rejected,
      throttled: sumStat(this.#stats, STAT.THROTTLED),
      elapsedMs: performance.now() - this.#startedAtMs,
    };
  }

  #report(): BackfillReport {
    const { journal, run, stream, wire, deadLetterPath } = this.#prepared;
    const { counts } = this.#books;
    const before = journal?.before;
    const rejectedByCode: Record<string, number> = { ...before?.tally.codes };
    for (const [code, count] of Object.entries(counts.tally.codes))
      rejectedByCode[code] = (rejectedByCode[code] ?? 0) + count;
    const rejected = counts.tally.rejected + (before?.tally.rejected ?? 0);
    const stat = (column: number) => sumStat(this.#stats, column);
    const delivered = stat(STAT.RECORDS);
    const journaled = (journal?.state.totals.tally.records ?? 0) - (before?.tally.records ?? 0);
    const { user, system } = process.cpuUsage(this.#cpuAtStart);
    const list = this.#listTally;
    return {
      status: this.#status(),
      exitCode: exitCodeOf(this.#status(), rejected, this.#ending),
      error: this.#ending?.message ?? null,
      run,
      resumed: journal?.resumed ?? false,
      stream: stream.name,
      objects: {
        listed: list.listed,
        done: counts.objectsDone,
        skipped:
          counts.objectsSkipped +
          list.empty +
          list.directoryMarkers +
          list.archived +
          list.filtered +
          list.duplicates,
        failed: counts.objectsFailed,
        archived: list.archived,
        changed: this.#changedCount,
      },
      lines: {
        read: counts.tally.lines + (before?.tally.lines ?? 0),
        blank: counts.tally.blank + (before?.tally.blank ?? 0),
        rejected,
        rejectedByCode,
      },
      records: {
        delivered,
        deliveredBefore: before?.tally.records ?? 0,
        ambiguous: stat(STAT.AMBIGUOUS),
        repeatable: this.#ending ? Math.max(0, delivered - journaled) : 0,
      },
      bytes: {
        downloaded: this.#source.stats.bytes,
        scanned: counts.tally.bytes,
        published: stat(STAT.BYTES),
      },
      requests: {
        get: this.#source.stats.requests,
        put: stat(STAT.REQUESTS),
        putRetried: stat(STAT.REQUESTS_RETRIED),
        putFailed: stat(STAT.REQUESTS_FAILED),
        throttledRecords: stat(STAT.THROTTLED),
        failedRecords: stat(STAT.FAILED),
        strayRecords: stat(STAT.STRAYS),
        breakerOpened: stat(STAT.BREAKER_OPENED),
        reshards: stat(STAT.RESHARDS),
      },
      durationMs: Math.round(performance.now() - this.#startedAtMs),
      cpuMs: Math.round((user + system) / 1000),
      rssMaxBytes: this.#rssMaxBytes,
      scanner: scannerReason() === null && this.#prepared.schema === null ? 'native' : 'portable',
      wire,
      journal: journal?.path ?? null,
      deadLetter: rejected > 0 ? deadLetterPath : null,
    };
  }
}

function asFailure(error: unknown): MillraceError {
  return error instanceof MillraceError ? error : workerFailure('main', error);
}

/** The reason of an abort signal, when it is one of ours; else an interruption like SIGINT. */
function asInterruption(reason: unknown): MillraceError {
  if (reason instanceof MillraceError) return reason;
  return new MillraceError('MILLRACE_INTERRUPTED', 'Stopped; the same command resumes it', { exitCode: 130 });
}

function workerFailure(thread: 'main' | 'parser' | 'publisher', error: unknown): MillraceError {
  const why = error instanceof Error ? error.message : String(error);
  const message = `The ${thread} thread failed: ${why}; run the same command again to go on from the journal`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: 3, cause: error });
}

function hangFailure(thread: number, parsers: number): MillraceError {
  const name = thread < parsers ? `parser thread ${thread}` : `publisher thread ${thread - parsers}`;
  const message = `The ${name} shows no sign of life for ${HANG_MS / 1000} s; run the same command again to go on from the journal`;
  return new MillraceError('MILLRACE_WORKER', message, { exitCode: 3 });
}

/** Ends a pool, whatever its threads are doing. */
async function closePool(pool: Pick<Piscina, 'destroy'>): Promise<void> {
  await Promise.race([pool.destroy().catch(() => undefined), sleep(POOL_CLOSE_MS)]);
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs).unref();
  });
}
