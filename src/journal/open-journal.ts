/**
 * Opening a journal: a new one appears under its name complete, an old one is read, checked, and freed of a torn end.
 * Takes  where it lies, whose it must be, and the files. The lock is held by whoever asks.
 * Gives  the open file with the state that its entries make; or why the file cannot be used, and what to do.
 * Owns   what makes a file a journal of this run, its compaction at opening, and which failures can be cured.
 * Never  writes to a file that is not a journal, or to one of another run.
 */
import { describeSuccessor, isSameStream, type StreamBirth } from '../aws/stream-birth.ts';
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { faultPoint } from '../base/fault-points.ts';
import { compactAtOpening, draftOf, isWorthCompacting } from './compact.ts';
import {
  encodeEntry,
  formatProblem,
  HEADER_START,
  JOURNAL_VERSION,
  type JournalEntry,
  type RunEntry,
} from './entries.ts';
import { type Files, isPassingOnDisk, type OpenedFile, reasonOf, removeDraft, writeAll } from './files.ts';
import type { Lock } from './lock.ts';
import { readJournal } from './read.ts';
import { conditionOf, type Identity, identityDifferences } from './run-name.ts';
import { JournalState } from './state.ts';

export interface JournalOptions {
  /** Its folder is made if it is absent. */
  readonly path: string;
  /** From `runName`. */
  readonly run: string;
  /** Plain JSON data: sources, stream, options that shape records. A journal with another identity is refused. */
  readonly identity: Identity;
  /** The command that goes on with the run of another identity. */
  readonly commandOf?: (identity: Identity) => string;
  /** The stream as it is now. A journal of its predecessor is refused: what it calls delivered is gone. */
  readonly stream?: { readonly name: string; readonly birth: StreamBirth };
  /** Hex; kept in a new journal. A resumed one keeps its own: read `journal.digestKey`. */
  readonly digestKey: string;
  /** Forget an existing journal. It is replaced in one step, and only if it is one. Default false. */
  readonly restart?: boolean;
  /** Kept for `verify`. Default false. */
  readonly requestPayer?: boolean;
  /** Kept for `verify`: where the dead letters go, as an absolute path. */
  readonly deadLetter?: string;
  /** A journal of at least this size is compacted if half of it can go, at opening and while it is written to. Default 16 MiB. */
  readonly compactBytesMin?: number;
  readonly files?: Files;
  readonly nowMs?: () => number;
  readonly lock?: (journalPath: string) => Promise<Lock>;
}

/** Tests make it small. */
export const COMPACT_BYTES_MIN = Number(process.env.MILLRACE_COMPACT_BYTES ?? 16 << 20);

export interface Opened {
  readonly file: OpenedFile;
  readonly state: JournalState;
  readonly fileBytes: number;
  readonly tornBytes: number;
  readonly resumed: boolean;
  /** What it has after it was compacted; 0 if it was not. */
  readonly compactedBytes: number;
}

/** A new journal appears under its name complete, or not at all. */
export async function create(files: Files, options: JournalOptions, replaces: boolean): Promise<Opened> {
  if (replaces) await assertIsJournal(files, options.path);
  const header: RunEntry = {
    kind: 'run',
    version: JOURNAL_VERSION,
    run: options.run,
    identity: options.identity,
    digestKey: options.digestKey,
  };
  const atMs = (options.nowMs ?? Date.now)();
  const bytes = Buffer.from(encodeEntry(header, atMs, 0));
  const draft = draftOf(options.path);
  await removeDraft(files, draft, HEADER_START);
  const file = await files.open(draft, 'create');
  try {
    await writeAll(file, bytes);
    await file.datasync();
    faultPoint('journal.before-rename');
    await files.rename(draft, options.path);
    await files.syncFolderOf(options.path);
  } catch (error) {
    await file.close().catch(() => undefined);
    await files.remove(draft).catch(() => undefined);
    throw error;
  }
  const state = new JournalState();
  state.apply(header, atMs);
  return { file, state, fileBytes: bytes.byteLength, tornBytes: 0, resumed: false, compactedBytes: 0 };
}

export async function resume(files: Files, options: JournalOptions): Promise<Opened> {
  let file = await files.open(options.path, 'append');
  try {
    if (!file.isRegular) throw unusable(options.path, 'it is not a regular file');
    if ((await file.sizeBytes()) === 0)
      throw unusable(
        options.path,
        'it is empty, and a journal never is. Remove it to start from the beginning',
      );
    const state = new JournalState();
    const verdict = await readJournal(file, (entry, atMs) => {
      state.apply(entry, atMs);
      if (state.header === null) throw unusable(options.path, 'it is not a journal of Millrace');
      assertUsable(options, entry);
    }).catch((error: unknown) => {
      throw error instanceof MillraceError ? error : openError(options.path, error);
    });
    if (verdict.damage !== null) {
      throw unusable(
        options.path,
        `line ${verdict.damage.line} is damaged (${verdict.damage.reason}). Restore the file, or give --restart to forget it and deliver everything again`,
      );
    }
    if (state.header === null) throw unusable(options.path, 'it is not a journal of Millrace');
    assertSameStream(options, state.stream);
    let fileBytes = verdict.soundBytes;
    if (verdict.tornBytes > 0) {
      await file.truncate(fileBytes);
      await file.datasync();
    }
    // A killed process may have left one.
    await removeDraft(files, draftOf(options.path), HEADER_START).catch(() => undefined);
    const isLong = isWorthCompacting(state, fileBytes, options.compactBytesMin ?? COMPACT_BYTES_MIN);
    const copy = isLong ? await compactAtOpening(files, options.path, file, fileBytes) : null;
    if (copy !== null) {
      await file.close();
      file = copy.file;
      fileBytes = copy.sizeBytes;
    }
    const { tornBytes } = verdict;
    return { file, state, fileBytes, tornBytes, resumed: true, compactedBytes: copy?.sizeBytes ?? 0 };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** A file of another run, or of a newer program, is sound: nothing about it must be called damaged, and nothing of it forgotten. */
function assertUsable({ path, identity, commandOf }: JournalOptions, entry: JournalEntry): void {
  const problem = formatProblem(entry);
  if (problem !== null) throw unusable(path, problem);
  if (entry.kind !== 'run') return;
  const differences = identityDifferences(entry.identity, identity);
  if (differences.length === 0) return;
  const resume =
    commandOf === undefined
      ? 'Give its options to resume it'
      : `To resume that run, ${conditionOf(differences)}: ${commandOf(entry.identity)}`;
  throw new MillraceError('MILLRACE_JOURNAL', [
    `Cannot use the journal ${path}: it belongs to another run, "${entry.run}": ${differences.join('; ')}`,
    resume,
    'For this run give another --journal',
  ]);
}

function assertSameStream({ path, stream }: JournalOptions, before: StreamBirth): void {
  if (stream === undefined || isSameStream(before, stream.birth)) return;
  const why = describeSuccessor(stream.name, before, stream.birth);
  throw unusable(path, `${why}; give --restart to deliver everything to the new one`);
}

/** So that `--restart` with a mistyped path replaces no one's file. */
async function assertIsJournal(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'read');
  try {
    const start = Buffer.alloc(HEADER_START.length);
    const count = file.isRegular ? await file.read(start, 0) : 0;
    if (count > 0 && start.toString('latin1', 0, count) !== HEADER_START) {
      throw unusable(
        path,
        'it is not a journal of Millrace, and --restart replaces nothing else. Remove it first',
      );
    }
    if (!file.isRegular) throw unusable(path, 'it is not a regular file');
  } finally {
    await file.close();
  }
}

function unusable(path: string, reason: string): MillraceError {
  return new MillraceError('MILLRACE_JOURNAL', `Cannot use the journal ${path}: ${reason}`);
}

export function openError(path: string, error: unknown): MillraceError {
  const exitCode = isPassingOnDisk(error) ? EXIT.resumable : EXIT.refused;
  return new MillraceError('MILLRACE_JOURNAL', `Cannot open the journal ${path}: ${reasonOf(error)}`, {
    cause: error,
    exitCode,
  });
}
