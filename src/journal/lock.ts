/**
 * Lock: one process per journal.
 * Takes  the journal's path.
 * Gives  a lock, or an error that names the process that holds it.
 * Owns   the file `<journal>.lock`: one JSON object that names the holder by host, boot, process id and the process's start.
 * Never  waits.
 *
 * The file appears complete, by a hard link from a private file: nobody ever reads half a lock. A holder is dead if it ran on
 * this host and its boot is over, its id is free, or its id has another start time (the id was used again). A holder on another
 * host cannot be judged and counts as alive. A dead holder's lock is renamed away; of two processes that try, one finds that it
 * moved a lock that it had not judged, and puts it back. `isHeld` is asked before each commit, so that a lock taken away, by
 * hand or in that narrow moment, stops its process rather than letting two write.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { MillraceError } from '../errors.ts';
import { errnoOf, reasonOf } from './files.ts';

export interface Lock {
  /** Whether the lock file is still this process's own. */
  isHeld(): Promise<boolean>;
  /** Gives the lock back. A second call does nothing. */
  release(): Promise<void>;
}

export interface LockHolder {
  readonly host: string;
  readonly boot: string;
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, or null where the system does not say. */
  readonly start: string | null;
  readonly token: string;
}

/** @throws {MillraceError} MILLRACE_JOURNAL, exit 2, when another process holds it or it cannot be written. */
export async function takeLock(journalPath: string): Promise<Lock> {
  const path = lockPathOf(journalPath);
  const token = randomBytes(8).toString('hex');
  const own = JSON.stringify({
    host: hostname(),
    boot: bootId(),
    pid: process.pid,
    start: startOf(process.pid),
    token,
  });
  const draft = `${path}.${token}`;
  try {
    await writeFile(draft, own, { flag: 'wx', mode: 0o600 });
    for (let attempt = 0; attempt < 10; attempt += 1) {
      if (await place(draft, path, own)) return heldLock(path, own);
      const text = await textOf(path);
      if (text === null) continue; // its holder has just given it back
      const holder = parseHolder(text);
      if (holder === null || isAlive(holder)) throw heldError(journalPath, path, holder);
      await moveDeadLock(path, text, `${draft}.dead`);
    }
    throw heldError(journalPath, path, null);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError(
      'MILLRACE_JOURNAL',
      `Cannot lock the journal ${journalPath}: ${reasonOf(error)}`,
      { cause: error },
    );
  } finally {
    await rm(draft, { force: true });
  }
}

/** Who holds a journal now, or null: nobody, or a process that has died. */
export async function lockHolder(journalPath: string): Promise<LockHolder | null> {
  const text = await textOf(lockPathOf(journalPath));
  const holder = text === null ? null : parseHolder(text);
  return holder !== null && isAlive(holder) ? holder : null;
}

export function lockPathOf(journalPath: string): string {
  return `${journalPath}.lock`;
}

function heldLock(path: string, own: string): Lock {
  let released = false;
  return {
    isHeld: async () => !released && (await textOf(path)) === own,
    release: async () => {
      if (released) return;
      released = true;
      if ((await textOf(path)) === own) await rm(path, { force: true });
    },
  };
}

/** @returns Whether the lock is now ours. */
async function place(draft: string, path: string, own: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error))) throw error;
  }
  try {
    // A file system without hard links: for a moment the file may be empty, and then it counts as held.
    await writeFile(path, own, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function moveDeadLock(path: string, judged: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  if ((await textOf(aside)) !== judged) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function parseHolder(text: string): LockHolder | null {
  try {
    const holder = JSON.parse(text) as LockHolder;
    return typeof holder.host === 'string' && Number.isSafeInteger(holder.pid) && holder.pid > 0
      ? holder
      : null;
  } catch {
    return null;
  }
}

function isAlive(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  if (holder.boot !== bootId()) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const start = startOf(holder.pid);
  return holder.start === null || start === null || start === holder.start;
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Field 22 of /proc/<pid>/stat. A zombie has died: only its exit code is still to be fetched. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function heldError(journalPath: string, path: string, holder: LockHolder | null): MillraceError {
  const here = holder?.host === hostname();
  const who =
    holder === null ? 'another process' : `process ${holder.pid}${here ? '' : ` on host ${holder.host}`}`;
  const cure = here ? 'Wait for it or stop it' : `If that process is gone, remove ${path}`;
  return new MillraceError(
    'MILLRACE_JOURNAL',
    `Cannot use the journal ${journalPath}: ${who} is working with it. ${cure}`,
  );
}
