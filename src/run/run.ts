/**
 * Run: one run that has begun, from its sources to the stream. The only file that knows all stages.
 * Takes  what was prepared (prepare.ts). Gives  a report; a failure is part of it.
 * Owns   the two thread pools, the shared memory between them, and the order in which everything is started and stopped:
 *        source, parsers, lanes, publishers, journal.
 * Never  touches a record.
 */
import { Accounting } from '../accounting/accounting.ts';
import { Settling } from '../accounting/settling.ts';
import { streamCapacity } from '../accounting/window.ts';
import type { MillraceError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { createDigester, createDigestState } from '../digest/digest.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import { LimitWatch } from '../observe/limit-watch.ts';
import type { BackfillReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { framingOf } from '../options/framing.ts';
import { joinLeft } from '../publish/left.ts';
import type { PublishNotice } from '../publish/setup.ts';
import { STAT, sumStat } from '../publish/stats.ts';
import { HANG_MS } from '../ring/heartbeat.ts';
import { PHASE } from '../ring/phases.ts';
import { scannerReason } from '../scan/open.ts';
import { ArchivedObjects } from './archived-objects.ts';
import { assertBalanced } from './books.ts';
import { type Budget, formatBudget, planBudget } from './budget.ts';
import { asFailure, asInterruption, hangFailure } from './failures.ts';
import { HangWatch } from './hang-watch.ts';
import type { BackfillHooks } from './hooks.ts';
import { keepFirstLines, type LimitKeeper } from './limited-listing.ts';
import { wordsOf } from './notices.ts';
import { bytesOfTables } from './open-tables.ts';
import { budgetInputOf, type Prepared } from './prepare.ts';
import { Publishing, publisherStarts } from './publishing.ts';
import { Reading } from './reading.ts';
import { RejectDesk } from './reject-desk.ts';
import { beyondRejectLimit } from './reject-limit.ts';
import { progressOf, type RunFacts, reportOf, statusOf } from './report.ts';
import { RunMemory } from './run-memory.ts';
import { Shutdown, within } from './shutdown.ts';

const PROGRESS_INTERVAL_MS = 250;
/** Longest wait for the last refused records. */
const REFUSED_MS = 5_000;

export class Run {
  readonly #options: BackfillOptions;
  readonly #prepared: Prepared;
  readonly #hooks: BackfillHooks;
  readonly #startedAtMs: number;
  readonly #budget: Budget;
  readonly #publisherCount: number;
  readonly #memory: RunMemory;
  readonly #accounting: Accounting;
  readonly #settling: Settling;
  readonly #limitWatch: LimitWatch;
  readonly #limit: LimitKeeper | null;
  readonly #archived: ArchivedObjects;
  readonly #rejectDesk: RejectDesk;
  readonly #shutdown: Shutdown;
  readonly #reading: Reading;
  readonly #publishing: Publishing;
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
    this.#memory = new RunMemory({
      parserCount: options.parsers,
      publisherCount: this.#publisherCount,
      laneCapacityBytes: this.#budget.laneCapacityBytes,
    });
    const digester = createDigester(prepared.digestKey);
    this.#rejectDesk = new RejectDesk({
      deadLetters: prepared.deadLetters,
      parseShared: this.#memory.parseShared,
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
    this.#archived = new ArchivedObjects(prepared.journal?.path ?? null);
    this.#publishing = this.#createPublishing();
    this.#limit = this.#createLimit();
    this.#reading = this.#createReading();
    this.#shutdown = new Shutdown({
      reading: this.#reading,
      publishing: this.#publishing,
      setPhase: (phase) => this.#memory.setPhase(phase),
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
    const progress = this.#startTimers();
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
      clearInterval(progress);
      this.#limitWatch.stop();
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
    this.#memory.setPhase(PHASE.FLUSH);
    this.#publishing.begin('here');
    await Promise.race([publishing, this.#ended.promise]);
    // The last refused records come through a channel of their own. If they never come, the accounts do not balance.
    await within(REFUSED_MS, Promise.race([this.#accounting.whenSettled(), this.#ended.promise]));
  }

  #createPublishing(): Publishing {
    const { lanes, doorbells, heartbeats, control } = this.#memory;
    return new Publishing({
      options: this.#options,
      prepared: this.#prepared,
      budget: this.#budget,
      publisherCount: this.#publisherCount,
      maySendHere: this.#hooks.maySendHere ?? false,
      lanes,
      doorbells,
      control,
      heartbeats,
      slices: this.#accounting.slices.memory,
      signal: this.#hooks.signal,
      onNotice: (notice) => this.#takeNotice(notice),
      onFailure: (error) => this.#end(error),
    });
  }

  #createReading(): Reading {
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
        ...this.#memory.ofParsers,
        starts: publisherStarts(this.#prepared, this.#publisherCount),
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
      onCommit: () => this.#publishing.noteSentAgain(),
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
    if (notice.kind === 'reshard') this.#shardCount = notice.shardCount;
    const text = wordsOf(notice);
    if (text !== null) this.#tell(text);
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

  #startTimers(): NodeJS.Timeout {
    const watch = new HangWatch(this.#memory.heartbeats);
    const progress = setInterval(() => {
      this.#rssMaxBytes = Math.max(this.#rssMaxBytes, process.memoryUsage.rss());
      this.#hooks.onProgress?.(progressOf(this.#facts()));
      const hanging = watch.look();
      if (hanging !== null) this.#takeHang(hanging);
    }, PROGRESS_INTERVAL_MS);
    this.#settling.start();
    this.#limitWatch.start();
    return progress;
  }

  #createLimitWatch(): LimitWatch {
    return new LimitWatch({
      lanes: this.#memory.lanes,
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
    this.#memory.setPhase(PHASE.CUT);
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

  #assertBalanced(): void {
    const { counts } = this.#accounting;
    const sent = sumStat(this.#publishing.stats, STAT.RECORDS);
    assertBalanced(this.#accounting, this.#options.dryRun ? counts.tally.records : sent);
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
