/**
 * Lock: one process per journal, and per dead-letter file.
 * Takes  the file's path.
 * Gives  a lock, or an error that names the process that holds it.
 * Owns   the file `<path>.lock`: one JSON object that names the holder (lock-holder.ts).
 * Never  waits for a holder to end.
 *
 * The file appears complete, by a hard link from a private file that is locked already (flock): nobody ever reads half a lock, and the
 * kernel gives it back when its process ends, in whatever namespace that ran and however it died. Where there is no addon, or the
 * file system has no such locks, what the file says decides, and what cannot be known counts as alive. A dead holder's
 * lock is taken away under its own flock, or, without one, by renaming: of two processes that try, one finds that it moved a
 * lock that it had not looked at, and puts it back. `isHeld` is asked before each commit, so that a lock taken away, by hand or in that
 * narrow moment, stops its process rather than letting two write.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, lstatSync, readFile, rmSync, writeSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, MillraceError } from '../base/errors.ts';
import { openOwnFile } from '../base/own-file.ts';
import { type FileLockAnswer, lockFile } from '../native/file-lock.ts';
import { errnoOf, reasonOf } from './files.ts';
import {
  canBeAlive,
  isInOwnNamespace,
  isOfThisKernel,
  type LockHolder,
  ownHolder,
  parseHolder,
} from './lock-holder.ts';

export interface Lock {
  /** Whether the lock file is still this process's own. */
  isHeld(): Promise<boolean>;
  /** Gives the lock back. A second call does nothing. */
  release(): Promise<void>;
}

/** What is locked, for messages. */
export interface Locked {
  readonly code: ErrorCode;
  readonly what: string;
}

const JOURNAL: Locked = { code: 'MILLRACE_JOURNAL', what: 'journal' };
const ATTEMPTS = 10;
/** How long others may have a hand on a dead holder's lock, to look at it or take it away. */
const GLANCE_MS = 10;

/** @throws {MillraceError} Exit 2, when another process holds it or it cannot be written. */
export async function takeLock(lockedPath: string, locked = JOURNAL): Promise<Lock> {
  const path = lockPathOf(lockedPath);
  const token = randomBytes(8).toString('hex');
  const draft = `${path}.${token}`;
  let file: number | null = null;
  try {
    file = openOwnFile(draft, 'replace');
    const own = JSON.stringify(ownHolder(token, lockFile(file) === 'taken'));
    writeSync(file, own);
    let holder: LockHolder | null = null;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const placed = await place(draft, file, path, own);
      if (placed !== null) {
        file = null;
        return heldLock(path, own, placed);
      }
      const found = await judge(path);
      if (found === 'gone') continue;
      holder = found.holder;
      if (found.isAlive) throw heldError(lockedPath, locked, holder);
      if (!(await takeAway(path, found.text, `${draft}.dead`))) await sleep(GLANCE_MS);
    }
    throw heldError(lockedPath, locked, holder);
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    const why = `Cannot lock the ${locked.what} ${lockedPath}: ${reasonOf(error)}`;
    throw new MillraceError(locked.code, why, { cause: error });
  } finally {
    if (file !== null) closeSync(file);
    await rm(draft, { force: true });
  }
}

/** Who holds a journal now, or null: nobody, or a process that has died. */
export async function lockHolder(journalPath: string): Promise<LockHolder | null> {
  const found = await judge(lockPathOf(journalPath));
  return found !== 'gone' && found.isAlive ? found.holder : null;
}

export function lockPathOf(lockedPath: string): string {
  return `${lockedPath}.lock`;
}

function heldLock(path: string, own: string, file: number): Lock {
  let released = false;
  return {
    isHeld: async () => !released && (await textOf(path)) === own,
    release: async () => {
      if (released) return;
      released = true;
      if ((await textOf(path)) === own) await rm(path, { force: true });
      closeSync(file);
    },
  };
}

/** @returns The opened lock file if the lock is now ours, else null. */
async function place(draft: string, file: number, path: string, own: string): Promise<number | null> {
  try {
    await link(draft, path);
    return file;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return null;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error))) throw error;
  }
  try {
    // A file system without hard links: for a moment the file may be empty, and then it counts as held.
    const placed = openOwnFile(path, 'replace');
    lockFile(placed);
    writeSync(placed, own);
    closeSync(file);
    return placed;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return null;
    throw error;
  }
}

interface Judged {
  readonly text: string;
  /** Null: the file names nobody. */
  readonly holder: LockHolder | null;
  readonly isAlive: boolean;
}

/** Looks at a lock. The kernel's word counts where the holder's lock was the kernel's, and what it wrote is information. */
async function judge(path: string): Promise<Judged | 'gone'> {
  for (let attempt = 1; ; attempt += 1) {
    const text = await textOf(path);
    if (text === null) return 'gone';
    const holder = parseHolder(text);
    if (holder === null) return { text, holder, isAlive: true };
    const answer = holder.isKernels === true ? askKernel(path) : 'unknown';
    // Others may look at it in the same moment: a living holder keeps it.
    if (answer === 'held' && attempt < ATTEMPTS) await sleep(GLANCE_MS);
    else if (answer === 'held') return { text, holder, isAlive: true };
    else if (answer === 'taken' && isOfThisKernel(holder)) return { text, holder, isAlive: false };
    else return { text, holder, isAlive: canBeAlive(holder) };
  }
}

function askKernel(path: string): FileLockAnswer {
  let file: number;
  try {
    file = openOwnFile(path, 'read');
  } catch {
    return 'unknown';
  }
  try {
    return lockFile(file, true);
  } finally {
    closeSync(file);
  }
}

/** Takes a dead holder's lock away. @returns False when somebody else has a hand on it. */
async function takeAway(path: string, judged: string, aside: string): Promise<boolean> {
  let file: number | null = null;
  try {
    file = openOwnFile(path, 'read');
    const answer = lockFile(file);
    if (answer === 'held') return false;
    if (answer === 'unknown') await moveAway(path, judged, aside);
    else if ((await textOf(path)) === judged && isSameFile(path, file)) rmSync(path, { force: true });
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return true;
    throw error;
  } finally {
    if (file !== null) closeSync(file);
  }
}

function isSameFile(path: string, file: number): boolean {
  const [named, opened] = [lstatSync(path), fstatSync(file)];
  return named.ino === opened.ino && named.dev === opened.dev;
}

async function moveAway(path: string, judged: string, aside: string): Promise<void> {
  await rename(path, aside);
  if ((await textOf(aside)) !== judged) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** It is asked for with every commit: by a callback, because a handle and a stack of promises would cost the main thread more than the entries. */
function textOf(path: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    readFile(path, 'utf8', (error, text) => {
      if (error === null) resolve(text);
      else if (errnoOf(error) === 'ENOENT') resolve(null);
      else reject(error);
    });
  });
}

function heldError(lockedPath: string, { code, what }: Locked, holder: LockHolder | null): MillraceError {
  const isHere = holder !== null && isInOwnNamespace(holder);
  const where =
    holder === null || isHere
      ? ''
      : holder.host === hostname()
        ? ' of another container or PID namespace'
        : ` on host ${holder.host}`;
  const who = holder === null ? 'another process' : `process ${holder.pid}${where}`;
  const cure = isHere
    ? 'Wait for it or stop it'
    : `If that process is gone, remove ${lockPathOf(lockedPath)}`;
  return new MillraceError(code, `Cannot use the ${what} ${lockedPath}: ${who} is working with it. ${cure}`);
}
