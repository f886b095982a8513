/**
 * Take out: brings a dead-letter file to what its journal knows, when a run is resumed or begun.
 * Takes  the opened file, and what the journal covers.
 * Gives  how many dead letters stay and how many went.
 * Owns   the decision, dead letter by dead letter. Dead letters that the journal does not know go only where the file is known to be the run's own: they
 *        are of slices that are done again. A file that does not name its run leaves a whole copy beside it.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { faultPoint } from '../base/fault-points.ts';
import type { DeadLetter, DeadLetterPlace, DeadLettersOptions } from './dead-letters.ts';
import { type Files, type OpenedFile, readLines, reasonOf, removeDraft, writeAll } from './files.ts';

export interface Opened {
  readonly kept: number;
  readonly removed: number;
  /** Where a file that had the name was moved or copied. */
  readonly setAside: string | null;
  /** The path now names another file than the one that was opened. */
  readonly replaced?: boolean;
}

/** Moves dead letters of a run that is forgotten out of the way. @throws {MillraceError} Exit 2, when the file holds no dead letters. */
export async function setDeadLettersAside(files: Files, path: string, file: OpenedFile): Promise<Opened> {
  const { lines } = await readLines(file, (line, lineNumber) => {
    isCoveredLine(line, path, lineNumber, () => true);
    return false;
  });
  if (lines === 0) await assertBegunDeadLetter(file, path);
  const setAside = await freeName(files, path);
  await files.rename(path, setAside);
  return { kept: 0, removed: 0, setAside };
}

/** One line without an end: a dead letter that was torn, or someone else's file. */
async function assertBegunDeadLetter(file: OpenedFile, path: string): Promise<void> {
  const bytes = Buffer.alloc(DEAD_LETTER_START.length);
  const count = await file.read(bytes, 0);
  if (!DEAD_LETTER_START.startsWith(bytes.toString('latin1', 0, count))) refuse(path, 1);
}

function refuse(path: string, lineNumber: number): never {
  throw new MillraceError(
    'MILLRACE_DEAD_LETTER',
    `Cannot go on with the dead-letter file ${path}: line ${lineNumber} is not a dead letter. Give another --dead-letter, or put the run's own file back`,
  );
}

async function freeName(files: Files, path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const name = `${path}.${number}`;
    if ((await files.sizeBytes(name)) === null) return name;
  }
}

/**
 * Leaves only the dead letters that the journal covers.
 * @param isOwn Whether the file is known to be of this run alone. Else nothing goes before a copy of it is on the disk.
 */
export async function takeOut(
  files: Files,
  path: string,
  file: OpenedFile,
  resume: NonNullable<DeadLettersOptions['resume']>,
  isOwn: boolean,
): Promise<Opened> {
  let kept = 0;
  let removed = 0;
  let keptBytes = 0;
  let isPrefix = true;
  const read = await readLines(file, (line, lineNumber, offset) => {
    if (!isCoveredLine(line, path, lineNumber, resume.covers)) {
      removed += 1;
      return true;
    }
    if (offset !== keptBytes) isPrefix = false;
    kept += 1;
    keptBytes += line.byteLength + 1;
    return true;
  });
  if (kept < resume.count) {
    throw new MillraceError(
      'MILLRACE_DEAD_LETTER',
      `Cannot go on with the dead-letter file ${path}: the journal counts ${resume.count} rejects, the file holds ${kept} of them. Put the run's own file back; --restart would deliver everything again`,
    );
  }
  if (removed === 0 && read.tailBytes === 0) return { kept, removed, setAside: null };
  const setAside = isOwn || removed === 0 ? null : await copyAside(files, path, file);
  if (isPrefix) {
    await file.truncate(keptBytes);
    await file.datasync();
    return { kept, removed, setAside };
  }
  await rewriteCovered(files, path, file, resume.covers);
  return { kept, removed, setAside, replaced: true };
}

const COPY_CHUNK_BYTES = 1 << 20;

async function copyAside(files: Files, path: string, file: OpenedFile): Promise<string> {
  const name = await freeName(files, path);
  const copy = await files.open(name, 'create');
  try {
    const chunk = Buffer.allocUnsafe(COPY_CHUNK_BYTES);
    for (let position = 0; ; ) {
      const count = await file.read(chunk, position);
      if (count === 0) break;
      await writeAll(copy, chunk.subarray(0, count));
      position += count;
    }
    await copy.datasync();
    await files.syncFolderOf(name);
  } catch (error) {
    await files.remove(name).catch(() => undefined);
    throw error;
  } finally {
    await copy.close().catch(() => undefined);
  }
  return name;
}

/** @throws {MillraceError} When the line is neither a dead letter nor what a torn write leaves: then the file is someone else's. */
function isCoveredLine(
  line: Buffer,
  path: string,
  lineNumber: number,
  covers: (place: DeadLetterPlace) => boolean,
): boolean {
  let deadLetter: Partial<Record<keyof DeadLetter, unknown>>;
  try {
    deadLetter = JSON.parse(line.toString('utf8'));
  } catch {
    // After a loss of power, bytes that were never synced may be zeros or missing; their slice is not journaled.
    deadLetter = {};
    if (line.includes(0) || line.includes(DEAD_LETTER_START)) return false;
  }
  const { bucket, key, etag, offset, output } = deadLetter ?? {};
  const isPlaced = offset === null || Number.isSafeInteger(offset);
  if (typeof bucket !== 'string' || typeof key !== 'string' || typeof etag !== 'string' || !isPlaced) {
    refuse(path, lineNumber);
  }
  const place = { bucket, key, etag, offset: offset as number | null };
  return covers(typeof output === 'number' ? { ...place, output } : place);
}

async function rewriteCovered(
  files: Files,
  path: string,
  file: OpenedFile,
  covers: (place: DeadLetterPlace) => boolean,
): Promise<void> {
  const draft = `${path}.new`;
  await removeDraft(files, draft, DEAD_LETTER_START);
  const fresh = await files.open(draft, 'create');
  try {
    let waiting: Buffer[] = [];
    const flush = async (): Promise<void> => {
      const bytes = Buffer.concat(waiting);
      waiting = [];
      await writeAll(fresh, bytes);
    };
    const source = {
      read: async (into: Uint8Array, position: number): Promise<number> => {
        await flush();
        return file.read(into, position);
      },
    };
    await readLines(source, (line, lineNumber) => {
      if (isCoveredLine(line, path, lineNumber, covers)) waiting.push(Buffer.concat([line, NEWLINE]));
      return true;
    });
    await flush();
    await fresh.datasync();
    faultPoint('dead-letters.before-rename');
    await files.rename(draft, path);
    await files.syncFolderOf(path);
  } catch (error) {
    await files.remove(draft).catch(() => undefined);
    throw error;
  } finally {
    await fresh.close().catch(() => undefined);
  }
}

const NEWLINE = Buffer.from('\n');
/** How every dead letter of ours begins. */
const DEAD_LETTER_START = '{"bucket":';

export function deadLettersFailure(path: string, error: unknown): MillraceError {
  return new MillraceError(
    'MILLRACE_DEAD_LETTER',
    `Cannot write the dead-letter file ${path}: ${reasonOf(error)}. Nothing is lost; cure that and repeat the command to go on`,
    { cause: error, exitCode: EXIT.resumable },
  );
}
