/**
 * Lock holder: who has a lock, as the lock file says it, and whether that process may still be alive.
 * Takes  the text of a lock file.
 * Gives  the holder, and a judgement from what this machine knows of processes.
 * Owns   the rule that what cannot be known counts as alive: a process on another host, or in another PID namespace, where its id is
 *        another process's or nobody's.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errnoOf } from './files.ts';

export interface LockHolder {
  readonly host: string;
  readonly boot: string;
  /** The namespace that `pid` is from; absent in locks of older versions, null where the system has none or does not say. */
  readonly pidNamespace?: string | null;
  readonly pid: number;
  /** Clock ticks from boot to the start of the process, or null where the system does not say. */
  readonly start: string | null;
  /** The kernel holds the lock as long as the process lives (src/native/file-lock.ts); all else is information. Absent: it does not. */
  readonly isKernels?: boolean;
  readonly token: string;
}

export function ownHolder(token: string, isKernels: boolean): LockHolder {
  const { pid } = process;
  const start = startOf(pid);
  return { host: hostname(), boot: bootId(), pidNamespace: pidNamespace(), pid, start, isKernels, token };
}

export function parseHolder(text: string): LockHolder | null {
  try {
    const holder = JSON.parse(text) as LockHolder;
    return typeof holder.host === 'string' && Number.isSafeInteger(holder.pid) && holder.pid > 0
      ? holder
      : null;
  } catch {
    return null;
  }
}

/** Whether it ran on the kernel that runs this process: only its locks can be asked for with certainty. */
export function isOfThisKernel({ boot }: LockHolder): boolean {
  return boot !== '' && boot === bootId();
}

/** From what stands in the lock alone. */
export function canBeAlive(holder: LockHolder): boolean {
  if (holder.host !== hostname()) return true;
  if (holder.boot !== bootId()) return false;
  if (!isInOwnNamespace(holder)) return true;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
  }
  const start = startOf(holder.pid);
  return holder.start === null || start === null || start === holder.start;
}

/** Whether the holder's process id means here what it meant there. */
export function isInOwnNamespace({ host, pidNamespace: theirs }: LockHolder): boolean {
  if (host !== hostname()) return false;
  const own = pidNamespace();
  return own === null ? process.platform !== 'linux' : theirs === own;
}

function pidNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
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
