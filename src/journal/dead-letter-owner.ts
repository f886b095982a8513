/**
 * Dead letter owner: which run a dead-letter file belongs to, so that no run takes another one's dead letters for its own.
 * Takes  the path of the dead letters, and who asks.
 * Gives  the owner that is written down, or null: dead letters of older versions, or a file that was moved here alone.
 * Owns   `<dead-letter file>.run`, one JSON object, written whole before the first dead letter and replaced in one step.
 */
import { MillraceError } from '../base/errors.ts';
import { type Files, type OpenedFile, removeDraft, writeAll } from './files.ts';

export interface DeadLetterOwner {
  /** The same for all processes of a run, and for no other run. */
  readonly id: string;
  /** The run's name, for people. */
  readonly run: string;
  /** The journal's whole path, or null: nobody will resume that run (a redrive, a dry run). */
  readonly journal: string | null;
}

const OWNER_START = '{"kind":"letters-of",';
const OWNER_BYTES_MAX = 64 * 1024;

export function ownerPathOf(deadLettersPath: string): string {
  return `${deadLettersPath}.run`;
}

/** @throws {MillraceError} Exit 2, when something else has the name of that file. */
export async function readOwner(files: Files, deadLettersPath: string): Promise<DeadLetterOwner | null> {
  const path = ownerPathOf(deadLettersPath);
  if ((await files.sizeBytes(path)) === null) return null;
  const file = await files.open(path, 'read');
  try {
    const text = file.isRegular ? await beginningOf(file) : '-';
    if (text === '') return null;
    const owner = parseOwner(text);
    if (owner !== null) return owner;
  } finally {
    await file.close();
  }
  throw new MillraceError(
    'MILLRACE_DEAD_LETTER',
    `Cannot use the dead-letter file ${deadLettersPath}: ${path}, which says whose letters these are, is something else. Move that file, or give another --dead-letter`,
  );
}

async function beginningOf(file: OpenedFile): Promise<string> {
  const bytes = Buffer.alloc(OWNER_BYTES_MAX);
  return bytes.toString('utf8', 0, await file.read(bytes, 0));
}

function parseOwner(text: string): DeadLetterOwner | null {
  if (!text.startsWith(OWNER_START)) return null;
  try {
    const { id, run, journal } = JSON.parse(text) as Record<keyof DeadLetterOwner, unknown>;
    const isOne = typeof id === 'string' && typeof run === 'string';
    return isOne ? { id, run, journal: typeof journal === 'string' ? journal : null } : null;
  } catch {
    return null;
  }
}

/** Returns when it is on the disk. */
export async function writeOwner(
  files: Files,
  deadLettersPath: string,
  owner: DeadLetterOwner,
): Promise<void> {
  const path = ownerPathOf(deadLettersPath);
  const draft = `${path}.new`;
  await removeDraft(files, draft, OWNER_START);
  const file = await files.open(draft, 'create');
  try {
    const { id, run, journal } = owner;
    await writeAll(file, Buffer.from(`${JSON.stringify({ kind: 'letters-of', id, run, journal })}\n`));
    await file.datasync();
    await files.rename(draft, path);
    await files.syncFolderOf(path);
  } finally {
    await file.close();
  }
}

/** Whether nobody can go on with the run whose dead letters these are: it has no journal, or the asking run has taken its journal's place. */
export function isForgotten(owner: DeadLetterOwner, by: DeadLetterOwner): boolean {
  return owner.journal === null || owner.journal === by.journal;
}

/** @throws {MillraceError} Exit 2. */
export function refuseDeadLettersOf(owner: DeadLetterOwner, deadLettersPath: string): never {
  const whose = owner.journal === null ? owner.run : `${owner.run} (journal ${owner.journal})`;
  throw new MillraceError(
    'MILLRACE_DEAD_LETTER',
    `Cannot use the dead-letter file ${deadLettersPath}: it holds letters of the run ${whose}, and each run needs a file of its own. Give another --dead-letter`,
  );
}
