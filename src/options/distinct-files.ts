/**
 * Distinct files: refuses two names of one file where a command needs two files.
 * Takes  names of files, each with what it is for.
 * Gives  nothing, or one problem a pair. Files that exist are the same if device and inode are, whatever their names; others by the name that they
 *        will have, links of their folders followed.
 * Never  looks at devices and pipes: several flags may well name `/dev/null`.
 */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { OptionsError } from '../base/errors.ts';

export interface NamedFile {
  /** For people, e.g. `--journal`. */
  readonly name: string;
  readonly path: string;
}

/** What a journal has beside it (src/journal/, src/run/restore-file.ts). */
export function journalFiles(path: string): NamedFile[] {
  return [
    { name: '--journal', path },
    ...besides('the journal', path, ['lock', 'new']),
    { name: 'the list of archived objects', path: `${path.replace(/\.journal$/, '')}.restore.csv` },
  ];
}

/** What a dead-letter file has beside it. */
export function deadLetterFiles(path: string): NamedFile[] {
  return [{ name: '--dead-letter', path }, ...besides('the dead letters', path, ['lock', 'new', 'run'])];
}

function besides(whose: string, path: string, endings: readonly string[]): NamedFile[] {
  return endings.map((ending) => ({ name: `the .${ending} file of ${whose}`, path: `${path}.${ending}` }));
}

/** @throws {OptionsError} With every pair that is the same file. */
export function assertDistinct(files: readonly NamedFile[]): void {
  const seen = new Map<string, NamedFile>();
  const problems: string[] = [];
  for (const file of files) {
    const id = identityOf(file.path);
    if (id === null) continue;
    const other = seen.get(id);
    if (other === undefined) seen.set(id, file);
    else
      problems.push(
        `Expected ${other.name} and ${file.name} to be two files, but received ${other.path} and ${file.path}, which are one.`,
      );
  }
  if (problems.length > 0) throw new OptionsError(problems);
}

function identityOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (stats !== undefined) return stats.isFile() ? `${stats.dev}:${stats.ino}` : null;
  return join(realFolderOf(dirname(resolve(path))), basename(path));
}

/** The folder's real name, as far as it exists already. */
function realFolderOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    const parent = dirname(folder);
    return parent === folder ? folder : join(realFolderOf(parent), basename(folder));
  }
}
