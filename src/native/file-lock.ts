/**
 * File lock: whether an opened file can be locked (flock), which holds until its descriptor is closed, by the kernel if need be.
 * Takes  a descriptor.
 * Gives  `taken`, `held` by another opening of the file, or `unknown`: there is no addon, or this file system has no such locks.
 * Never  waits and never throws.
 */
import { constants } from 'node:os';
import { loadAddon } from './load.ts';

export type FileLockAnswer = 'taken' | 'held' | 'unknown';

interface NativeFileLock {
  flock?(descriptor: number, isShared: number): number;
}

/** @param isShared Only to see whether somebody holds it: several may look at once. */
export function lockFile(descriptor: number, isShared = false): FileLockAnswer {
  const native = loadAddon().addon as NativeFileLock | null;
  const errno = native?.flock?.(descriptor, isShared ? 1 : 0);
  if (errno === 0) return 'taken';
  return errno === constants.errno.EWOULDBLOCK ? 'held' : 'unknown';
}
