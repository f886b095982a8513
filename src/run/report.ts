/**
 * Run report: what the engine knows of a run, as progress and as the report.
 * Takes  the engine's parts as they are now. Gives plain data.
 * Owns   what counts for the whole run (lines, rejects, delivered before) and what for this process (requests, bytes, time).
 */
import type { Counts } from '../accounting/counts.ts';
import { type Capacity, streamCapacity } from '../accounting/window.ts';
import type { MillraceError } from '../base/errors.ts';
import { exitCodeOf } from '../base/exit-code.ts';
import { peakMemoryBytes } from '../base/peak-memory.ts';
import type { FirstLines } from '../journal/first-lines.ts';
import type { LimitWatch } from '../observe/limit-watch.ts';
import type { BackfillReport } from '../observe/report.ts';
import { stageReports } from '../observe/stage-figures.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import type { PublishReceipt } from '../publish/setup.ts';
import { STAT, sumStat } from '../publish/stats.ts';
import { scannerReason } from '../scan/open.ts';
import type { Budget } from './budget.ts';
import type { Prepared } from './prepare.ts';
import type { Reading } from './reading.ts';

/** How far a run is. Sums of this process, unless they say otherwise. */
export interface Progress {
  readonly objects: { readonly listed: number; readonly settled: number; readonly isListingDone: boolean };
  /**
   * Stored bytes. `settled` are those whose lines are acknowledged, dead-lettered, filtered or blank, in all processes of the run;
   * `settledBefore` those of them that earlier processes had done, as far as this one has come across them.
   */
  readonly bytes: {
    readonly listed: number;
    readonly downloaded: number;
    readonly settled: number;
    readonly settledBefore: number;
  };
  /** Acknowledged. */
  readonly records: number;
  readonly publishedBytes: number;
  readonly rejected: number;
  readonly throttled: number;
  readonly shards: {
    readonly open: number;
    /** With a batch that is ready and that the shard's pace, a backoff or `--rate` does not let go. */
    readonly held: number;
    /** What one of them takes in a second, for this run; Infinity where nothing bounds it, null where it is unknown. */
    readonly pace: Capacity | null;
  };
  /** Of `--rate`, or null. */
  readonly ratePace: Capacity | null;
  readonly elapsedMs: number;
}

/** The engine's parts, read and never changed here. */
export interface RunFacts {
  readonly options: BackfillOptions;
  readonly prepared: Prepared;
  readonly budget: Pick<Budget, 'buffersBytes' | 'runtimeBytes'>;
  readonly counts: Counts;
  /** Stored bytes of the source that are dealt with, by all processes of the run. */
  readonly doneBytes: number;
  /** Of those publishers that have ended. */
  readonly receipts: readonly PublishReceipt[];
  readonly limitWatch: LimitWatch;
  /** The part of `doneBytes` that earlier processes did. */
  readonly doneBytesBefore: number;
  readonly shardCount: number;
  readonly reading: Pick<
    Reading,
    'listTally' | 'isListingDone' | 'stats' | 'changedCount' | 'stageFigures' | 'prefixFigures'
  >;
  /** Of `--limit`, as far as they are known. */
  readonly firstLines: FirstLines | null;
  readonly stats: SharedArrayBuffer;
  /** Why the run ended early, or null. */
  readonly ending: MillraceError | null;
  readonly elapsedMs: number;
  readonly cpuAtStart: NodeJS.CpuUsage;
  readonly rssMaxBytes: number;
}

/** How the run ended, or would if it ended now. */
export function statusOf(facts: RunFacts): BackfillReport['status'] {
  const { ending, options } = facts;
  if (ending)
    return ending.code === 'MILLRACE_INTERRUPTED' || ending.code === 'MILLRACE_TIMEOUT'
      ? 'interrupted'
      : 'failed';
  if (options.dryRun) return 'dry-run';
  // Archived objects are left out, so a run that met one has not delivered everything.
  return rejectedOf(facts) + facts.reading.listTally.archived > 0 ? 'delivered-with-rejects' : 'delivered';
}

export function progressOf(facts: RunFacts): Progress {
  const { counts, doneBytes, doneBytesBefore, reading, options, stats, elapsedMs } = facts;
  const { traits } = facts.prepared.stream;
  return {
    objects: {
      listed: reading.listTally.listed,
      settled: counts.objectsDone + counts.objectsFailed + counts.objectsSkipped,
      isListingDone: reading.isListingDone,
    },
    bytes: {
      listed: reading.listTally.listedBytes,
      downloaded: reading.stats.bytes,
      settled: doneBytes,
      settledBefore: doneBytesBefore,
    },
    records: options.dryRun ? counts.tally.records : sumStat(stats, STAT.RECORDS),
    publishedBytes: sumStat(stats, STAT.BYTES),
    rejected: counts.tally.rejected,
    throttled: sumStat(stats, STAT.THROTTLED),
    shards: {
      open: facts.shardCount,
      held: sumStat(stats, STAT.HELD_SHARDS),
      pace: traits.isOnDemand ? null : streamCapacity({ ...options, rate: null }, traits, 1),
    },
    ratePace: options.rate,
    elapsedMs,
  };
}

export function reportOf(facts: RunFacts): BackfillReport {
  const { prepared, counts, reading, ending } = facts;
  const { journal, run, stream, address, deadLetterPath } = prepared;
  const before = journal?.before;
  const rejected = rejectedOf(facts);
  const added = counts.tally.added + (before?.tally.added ?? 0);
  const status = statusOf(facts);
  const list = reading.listTally;
  const leftOut = list.empty + list.directoryMarkers + list.archived + list.filtered + list.duplicates;
  return {
    status,
    exitCode: exitCodeOf(status, rejected, ending),
    error: ending?.message ?? null,
    run,
    resumed: journal?.resumed ?? false,
    stream: stream.name,
    objects: {
      listed: list.listed,
      done: counts.objectsDone,
      skipped: counts.objectsSkipped + leftOut,
      failed: counts.objectsFailed,
      proven: counts.objectsProven,
      unproven: counts.objectsUnproven,
      archived: list.archived,
      changed: reading.changedCount,
    },
    lines: {
      read: counts.tally.lines + (before?.tally.lines ?? 0),
      blank: counts.tally.blank + (before?.tally.blank ?? 0),
      filtered: counts.tally.filtered + (before?.tally.filtered ?? 0),
      ...(added > 0 && { added }),
      rejected,
      rejectedByCode: codesOf(facts),
    },
    stages: stageReports(prepared.stages, counts.tally, reading.prefixFigures, reading.stageFigures),
    limited: limitedOf(facts),
    ...deliveryOf(facts),
    limit: facts.limitWatch.limit(
      facts.options,
      facts.receipts.map(({ skew }) => skew),
    ),
    durationMs: Math.round(facts.elapsedMs),
    cpuMs: cpuMs(facts.cpuAtStart),
    // A machine that is slow, or tells nothing, may have left no sample.
    rssMaxBytes: facts.rssMaxBytes || peakMemoryBytes(),
    memory: memoryOf(facts),
    scanner: scannerReason() === null ? 'native' : 'portable',
    wire: address.wire,
    journal: journal?.path ?? null,
    deadLetter: rejected > 0 ? deadLetterPath : null,
  };
}

function limitedOf({ options, firstLines }: RunFacts): BackfillReport['limited'] {
  if (options.limitLines === null) return null;
  const { taken = null, more = null } = firstLines?.facts ?? {};
  return { lines: options.limitLines, taken, more };
}

function memoryOf({ budget, options }: RunFacts): NonNullable<BackfillReport['memory']> {
  const { buffersBytes, runtimeBytes } = budget;
  return { limitBytes: options.memoryBytes, buffersBytes, expectedBytes: buffersBytes + runtimeBytes };
}

function deliveryOf({ prepared, counts, reading, stats, ending, receipts }: RunFacts) {
  // Records of requests that had no answer when the run was ended.
  const unknownCount = receipts.reduce((sum, receipt) => sum + receipt.unknownCount, 0);
  const stat = (column: number) => sumStat(stats, column);
  const before = prepared.journal?.before.tally.records ?? 0;
  const journaled = (prepared.journal?.state.totals.tally.records ?? 0) - before;
  const delivered = stat(STAT.RECORDS);
  return {
    records: {
      delivered,
      deliveredBefore: before,
      ambiguous: stat(STAT.AMBIGUOUS),
      resent: stat(STAT.RESENT),
      repeatable: ending ? Math.max(0, delivered - journaled) + unknownCount : 0,
    },
    bytes: { downloaded: reading.stats.bytes, scanned: counts.tally.bytes, published: stat(STAT.BYTES) },
    requests: {
      get: reading.stats.requests,
      put: stat(STAT.REQUESTS),
      putRetried: stat(STAT.REQUESTS_RETRIED),
      putFailed: stat(STAT.REQUESTS_FAILED),
      throttledRecords: stat(STAT.THROTTLED),
      failedRecords: stat(STAT.FAILED),
      strayRecords: stat(STAT.RESENT),
      breakerOpened: stat(STAT.BREAKER_OPENED),
      reshards: stat(STAT.RESHARDS),
    },
  };
}

/** Dead letters of the whole run. */
function rejectedOf({ counts, prepared }: RunFacts): number {
  return counts.tally.rejected + (prepared.journal?.before.tally.rejected ?? 0);
}

function codesOf({ counts, prepared }: RunFacts): Record<string, number> {
  const codes: Record<string, number> = { ...prepared.journal?.before.tally.codes };
  for (const [code, count] of Object.entries(counts.tally.codes)) codes[code] = (codes[code] ?? 0) + count;
  return codes;
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return Math.round((user + system) / 1000);
}
