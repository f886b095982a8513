/**
 * Engine: one run, from its sources to the stream. The only file that knows all stages.
 * Takes  checked options, an abort signal, a place for progress.
 * Gives  a report. It throws only before the run has begun; from then on a failure is part of the report.
 * Owns   the two thread pools, the shared memory between them, and the order in which everything is started and stopped:
 *        source, parsers, lanes, publishers, journal.
 * Never  touches a record.
 */
import { Accounting } from '../accounting/accounting.ts';
import { Settling } from '../accounting/settling.ts';
import { streamCapacity } from '../accounting/window.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { printable } from '../base/printable.ts';
import { createDigester, createDigestState } from '../digest/digest.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import { LimitWatch } from '../observe/limit-watch.ts';
import type { BackfillReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { framingOf } from '../options/framing.ts';
import { createParseShared } from '../parse/setup.ts';
import { joinLeft } from '../publish/left.ts';
import type { PublishNotice } from '../publish/setup.ts';
import { STAT, sumStat } from '../publish/stats.ts';
import { createHeartbeats, HANG_MS } from '../ring/heartbeat.ts';
import { laneBytes } from '../ring/layout.ts';
import { PHASE } from '../ring/phases.ts';
import { createDoorbells, Doorbell } from '../ring/wait.ts';
import { scannerReason } from '../scan/open.ts';
import { ArchivedObjects } from './archived-objects.ts';
import { type Budget, formatBudget, planBudget } from './budget.ts';
import { openEnding } from './ending.ts';
import { asFailure, asInterruption, hangFailure } from './failures.ts';
import { HangWatch } from './hang-watch.ts';
import { keepFirstLines, type LimitKeeper } from './limited-listing.ts';
import { bytesOfTables } from './open-tables.ts';
import { budgetInputOf, type Prepared, type PrepareHooks, prepare } from './prepare.ts';
import { Publishing, publisherStarts } from './publishing.ts';
import { Reading } from './reading.ts';
import { RejectDesk } from './reject-desk.ts';
import { beyondRejectLimit } from './reject-limit.ts';
import { type Progress, progressOf, type RunFacts, reportOf, statusOf } from './report.ts';
import { Shutdown, within } from './shutdown.ts';

/** What an embedding program may bring. */
export interface BackfillHooks {
  /** Ends the run in good order; its reason may be a MillraceError that says why. */
  readonly signal?: AbortSignal;
  /** Called about four times a second. */
  readonly onProgress?: (progress: Progress) => void;
  /** Things the user should know, one line each. */
  readonly onNotice?: (text: string) => void;
  /** Whether a run may begin although another one covers the same objects. Absent: it is refused, unless `newRun` is set. */
  readonly askNewRun?: PrepareHooks['askNewRun'];
  /** Whether a short run may do without publisher threads, and send from the thread that calls. Default false: that thread has other work. */
  readonly maySendHere?: boolean;
}

const PROGRESS_INTERVAL_MS = 250;
/** Longest wait for the last refused records. */
const REFUSED_MS = 5_000;

/**
 * Carries the sources to the stream.
 * @throws {MillraceError} When the run cannot begin.
 */
export async function backfill(options: BackfillOptions, hooks: BackfillHooks = {}): Promise<BackfillReport> {
  const startedAtMs = performance.now();
  const ending = openEnding(options.timeoutMs, hooks.signal);
  try {
    const prepared = await prepare(options, ending.signal, hooks);
    const run = await begin(prepared, () => {
      return new Run(options, prepared, { ...hooks, signal: ending.signal }, startedAtMs);
    });
    return await run.execute();
  } finally {
    ending.close();
  }
}

/** What cannot begin, for want of memory, leaves nothing open: whoever called may try again. */
async function begin(prepared: Prepared, create: () => Run): Promise<Run> {
  try {
    return create();
  } catch (error) {
    const { journal, deadLetters, source, sink } = prepared;
    await journal?.close({ status: 'failed', complete: false });
    await deadLetters?.close();
    source.close();
    sink.close();
    throw error;
  }
}

class Run {
  readonly #options: BackfillOptions;
  readonly #prepared: Prepared;
  readonly #hooks: BackfillHooks;
  readonly #startedAtMs: number;
  readonly #budget: Budget;
  readonly #publisherCount: number;
  readonly #accounting: Accounting;
  readonly #settling: Settling;
  readonly #limitWatch: LimitWatch;
  readonly #limit: LimitKeeper | null;
  readonly #lanes: readonly (readonly SharedArrayBuffer[])[];
  readonly #archived: ArchivedObjects;
  readonly #rejectDesk: RejectDesk;
  readonly #shutdown: Shutdown;
  readonly #reading: Reading;
  readonly #publishing: Publishing;
  readonly #control = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #parseShared = createParseShared();
  readonly #doorbells: SharedArrayBuffer;
  readonly #heartbeats: SharedArrayBuffer;
  /** Why the run ends early, if it does. The first reason counts. */
  #ending: MillraceError | null = null;
  readonly #ended = Promise.withResolvers<void>();
  #shardCount: number;
  #rssMaxBytes = 0;
  #cpuAtStart = process.cpuUsage();

  constructor(options: BackfillOptions, prepared: Prepared, hooks: BackfillHooks, startedAtMs: number) {
    this.#options = options;
    this.#prepared = prepared;
    this.#hooks = hooks;
    this.#startedAtMs = startedAtMs;
    const { shards, stages } = prepared;
    this.#publisherCount = options.dryRun ? 0 : Math.min(options.publishers, shards.length);
    this.#budget = planBudget({ ...budgetInputOf(options, prepared), tableBytes: bytesOfTables(stages) });
    this.#doorbells = createDoorbells(this.#publisherCount);
    this.#heartbeats = createHeartbeats(options.parsers + this.#publisherCount);
    const digester = createDigester(prepared.digestKey);
    this.#rejectDesk = new RejectDesk({
      deadLetters: prepared.deadLetters,
      parseShared: this.#parseShared,
      onFailure: (error) => this.#end(asFailure(error)),
    });
    this.#accounting = new Accounting({
      journal: prepared.journal,
      parserCount: options.parsers,
      onDeadLetter: (deadLetter) => this.#rejectDesk.add(deadLetter),
      digestOf: (key, data) => {
        digester.reset();
        digester.addRecord(key, data);
        return digester.sums();
      },
      isDryRun: options.dryRun,
    });
    this.#lanes = this.#createLanes();
    this.#archived = new ArchivedObjects(prepared.journal?.path ?? null);
    this.#publishing = this.#createPublishing(this.#lanes);
    this.#limit = this.#createLimit();
    this.#reading = this.#createReading(this.#lanes);
    this.#shutdown = new Shutdown({
      reading: this.#reading,
      publishing: this.#publishing,
      setPhase: (phase) => this.#setPhase(phase),
    });
    this.#shardCount = shards.length;
    this.#settling = this.#createSettling();
    this.#limitWatch = this.#createLimitWatch();
  }

  async execute(): Promise<BackfillReport> {
    const prepared = this.#prepared;
    const hooks = this.#hooks;
    for (const notice of prepared.notices) this.#tell(notice);
    if (scannerReason() !== null)
      this.#tell(`the portable scanner serves, which is slower: ${scannerReason()}`);
    hooks.onNotice?.(formatBudget(this.#budget, this.#options));
    this.#journalPositions();
    const timers = this.#startTimers();
    const onAbort = () => this.#end(asInterruption(hooks.signal!.reason));
    hooks.signal?.addEventListener('abort', onAbort, { once: true });
    if (hooks.signal?.aborted) onAbort();
    try {
      const publishing = this.#publishing.run();
      await this.#feed();
      if (!this.#ending) await this.#flush(publishing);
      if (this.#ending) await this.#shutdown.drain(this.#ending, publishing);
    } catch (error) {
      this.#end(asFailure(error));
    } finally {
      for (const timer of timers) clearInterval(timer);
      hooks.signal?.removeEventListener('abort', onAbort);
      await this.#close();
    }
    hooks.onProgress?.(progressOf(this.#facts()));
    return reportOf(this.#facts());
  }

  /** Downloads and parses until the sources are exhausted or the run is ended. */
  async #feed(): Promise<void> {
    const download = this.#reading.download().catch((error: unknown) => this.#end(asFailure(error)));
    await Promise.race([download, this.#ended.promise]);
    if (!this.#ending) await Promise.race([this.#reading.idle(), this.#ended.promise]);
  }

  /** Lets the publishers send everything that is in the lanes. */
  async #flush(publishing: Promise<void>): Promise<void> {
    this.#setPhase(PHASE.FLUSH);
    this.#publishing.begin('here');
    await Promise.race([publishing, this.#ended.promise]);
    // The last refused records come through a channel of their own. If they never come, the accounts do not balance.
    await within(REFUSED_MS, Promise.race([this.#accounting.whenSettled(), this.#ended.promise]));
  }

  #createLanes(): SharedArrayBuffer[][] {
    const { laneCapacityBytes } = this.#budget;
    return Array.from({ length: this.#options.parsers }, () =>
      Array.from({ length: this.#publisherCount }, () => new SharedArrayBuffer(laneBytes(laneCapacityBytes))),
    );
  }

  #createPublishing(lanes: readonly (readonly SharedArrayBuffer[])[]): Publishing {
    return new Publishing({
      options: this.#options,
      prepared: this.#prepared,
      budget: this.#budget,
      publisherCount: this.#publisherCount,
      maySendHere: this.#hooks.maySendHere ?? false,
      lanes,
      doorbells: this.#doorbells,
      control: this.#control.buffer as SharedArrayBuffer,
      heartbeats: this.#heartbeats,
      slices: this.#accounting.slices.memory,
      signal: this.#hooks.signal,
      onNotice: (notice) => this.#takeNotice(notice),
      onFailure: (error) => this.#end(error),
    });
  }

  #createReading(lanes: readonly (readonly SharedArrayBuffer[])[]): Reading {
    const { source, rules, schema, stages, digestKey, journal } = this.#prepared;
    return new Reading({
      sources: this.#options.sources,
      options: this.#options,
      source,
      budget: this.#budget,
      accounting: this.#accounting,
      deadLetters: this.#options.deadLetters,
      journal: journal?.state ?? null,
      setup: {
        rules,
        lanes,
        starts: publisherStarts(this.#prepared, this.#publisherCount),
        doorbells: this.#doorbells,
        control: this.#control.buffer as SharedArrayBuffer,
        shared: this.#parseShared.buffer,
        heartbeats: this.#heartbeats,
        slices: this.#accounting.slices.memory,
        isOrdered: this.#options.order === 'key',
        isCollecting: false,
        schema,
        stages,
        framing: framingOf(this.#options.framing),
        isPortable: scannerReason() !== null,
        lineBytesMax: this.#budget.lineBytesMax,
        windowBytes: this.#budget.windowBytes,
        digestKey: createDigestState(digestKey),
      },
      onRejected: (lines) => this.#rejectDesk.taken(lines),
      onFound: () => {
        // More may be listed for a long time, and these are waiting.
        this.#publishing.begin('threads');
        this.#checkRejects();
        this.#settling.look();
      },
      onFailure: (error) => this.#end(error),
      limit: this.#limit,
      onObject: () => this.#publishing.expect(this.#reading.listTally.listedBytes, false),
      onArchived: (object) => this.#guarded(() => this.#archived.add(object)),
      onListed: () => this.#takeListed(),
      onNotice: (text) => this.#hooks.onNotice?.(text),
    });
  }

  /** What one process finds, the journal has before the first object is read. */
  #createLimit(): LimitKeeper | null {
    const { limitLines } = this.#options;
    const { journal } = this.#prepared;
    if (limitLines === null) return null;
    const onFound = async (found: FirstLines) => {
      this.#tell(found.description);
      for (const entry of found.entries()) journal?.append(entry);
      await journal?.commit();
    };
    return keepFirstLines(limitLines, journal?.state.firstLines ?? null, { onFound });
  }

  /** A notice on one line: it may hold names that others chose. */
  #tell(text: string): void {
    this.#hooks.onNotice?.(printable(text));
  }

  #createSettling(): Settling {
    const { stats } = this.#publishing;
    return new Settling({
      accounting: this.#accounting,
      journal: this.#prepared.journal,
      parserCount: this.#options.parsers,
      publisherCount: this.#publisherCount,
      capacity: () => streamCapacity(this.#options, this.#prepared.stream.traits, this.#shardCount),
      counts: () => ({
        shardCount: this.#shardCount,
        heldShards: sumStat(stats, STAT.HELD_SHARDS),
        records: sumStat(stats, STAT.RECORDS),
        bytes: sumStat(stats, STAT.BYTES),
      }),
      onFailure: (error) => this.#end(asFailure(error)),
      nowMs: () => performance.now(),
    });
  }

  /** The listing is complete: what it found is journaled, what it found archived is named. */
  #takeListed(): void {
    const { listed: objects, listedBytes: bytes } = this.#reading.listTally;
    this.#publishing.expect(bytes, true);
    this.#prepared.journal?.append({ kind: 'listed', objects, bytes, complete: true });
    this.#guarded(() => {
      const notice = this.#archived.finish();
      if (notice !== null) this.#tell(notice);
    });
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#end(asFailure(error));
    }
  }

  #takeNotice(notice: PublishNotice): void {
    if (notice.kind === 'refused') {
      for (const record of notice.records) this.#accounting.refuse(record);
      this.#checkRejects();
      this.#settling.look();
    }
    if (notice.kind === 'reshard') {
      this.#shardCount = notice.shardCount;
      this.#tell(`the stream was resharded: ${notice.shardCount} open shards now`);
    }
    if (notice.kind === 'breaker')
      this.#tell(`the service fails (${notice.reason}); sending stops until it answers again`);
    if (notice.kind === 'refresh-failed')
      this.#tell(`the stream's shards could not be listed (${notice.reason}); asking again`);
  }

  #checkRejects(isFinal = false): void {
    const { rejected, lines } = this.#accounting.counts.tally;
    const before = this.#prepared.journal?.before.tally;
    const beyond = beyondRejectLimit(this.#options.maxRejects, {
      rejected: rejected + (before?.rejected ?? 0),
      lines: lines + (before?.lines ?? 0),
      isFinal,
    });
    if (beyond !== null) this.#end(beyond);
  }

  #startTimers(): NodeJS.Timeout[] {
    const watch = new HangWatch(this.#heartbeats);
    const progress = setInterval(() => {
      this.#rssMaxBytes = Math.max(this.#rssMaxBytes, process.memoryUsage.rss());
      this.#hooks.onProgress?.(progressOf(this.#facts()));
      const hanging = watch.look();
      if (hanging !== null) this.#takeHang(hanging);
    }, PROGRESS_INTERVAL_MS);
    this.#settling.start();
    return [progress, this.#limitWatch.start()];
  }

  #createLimitWatch(): LimitWatch {
    return new LimitWatch({
      lanes: this.#lanes,
      windowWaiting: () => this.#accounting.slices.waitingCount,
      shardCount: () => this.#shardCount,
      shardRate: this.#prepared.stream.traits.shardRate,
      stats: this.#publishing.stats,
      publisherCount: this.#publisherCount,
      inFlightMax: this.#options.inFlight,
      backlog: () => this.#reading.backlog,
      receivedBytes: () => this.#reading.stats.bytes,
      publisherLoads: () => this.#publishing.loads(),
      nowMs: () => performance.now(),
    });
  }

  /** A hanging thread is not waited for: neither for its work nor for its answers. */
  #takeHang(thread: number): void {
    const { parsers } = this.#options;
    this.#end(hangFailure(thread, parsers, HANG_MS));
    if (thread >= parsers) this.#publishing.abandon(thread - parsers);
  }

  /** Where each shard stood before the run: `verify` reads from there. */
  #journalPositions(): void {
    const { journal, shards } = this.#prepared;
    if (!journal || journal.resumed) return;
    const atMs = Date.now();
    for (const { shardId } of shards)
      journal.append({ kind: 'position', shardId, sequenceNumber: null, atMs });
  }

  #setPhase(phase: number): void {
    Atomics.store(this.#control, 0, phase);
    new Doorbell(this.#doorbells).ringAll();
  }

  /** Ends the run early. The first reason counts. */
  #end(reason: MillraceError): void {
    if (this.#ending) return;
    this.#ending = reason;
    this.#publishing.begin('here');
    this.#ended.resolve();
  }

  async #close(): Promise<void> {
    const { journal, deadLetters, source, sink } = this.#prepared;
    this.#reading.abort(this.#ending ?? new Error('The run has ended'));
    this.#guarded(() => this.#archived.discard());
    this.#setPhase(PHASE.CUT);
    try {
      await this.#settling.stop();
      this.#settling.writeRest(joinLeft(this.#publishing.receipts.map(({ left }) => left)));
      if (!this.#ending) this.#assertBalanced();
      // Dead letters come before the tallies of their lines, so a share of rejects is checked once more here.
      if (!this.#ending) this.#checkRejects(true);
      await journal?.close({ status: statusOf(this.#facts()), complete: this.#ending === null });
    } catch (error) {
      this.#end(asFailure(error));
    }
    await deadLetters?.close().catch((error: unknown) => this.#end(asFailure(error)));
    await this.#shutdown.closePools();
    source.close();
    sink.close();
  }

  /** The accounts balance when nothing is open: every line of every object is acknowledged or a dead letter. */
  #assertBalanced(): void {
    const { openSlices, openObjects, counts } = this.#accounting;
    const delivered = this.#options.dryRun
      ? counts.tally.records
      : sumStat(this.#publishing.stats, STAT.RECORDS);
    if (openSlices === 0 && openObjects === 0 && delivered === counts.tally.records) return;
    const open = `${openObjects} objects and ${openSlices} slices open`;
    const why = `${open}, ${delivered} records acknowledged of ${counts.tally.records}`;
    throw new MillraceError(
      'MILLRACE_WORKER',
      `The books do not balance (${why}); run the same command again`,
      { exitCode: EXIT.resumable },
    );
  }

  #facts(): RunFacts {
    return {
      options: this.#options,
      prepared: this.#prepared,
      budget: this.#budget,
      counts: this.#accounting.counts,
      doneBytes: this.#accounting.doneBytes,
      doneBytesBefore: this.#accounting.doneBytesBefore,
      shardCount: this.#shardCount,
      reading: this.#reading,
      firstLines: this.#limit?.known() ?? null,
      stats: this.#publishing.stats,
      limitWatch: this.#limitWatch,
      receipts: this.#publishing.receipts,
      ending: this.#ending,
      elapsedMs: performance.now() - this.#startedAtMs,
      cpuAtStart: this.#cpuAtStart,
      rssMaxBytes: Math.max(this.#rssMaxBytes, process.memoryUsage.rss()),
    };
  }
}
