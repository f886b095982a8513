/**
 * Runs: what `millrace status` says where no journal is named.
 * Takes  a folder. Gives  the status of every run whose journal lies in it, the youngest first.
 * Never  gives up on the others because one journal cannot be read.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillraceError } from '../base/errors.ts';
import { errnoOf, reasonOf } from '../journal/files.ts';
import { type RunStatus, readStatus } from './status.ts';

/** A journal that cannot be read, and why. */
export interface UnreadableRun {
  readonly journal: string;
  readonly error: string;
}

/** A missing folder is one without runs. @throws {MillraceError} MILLRACE_JOURNAL, exit 2, when it cannot be read. */
export async function readRuns(folder: string): Promise<(RunStatus | UnreadableRun)[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new MillraceError('MILLRACE_JOURNAL', `Cannot list the runs in ${folder}: ${reasonOf(error)}`);
  });
  const runs: RunStatus[] = [];
  const unreadable: UnreadableRun[] = [];
  for (const name of names.filter((one) => one.endsWith('.journal')).sort()) {
    const journal = join(folder, name);
    try {
      runs.push(await readStatus(journal));
    } catch (error) {
      unreadable.push({ journal, error: error instanceof Error ? error.message : String(error) });
    }
  }
  runs.sort((one, other) => other.updatedAt.localeCompare(one.updatedAt));
  return [...runs, ...unreadable];
}
