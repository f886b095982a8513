/**
 * Status: how far a run has come, according to its journal alone.
 * Takes  the path of a journal, while a process writes to it or long after.
 * Gives  a plain object for `millrace status`: done, left, rate, dead letters, time to go.
 * Owns   the reckoning of what is left and how long it takes.
 * Never  takes the lock, writes, or remembers settled objects: it needs no memory to speak of.
 */
import type { JournalEntry } from '../journal/entries.ts';
import type { Files } from '../journal/files.ts';
import { lockHolder } from '../journal/lock.ts';
import type { LockHolder } from '../journal/lock-holder.ts';
import { lookInto, unreadable } from '../journal/look.ts';
import { JournalState } from '../journal/state.ts';
import { JournalPace } from './journal-pace.ts';

/** What `millrace status --json` prints. Times are ISO 8601 in UTC; null means that it cannot be known (yet). */
export interface RunStatus {
  readonly run: string;
  readonly journal: string;
  /**
   * `running`: a process holds the journal. `finished`: nothing is left. `stopped`: ended in good order before the end.
   * `killed`: the last process vanished. The same command resumes the last two.
   */
  readonly state: 'running' | 'finished' | 'stopped' | 'killed';
  /** How the last process ended, as in its report; null while it runs or if it was killed. */
  readonly status: string | null;
  readonly pid: number | null;
  /** Processes that have worked on this run. */
  readonly processes: number;
  readonly createdAt: string;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly objects: {
    readonly listed: number | null;
    readonly done: number;
    readonly failed: number;
    readonly begun: number;
  };
  readonly lines: {
    readonly read: number;
    readonly blank: number;
    readonly filtered: number;
    readonly rejected: number;
    readonly rejectedByCode: Record<string, number>;
  };
  readonly records: { readonly delivered: number; readonly ambiguous: number; readonly resent: number };
  /**
   * What the stream has acknowledged to all processes, as they said twice a second: a lower bound at that time. What was sent
   * again after a kill counts each time. It promises nothing: what is journaled as safe are `records.delivered`.
   */
  readonly acknowledged: { readonly records: number; readonly bytes: number; readonly at: string };
  readonly bytes: {
    readonly listed: number | null;
    /** Stored bytes whose lines are acknowledged or dead-lettered, those of unfinished objects included. */
    readonly done: number;
    readonly settled: number;
    readonly published: number;
  };
  readonly deadLetters: number;
  /** What was acknowledged in a second, over the last minute of the last process. */
  readonly rate: { readonly records: number; readonly bytes: number } | null;
  /** Objects and stored bytes that are not settled yet, of those listed. Null until the listing is complete. */
  readonly left: { readonly objects: number; readonly bytes: number } | null;
  readonly etaMs: number | null;
  /** Bytes behind the last whole write: normal while a process writes. */
  readonly tornBytes: number;
}

export interface StatusOptions {
  readonly files?: Files;
  readonly holder?: (journalPath: string) => Promise<LockHolder | null>;
}

/** @throws {MillraceError} MILLRACE_JOURNAL, exit 2, when there is no readable journal at `path`. */
export async function readStatus(path: string, options: StatusOptions = {}): Promise<RunStatus> {
  const holder = await (options.holder ?? lockHolder)(path);
  const state = new JournalState({ rememberSettled: false });
  const pace = new JournalPace();
  const onEntry = (entry: JournalEntry, atMs: number) => {
    state.apply(entry, atMs);
    pace.take(entry, atMs, state);
  };
  const { damage, tornBytes } = await lookInto(path, onEntry, options.files);
  if (damage !== null) throw unreadable(path, `line ${damage.line} is damaged (${damage.reason})`);
  return describe(path, state, pace, holder, tornBytes);
}

function describe(
  path: string,
  state: JournalState,
  pace: JournalPace,
  holder: LockHolder | null,
  tornBytes: number,
): RunStatus {
  const { tally, objectsDone, objectsFailed, objectBytesDone, failedByCode } = state.totals;
  const isFinished = state.ended?.complete === true;
  const { rate, doneBytes } = pace;
  // Objects that are tried again have their dead letters, too.
  const failed = Object.values(failedByCode).reduce((sum, count) => sum + count, 0);
  const { records, bytes, atMs } = state.acknowledged;
  return {
    run: state.header!.run,
    journal: path,
    state:
      holder !== null ? 'running' : isFinished ? 'finished' : state.ended !== null ? 'stopped' : 'killed',
    status: state.ended?.status ?? null,
    pid: holder?.pid ?? null,
    processes: state.processes,
    createdAt: new Date(state.createdAtMs).toISOString(),
    startedAt: new Date(state.startedAtMs).toISOString(),
    updatedAt: new Date(state.updatedAtMs).toISOString(),
    objects: {
      listed: state.listed?.objects ?? null,
      done: objectsDone,
      failed: objectsFailed,
      begun: state.partialCount,
    },
    lines: {
      read: tally.lines,
      blank: tally.blank,
      filtered: tally.filtered,
      rejected: tally.rejected + failed,
      rejectedByCode: sumOf(tally.codes, failedByCode),
    },
    records: { delivered: tally.records, ...state.again },
    acknowledged: { records, bytes, at: new Date(atMs).toISOString() },
    bytes: {
      listed: state.listed?.bytes ?? null,
      done: doneBytes,
      settled: objectBytesDone,
      published: tally.bytes,
    },
    deadLetters: tally.rejected + failed,
    rate: rate === null ? null : { records: rate.records, bytes: rate.bytes },
    left: leftOf(state),
    etaMs: isFinished ? 0 : msToGo(state, doneBytes, rate?.done ?? 0),
    tornBytes,
  };
}

function msToGo({ listed }: JournalState, doneBytes: number, bytesPerSecond: number): number | null {
  if (listed === null || !listed.complete) return null;
  const leftBytes = Math.max(0, listed.bytes - doneBytes);
  if (leftBytes === 0) return 0;
  return bytesPerSecond > 0 ? Math.round((leftBytes / bytesPerSecond) * 1000) : null;
}

function sumOf(...counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const [code, count] of counts.flatMap((one) => Object.entries(one)))
    sum[code] = (sum[code] ?? 0) + count;
  return sum;
}

function leftOf(state: JournalState): RunStatus['left'] {
  if (state.listed === null || !state.listed.complete) return null;
  const { objectsDone, objectsFailed, objectBytesDone } = state.totals;
  return {
    objects: Math.max(0, state.listed.objects - objectsDone - objectsFailed),
    bytes: Math.max(0, state.listed.bytes - objectBytesDone),
  };
}
