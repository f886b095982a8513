/**
 * Report: what a backfill did, as docs/CLI.md promises it to scripts, and as people read it.
 * Owns  the field names (a contract), the exit code of a run that ended by itself, and the text.
 */
import type { RejectCode } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import { formatBytes, formatCount, formatDuration } from '../base/quantity.ts';
import { type RunLimit, STAGE_NAMES } from './advice.ts';
import { formatStage, type StageReport } from './stage-figures.ts';

export interface BackfillReport {
  readonly status: 'delivered' | 'delivered-with-rejects' | 'failed' | 'interrupted' | 'dry-run';
  /** 0, 1, 2, 3, 129, 130 or 143, as in docs/CLI.md. */
  readonly exitCode: number;
  /** One line for people, or null. */
  readonly error: string | null;
  readonly run: string;
  readonly resumed: boolean;
  readonly stream: string;
  readonly objects: {
    readonly listed: number;
    readonly done: number;
    /** Delivered by earlier processes of the run, empty, filtered out, or archived. */
    readonly skipped: number;
    readonly failed: number;
    /** Of `done`: their bytes matched the checksum of the whole object that the source holds. */
    readonly proven: number;
    /** Of `done`: the source holds no such checksum, or an earlier process had read a part. */
    readonly unproven: number;
    readonly archived: number;
    readonly changed: number;
  };
  readonly lines: {
    readonly read: number;
    readonly blank: number;
    readonly filtered: number;
    /** Records beyond the first of their line, where stages make several of one; absent: none. */
    readonly added?: number;
    readonly rejected: number;
    readonly rejectedByCode: Partial<Record<RejectCode, number>>;
  };
  /** What each stage has done in this process, in their order. */
  readonly stages: readonly StageReport[];
  /** Of `--limit`, or null: how many lines were asked for, how many there are, and whether something lies behind them; null: not known yet. */
  readonly limited: {
    readonly lines: number;
    readonly taken: number | null;
    readonly more: boolean | null;
  } | null;
  readonly records: {
    /** Acknowledged in this process. */
    readonly delivered: number;
    /** Delivered by earlier processes of the run. */
    readonly deliveredBefore: number;
    /** In requests that ended without an answer and were sent again: an upper bound of duplicates. */
    readonly ambiguous: number;
    /** Sent again because a reshard led their aggregate to a shard where consumers drop it: seen twice by those that check no ranges. */
    readonly resent: number;
    /** Acknowledged, and not in the journal because the run ended first: the next process sends them again. */
    readonly repeatable: number;
  };
  readonly bytes: { readonly downloaded: number; readonly scanned: number; readonly published: number };
  readonly requests: {
    readonly get: number;
    readonly put: number;
    readonly putRetried: number;
    readonly putFailed: number;
    readonly throttledRecords: number;
    readonly failedRecords: number;
    readonly strayRecords: number;
    readonly breakerOpened: number;
    readonly reshards: number;
  };
  /** What held this process back. */
  readonly limit: RunLimit;
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly rssMaxBytes: number;
  /**
   * What `--memory` allows the buffers, what they may take of it, and what the process may with Node and its threads: a peak above that
   * is not the run's alone. Null where other work shared the process.
   */
  readonly memory: {
    readonly limitBytes: number;
    readonly buffersBytes: number;
    readonly expectedBytes: number;
  } | null;
  readonly scanner: 'native' | 'portable';
  readonly wire: 'cbor' | 'json';
  readonly journal: string | null;
  readonly deadLetter: string | null;
}

/** The text for people. */
export function formatReport(report: BackfillReport): string {
  const { objects, lines, records, bytes, requests } = report;
  const seconds = Math.max(report.durationMs, 1) / 1000;
  const rows: [string, string][] = [
    ['run', `${report.run}${report.resumed ? ' (resumed)' : ''} -> stream ${report.stream}`],
    [
      'objects',
      joined(
        [
          [objects.done, 'done'],
          [objects.skipped, 'skipped'],
          [objects.failed, 'failed'],
          [objects.unproven, 'unproven'],
          [objects.archived, 'archived'],
          [objects.changed, 'changed'],
        ],
        `${formatCount(objects.listed)} listed`,
      ),
    ],
    [
      'lines',
      joined(
        [
          [lines.blank, 'blank'],
          [lines.filtered, 'filtered'],
          [lines.added ?? 0, 'records more than lines'],
          [lines.rejected, 'rejected'],
        ],
        `${formatCount(lines.read)} read`,
      ),
    ],
    ...limitedRow(report),
    ...report.stages.map((stage): [string, string] => ['stage', formatStage(stage)]),
    [
      'records',
      joined(
        [
          [records.deliveredBefore, 'delivered before'],
          [records.ambiguous, 'ambiguous'],
          [records.resent, 'resent'],
        ],
        `${formatCount(records.delivered)} delivered`,
      ),
    ],
    [
      'bytes',
      `${formatBytes(bytes.downloaded)} downloaded, ${formatBytes(bytes.scanned)} scanned, ${formatBytes(bytes.published)} published`,
    ],
    [
      'requests',
      joined(
        [
          [requests.put, 'put'],
          [requests.putRetried, 'retried'],
          [requests.putFailed, 'failed'],
          [requests.throttledRecords, 'records throttled'],
        ],
        `${formatCount(requests.get)} get`,
      ),
    ],
    [
      'time',
      `${formatDuration(report.durationMs)}, CPU ${formatDuration(report.cpuMs)}, ${formatCount(records.delivered / seconds)} records/s, ${formatBytes(bytes.published / seconds)}/s`,
    ],
  ];
  if (report.rssMaxBytes > 0) rows.push(['peak memory', peakOf(report)]);
  for (const [code, count] of Object.entries(lines.rejectedByCode))
    rows.push(['rejected', `${formatCount(count)} ${code}`]);
  const isEarly = report.status === 'interrupted' || report.status === 'failed';
  if (isEarly && report.journal !== null) rows.push(['repeats', repeatsOf(records.repeatable)]);
  if (report.deadLetter !== null) rows.push(['dead letters', report.deadLetter]);
  if (report.journal !== null) rows.push(['journal', report.journal]);
  const text = rows.map(([name, value]) => `  ${name.padEnd(13)}${printable(value)}`);
  const headline = headlineOf(report) + (report.error ? `: ${report.error}` : '');
  return [headline, ...text, ...limitLines(report.limit)].join('\n');
}

/** The last line; empty where a run was too short to tell. */
function limitLines({ stage, shares, helps }: RunLimit): string[] {
  if (stage === null) return [];
  const share = `${Math.round(shares[stage] * 100)} % of the time`;
  return [`Held back by ${STAGE_NAMES[stage]} (${share}), what helps: ${helps}`];
}

function headlineOf({ status, limited }: BackfillReport): string {
  if (status !== 'delivered' || limited?.more !== true) return HEADLINES[status];
  return `Delivered: the first ${formatCount(limited.taken ?? 0)} lines of the source are on the stream`;
}

function limitedRow({ limited }: BackfillReport): [string, string][] {
  if (limited === null) return [];
  const { lines, taken, more } = limited;
  const rest =
    more === null
      ? 'not found yet'
      : more
        ? 'more lies behind them'
        : `the source has ${formatCount(taken ?? 0)}`;
  return [['limit', `the first ${formatCount(lines)} lines, ${rest}`]];
}

const HEADLINES: Readonly<Record<BackfillReport['status'], string>> = {
  delivered: 'Delivered: every line of the source is on the stream',
  'delivered-with-rejects': 'Delivered, except for the dead letters',
  failed: 'Failed',
  interrupted: 'Interrupted; the same command resumes it',
  'dry-run': 'Dry run: nothing was sent',
};

/** The peak beside what was announced at the start. */
function peakOf({ rssMaxBytes, memory }: BackfillReport): string {
  if (memory === null) return formatBytes(rssMaxBytes);
  const { buffersBytes, expectedBytes } = memory;
  const parts = `buffers ${formatBytes(buffersBytes)}, Node and its threads ${formatBytes(expectedBytes - buffersBytes)}`;
  return `${formatBytes(rssMaxBytes)}, of up to ${formatBytes(expectedBytes)} (${parts})`;
}

/** What the next process of the run sends again although it was acknowledged, or may have been. */
function repeatsOf(repeatable: number): string {
  if (repeatable === 0) return 'nothing: the same command goes on where this one stopped';
  return `at most ${formatCount(repeatable)} records, which the same command sends again`;
}

/** `a, 3 done, 1 failed`: counts of zero are left out. */
function joined(counts: readonly (readonly [number, string])[], first: string): string {
  const rest = counts.filter(([count]) => count > 0).map(([count, name]) => `${formatCount(count)} ${name}`);
  return [first, ...rest].join(', ');
}
