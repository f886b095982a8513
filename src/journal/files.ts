/**
 * Files: the narrow door through which the journal and the dead-letter file reach the disk.
 * Takes  paths and bytes.
 * Gives  opened files that append, read, sync and cut.
 * Owns   nothing. Tests put another `Files` in its place, whose k-th call fails or whose unsynced bytes are lost.
 * Never  decides anything: what an error means is said by journal.ts and dead-letters.ts.
 */
import { type FileHandle, lstat, mkdir, open, rename, rm, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { OWN_FILE_FLAGS, OWN_FILE_MODE } from '../base/own-file.ts';

/** A file opened for appending or reading. */
export interface OpenedFile {
  /** False for a device or a pipe: it can neither be read back nor cut nor synced. */
  readonly isRegular: boolean;
  /** Appends bytes. @returns How many were written; it may be fewer than given. */
  write(bytes: Uint8Array): Promise<number>;
  /** Reads from `positionBytes` on. @returns How many bytes were read; 0 at the end of the file. */
  read(into: Uint8Array, positionBytes: number): Promise<number>;
  /** Returns when the content is on the disk (fdatasync). */
  datasync(): Promise<void>;
  /** Cuts the file to its first `lengthBytes` bytes. */
  truncate(lengthBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): Promise<void>;
}

/**
 * `read`: must exist. `append`: read and append, created with mode 0600 if absent. `create`: the same, must not exist.
 * No mode follows a symbolic link in the last part of the path: a link planted there would redirect what we write.
 */
export type OpenMode = 'read' | 'append' | 'create';

export interface Files {
  open(path: string, mode: OpenMode): Promise<OpenedFile>;
  /** Size in bytes, or null when nothing is there. Of a symbolic link it is the link's own. */
  sizeBytes(path: string): Promise<number | null>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; a missing one is not an error. */
  remove(path: string): Promise<void>;
  /** Makes the folder that will hold `path`, with its parents, mode 0700 where it is new. */
  makeFolderOf(path: string): Promise<void>;
  /** Returns when the names in the folder that holds `path` are on the disk: a rename is durable only then. */
  syncFolderOf(path: string): Promise<void>;
  /** Bytes that may still be written to the disk that holds `path`, as far as the system tells. */
  freeBytesAt(path: string): Promise<number>;
}

function opened(handle: FileHandle, isRegular: boolean): OpenedFile {
  return {
    isRegular,
    write: async (bytes) => (await handle.write(bytes)).bytesWritten,
    read: async (into, positionBytes) =>
      (await handle.read(into, 0, into.byteLength, positionBytes)).bytesRead,
    datasync: () => handle.datasync(),
    truncate: (lengthBytes) => handle.truncate(lengthBytes),
    sizeBytes: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

/** The file system of this machine. */
export const realFiles: Files = {
  open: async (path, mode) => {
    const handle = await open(path, OWN_FILE_FLAGS[mode], OWN_FILE_MODE);
    try {
      return opened(handle, (await handle.stat()).isFile());
    } catch (error) {
      await handle.close();
      throw error;
    }
  },
  sizeBytes: async (path) => {
    try {
      return (await lstat(path)).size;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return null;
      throw error;
    }
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  makeFolderOf: async (path) => {
    const folder = dirname(path);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      // Node says so of a read-only file system, too: the plain call says why.
      if (errnoOf(error) === 'ENOENT') await mkdir(folder, { mode: 0o700 });
      throw error;
    }
  },
  syncFolderOf: async (path) => {
    const handle = await open(dirname(path), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  freeBytesAt: async (path) => {
    const { bavail, bsize } = await statfs(dirname(path));
    return bavail * bsize;
  },
};

/**
 * Removes the draft that a killed process left: a file that begins as ours do, as far as it was written.
 * @throws {Error} EEXIST, when someone else's file has that name.
 */
export async function removeDraft(files: Files, path: string, start: string): Promise<void> {
  if ((await files.sizeBytes(path)) === null) return;
  const file = await files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(start.length);
    const count = file.isRegular ? await file.read(bytes, 0) : 0;
    // Bytes that a loss of power took may be zeros.
    const isOurs =
      file.isRegular &&
      Buffer.from(start)
        .subarray(0, count)
        .every((byte, i) => bytes[i] === byte || bytes[i] === 0);
    if (!isOurs)
      throw Object.assign(new Error(`${path} is in the way and is no file of Millrace: move it`), {
        code: 'EEXIST',
      });
  } finally {
    await file.close();
  }
  await files.remove(path);
}

/** Writes all bytes, however often the system takes only a part. @throws {Error} When a write takes nothing at all. */
export async function writeAll(file: OpenedFile, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) {
    const count = await file.write(bytes.subarray(written));
    if (count === 0) throw new Error('the system wrote 0 bytes');
    written += count;
  }
}

const LINE_CHUNK_BYTES = 1 << 20;

/** What stands in a file up to its last newline, and how much follows it. */
export interface LinesRead {
  readonly lines: number;
  /** Bytes up to and including the last newline. */
  readonly wholeBytes: number;
  /** Bytes after the last newline: the beginning of a line that was never finished. */
  readonly tailBytes: number;
}

/** A part of a file that begins and ends with a whole line. */
export interface ReadRange {
  readonly startBytes: number;
  readonly endBytes: number;
  /** Read at once. */
  readonly stepBytes: number;
}

const WHOLE: ReadRange = { startBytes: 0, endBytes: Number.POSITIVE_INFINITY, stepBytes: LINE_CHUNK_BYTES };

/**
 * Calls `onLine` for each line that ends with `\n`, in order, without its newline.
 * Memory: one step (1 MiB, unless `range` says otherwise) plus the longest line.
 * @param onLine Gets the line (valid only during the call), its 1-based number and its byte offset. Return false to stop.
 */
export async function readLines(
  file: Pick<OpenedFile, 'read'>,
  onLine: (line: Buffer, lineNumber: number, offsetBytes: number) => boolean | undefined,
  { startBytes, endBytes, stepBytes }: ReadRange = WHOLE,
): Promise<LinesRead> {
  const chunk = Buffer.allocUnsafe(stepBytes);
  let held: Buffer[] = [];
  let heldBytes = 0;
  let position = startBytes;
  let lines = 0;
  let wholeBytes = startBytes;
  for (;;) {
    const rest = endBytes - position;
    const count =
      rest > 0 ? await file.read(rest < stepBytes ? chunk.subarray(0, rest) : chunk, position) : 0;
    if (count === 0) return { lines, wholeBytes, tailBytes: position - wholeBytes };
    let start = 0;
    for (;;) {
      const newline = chunk.indexOf(0x0a, start);
      if (newline === -1 || newline >= count) break;
      const piece = chunk.subarray(start, newline);
      const line = heldBytes === 0 ? piece : Buffer.concat([...held, piece]);
      held = [];
      heldBytes = 0;
      lines += 1;
      const goOn = onLine(line, lines, wholeBytes);
      wholeBytes = position + newline + 1;
      if (goOn === false) return { lines, wholeBytes, tailBytes: 0 };
      start = newline + 1;
    }
    if (start < count) {
      held.push(Buffer.from(chunk.subarray(start, count)));
      heldBytes += count - start;
    }
    position += count;
  }
}

/** The system's error code (`ENOSPC`, `EIO`, ...) or an empty string. */
export function errnoOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** A failing disk can be cured and the command repeated (exit 3); a path that cannot be opened must be changed (exit 2). */
export function isPassingOnDisk(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', ''].includes(errnoOf(error));
}

/** One phrase for people about what the system said. */
export function reasonOf(error: unknown): string {
  const phrases: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: 'the disk quota is used up',
    EIO: 'the disk reported an input/output error',
    EROFS: 'the file system is read-only',
    EACCES: 'permission denied',
    EPERM: 'the system does not permit it',
    ENOENT: 'no such file',
    EISDIR: 'it is a folder',
    ELOOP: 'it is a symbolic link',
    EMFILE: 'too many open files',
  };
  const code = errnoOf(error);
  const text = phrases[code] ?? (error instanceof Error ? error.message : String(error));
  return code === '' ? text : `${text} (${code})`;
}
