/**
 * Own file: the one way in which this program opens a file that it writes.
 * Takes  a path.
 * Gives  a descriptor, or the flags for those who open it themselves.
 * Owns   the care: a new file is new (O_EXCL), no symbolic link in its place is followed (O_NOFOLLOW), and nobody but its user may read it (0600).
 */
import { closeSync, constants, openSync, readSync } from 'node:fs';

const { O_RDONLY, O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * `read`: must exist. `append`: read and append, made if absent. `create`: the same, must not exist. `replace`: write only, must not exist.
 */
export const OWN_FILE_FLAGS = {
  // A pipe is recognised as one instead of being waited for.
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  append: O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW,
  create: O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW,
  replace: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
} as const;

export const OWN_FILE_MODE = 0o600;

/** @throws The file system's errors. */
export function openOwnFile(path: string, mode: keyof typeof OWN_FILE_FLAGS): number {
  return openSync(path, OWN_FILE_FLAGS[mode], OWN_FILE_MODE);
}

/** Its first `bytesMax` bytes at most; null where nothing is there. */
export function beginningOf(path: string, bytesMax: number): Buffer | null {
  let file: number;
  try {
    file = openSync(path, OWN_FILE_FLAGS.read);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(bytesMax);
    return bytes.subarray(0, readSync(file, bytes, 0, bytesMax, 0));
  } finally {
    closeSync(file);
  }
}
