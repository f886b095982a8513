/**
 * Status: how far a run is, told from its journal alone.
 * Takes  the path of a journal, while a process writes to it or long after.
 * Gives  a plain object for `millrace status`: done, left, rate, dead letters, time to go.
 * Owns   the reckoning of the rate: over the last minute of the last process, so that pauses between processes do not count.
 * Never  takes the lock, writes, or remembers settled objects: it needs no memory to speak of.
 */
import { MillraceError } from '../errors.ts';
import { type Files, type OpenedFile, realFiles, reasonOf } from '../journal/files.ts';
import { lockHolder } from '../journal/lock.ts';
import type { LockHolder } from '../journal/lock-holder.ts';
import { readJournal } from '../journal/read.ts';
import { JournalState } from '../journal/state.ts';

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
    readonly rejected: number;
    readonly rejectedByCode: Record<string, number>;
  };
  readonly records: { readonly delivered: number; readonly ambiguous: number; readonly resent: number };
  readonly bytes: { readonly listed: number | null; readonly settled: number; readonly published: number };
  readonly deadLetters: number;
  /** Per second over the last minute of the last process. */
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

const WINDOW_MS = 60_000;
const SAMPLE_MS = 1000;

interface Sample {
  readonly atMs: number;
  readonly records: number;
  readonly bytes: number;
  /** Stored bytes that are done, parts of unfinished plain objects included. */
  readonly doneBytes: number;
}

/** @throws {MillraceError} MILLRACE_JOURNAL, exit 2, when there is no readable journal at `path`. */
export async function readStatus(path: string, options: StatusOptions = {}): Promise<RunStatus> {
  const holder = await (options.holder ?? lockHolder)(path);
  const state = new JournalState({ rememberSettled: false });
  const samples: Sample[] = [];
  const parts = new DoneParts();
  let file: OpenedFile | null = null;
  try {
    file = await (options.files ?? realFiles).open(path, 'read');
    const verdict = await readJournal(file, (entry, atMs) => {
      if (state.header === null && entry.kind !== 'run') throw new Error('the first line is not a header');
      if (entry.kind === 'start') samples.length = 0;
      parts.before(entry, state);
      state.apply(entry, atMs);
      parts.after(entry, state);
      keepSample(samples, atMs, state, parts.bytes);
    });
    if (state.header === null) throw unreadable(path, 'it is not a journal of Millrace');
    if (verdict.damage !== null)
      throw unreadable(path, `line ${verdict.damage.line} is damaged (${verdict.damage.reason})`);
    return describe(path, state, samples, holder, verdict.tornBytes);
  } catch (error) {
    throw error instanceof MillraceError ? error : unreadable(path, reasonOf(error), error);
  } finally {
    await file?.close();
  }
}

/** Follows how many stored bytes are done, so that one huge plain object has a rate before it ends. */
class DoneParts {
  bytes = 0;
  readonly #perObject = new Map<number, number>();
  before(entry: Parameters<JournalState['apply']>[0], state: JournalState): void {
    if (entry.kind !== 'object-done') return;
    const begun = entry.id === undefined ? undefined : state.partial(entry.id);
    this.bytes += begun?.size ?? entry.object?.size ?? 0;
    if (entry.id === undefined) return;
    this.bytes -= this.#perObject.get(entry.id) ?? 0;
    this.#perObject.delete(entry.id);
  }
  after(entry: Parameters<JournalState['apply']>[0], state: JournalState): void {
    if (entry.kind !== 'segment') return;
    // A compressed object's progress counts decompressed bytes: how much of the stored ones that is cannot be known.
    const size = state.partial(entry.id)!.size;
    const part = Math.max(0, Math.min(entry.end, size) - Math.min(entry.start, size));
    this.bytes += part;
    this.#perObject.set(entry.id, (this.#perObject.get(entry.id) ?? 0) + part);
  }
}

/** At most one sample a second, none older than the window but the last one before it. */
function keepSample(samples: Sample[], atMs: number, state: JournalState, doneBytes: number): void {
  const { records, bytes } = state.totals.tally;
  const sample = { atMs, records, bytes, doneBytes };
  const last = samples.at(-1);
  const before = samples.at(-2);
  if (last !== undefined && before !== undefined && atMs - before.atMs < SAMPLE_MS)
    samples[samples.length - 1] = sample;
  else samples.push(sample);
  while (samples.length > 2 && samples[1]!.atMs <= atMs - WINDOW_MS) samples.shift();
}

function describe(
  path: string,
  state: JournalState,
  samples: readonly Sample[],
  holder: LockHolder | null,
  tornBytes: number,
): RunStatus {
  const { tally, objectsDone, objectsFailed, objectBytesDone } = state.totals;
  const [first, last] = [samples[0], samples.at(-1)];
  const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1000;
  const rate =
    seconds <= 0
      ? null
      : {
          records: (last!.records - first!.records) / seconds,
          bytes: (last!.bytes - first!.bytes) / seconds,
        };
  const isFinished = state.ended?.complete === true;
  const left = leftOf(state);
  const doneBytesPerSecond = seconds <= 0 ? 0 : (last!.doneBytes - first!.doneBytes) / seconds;
  const bytesLeft =
    left === null ? null : Math.max(0, state.listed!.bytes - (last?.doneBytes ?? objectBytesDone));
  const canReckon = bytesLeft !== null && (bytesLeft === 0 || doneBytesPerSecond > 0);
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
      rejected: tally.rejected,
      rejectedByCode: { ...tally.codes },
    },
    records: { delivered: tally.records, ...state.again },
    bytes: { listed: state.listed?.bytes ?? null, settled: objectBytesDone, published: tally.bytes },
    deadLetters: tally.rejected,
    rate,
    left,
    etaMs: isFinished
      ? 0
      : canReckon
        ? Math.round((bytesLeft / Math.max(doneBytesPerSecond, 1)) * 1000)
        : null,
    tornBytes,
  };
}

function leftOf(state: JournalState): RunStatus['left'] {
  if (state.listed === null || !state.listed.complete) return null;
  const { objectsDone, objectsFailed, objectBytesDone } = state.totals;
  return {
    objects: Math.max(0, state.listed.objects - objectsDone - objectsFailed),
    bytes: Math.max(0, state.listed.bytes - objectBytesDone),
  };
}

function unreadable(path: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('MILLRACE_JOURNAL', `Cannot read the journal ${path}: ${reason}`, { cause });
}
