/**
 * Look: reads a journal without working on it, while a process writes to it or long after.
 * Takes  a path.
 * Gives  its entries in order, and what its end looks like; or an error that says why the file cannot be read as a journal.
 * Never  takes the lock or writes, and never calls someone else's file damaged.
 */
import { MillraceError } from '../base/errors.ts';
import { decodeLine, formatProblem, type JournalEntry, type RunEntry } from './entries.ts';
import { type Files, type OpenedFile, readLines, realFiles, reasonOf } from './files.ts';
import { type JournalVerdict, readJournal } from './read.ts';

/**
 * @param onEntry What it throws makes its line a damaged one; a MillraceError ends the look.
 * @throws {MillraceError} MILLRACE_JOURNAL, exit 2, when there is no readable journal at `path`. Damage in its middle is for the caller to judge.
 */
export async function lookInto(
  path: string,
  onEntry: (entry: JournalEntry, atMs: number) => void,
  files: Files = realFiles,
): Promise<JournalVerdict> {
  let file: OpenedFile | null = null;
  let hasHeader = false;
  try {
    file = await files.open(path, 'read');
    if (!file.isRegular) throw unreadable(path, 'it is not a regular file');
    if ((await file.sizeBytes()) === 0) throw unreadable(path, 'it is empty, and a journal never is');
    const verdict = await readJournal(file, (entry, atMs) => {
      const problem = formatProblem(entry);
      if (problem !== null) throw unreadable(path, problem);
      if (!hasHeader && entry.kind !== 'run') throw unreadable(path, NO_JOURNAL);
      hasHeader = true;
      onEntry(entry, atMs);
    });
    if (!hasHeader && verdict.damage === null) throw unreadable(path, NO_JOURNAL);
    return verdict;
  } catch (error) {
    throw error instanceof MillraceError ? error : unreadable(path, reasonOf(error), error);
  } finally {
    await file?.close();
  }
}

/** The header alone. @returns Null where the file does not begin as a journal does. @throws Where it cannot be read. */
export async function headerOf(path: string): Promise<RunEntry | null> {
  const file = await realFiles.open(path, 'read');
  try {
    let header: RunEntry | null = null;
    if (!file.isRegular) return null;
    await readLines(file, (line) => {
      const decoded = decodeLine(line);
      if (typeof decoded !== 'string' && decoded.entry.kind === 'run') header = decoded.entry;
      return false;
    });
    return header;
  } finally {
    await file.close();
  }
}

const NO_JOURNAL = 'it is not a journal of Millrace';

/** Why a journal cannot be read. */
export function unreadable(path: string, reason: string, cause?: unknown): MillraceError {
  return new MillraceError('MILLRACE_JOURNAL', `Cannot read the journal ${path}: ${reason}`, { cause });
}
