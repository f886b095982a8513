/**
 * Dead letters: the file of lines that were not delivered.
 * Takes  letters, as soon as a line is rejected.
 * Gives  a JSONL file (docs/CLI.md) in which each rejected line stands exactly once, however often the run was resumed.
 * Owns   the file, mode 0600. At most `bufferBytesMax` of it waits in memory.
 * Never  syncs on its own time: `flush` is the journal's `beforeCommit`, so that no unit is journaled before its letters are safe.
 *
 * Letters are appended at once, whatever becomes of their unit: nothing is held back and memory stays flat even if every line
 * of a huge unit is bad. When a process dies, the file may hold letters of units that are not journaled as done. Those units
 * are done again and give the same letters again; so at resume every letter that the journal does not cover is taken out: by a
 * cut, if they are all at the end, else by writing a new file beside it and renaming it. Since units end in any order, that is
 * decided letter by letter, from its bucket, key, ETag and offset.
 */
import { MillraceError, type RejectCode } from '../errors.ts';
import { faultPoint } from '../fault-points.ts';
import { type Files, type OpenedFile, readLines, realFiles, reasonOf, writeAll } from './files.ts';

export interface DeadLetter {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** Byte offset of the line in the (decompressed) object, and its bytes without line end. Null for an object as a whole. */
  readonly offset: number | null;
  readonly length: number | null;
  readonly code: RejectCode;
  /** One sentence without payload. */
  readonly message: string;
  /** The line's raw bytes, copied during the call. Null for an object as a whole. */
  readonly data: Uint8Array | null;
  /** Of an object that is damaged: where, and what of it was delivered (docs/CLI.md). Written as it is. */
  readonly damage?: Readonly<Record<'storedOffset' | 'offset' | 'unprovenFrom', number | null>>;
}

/** What names the work that a letter belongs to. */
export type LetterPlace = Pick<DeadLetter, 'bucket' | 'key' | 'etag' | 'offset'>;

export interface DeadLettersOptions {
  /** Its folder is made if it is absent. A device or a pipe is written to and otherwise left alone. */
  readonly path: string;
  /** Null for a run from its beginning: a file that is already there is set aside as `<path>.<n>`, for it belongs to another run. */
  readonly resume: {
    /** `state.covers` of the journal. */
    readonly covers: (place: LetterPlace) => boolean;
    /** Rejects that the journal counts: the file must hold as many letters, or it is not the run's. */
    readonly count: number;
  } | null;
  /** False leaves the raw lines out. Default true. */
  readonly payload?: boolean;
  /** Default 1 MiB. */
  readonly bufferBytesMax?: number;
  readonly files?: Files;
}

export class DeadLetters {
  readonly path: string;
  /** Where a foreign file of the same name was moved, or null. */
  readonly setAside: string | null;
  /** Letters that were taken out at resume, because their units are done again. */
  readonly removed: number;
  #count: number;
  readonly #file: OpenedFile;
  readonly #payload: boolean;
  readonly #bufferBytesMax: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #unsynced = false;
  #failure: MillraceError | null = null;
  #last: Promise<void> = Promise.resolve();
  #phase: 'open' | 'closed' = 'open';

  private constructor(file: OpenedFile, options: DeadLettersOptions, opened: Opened) {
    this.path = options.path;
    this.setAside = opened.setAside;
    this.removed = opened.removed;
    this.#count = opened.kept;
    this.#file = file;
    this.#payload = options.payload ?? true;
    this.#bufferBytesMax = options.bufferBytesMax ?? 1 << 20;
  }

  /**
   * @throws {MillraceError} MILLRACE_DEAD_LETTER: exit 2 when the file is not the one that the journal knows, exit 3 when the
   * disk fails.
   */
  static async open(options: DeadLettersOptions): Promise<DeadLetters> {
    const files = options.files ?? realFiles;
    let file: OpenedFile | null = null;
    try {
      await files.makeFolderOf(options.path);
      file = await files.open(options.path, 'append');
      let opened: Opened = { kept: options.resume?.count ?? 0, removed: 0, setAside: null };
      if (file.isRegular && options.resume !== null) {
        opened = await takeOut(files, options.path, file, options.resume);
      } else if (file.isRegular && (await file.sizeBytes()) > 0) {
        opened = { kept: 0, removed: 0, setAside: await setAside(files, options.path) };
      }
      if (opened.replaced === true || opened.setAside !== null) {
        await file.close();
        file = await files.open(options.path, 'append');
      }
      if (file.isRegular) await files.syncFolderOf(options.path);
      return new DeadLetters(file, options, opened);
    } catch (error) {
      await file?.close().catch(() => undefined);
      throw error instanceof MillraceError ? error : failure(options.path, error);
    }
  }

  /** Letters in the file or on their way to it, of all processes of the run. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes a letter. Letters reach the file in the order of these calls.
   * @returns Undefined, or when more than `bufferBytesMax` waits a promise: give no more letters before it has ended.
   * @throws {MillraceError} MILLRACE_DEAD_LETTER, exit 3, after a failed write; from then on always.
   */
  add(letter: DeadLetter): Promise<void> | undefined {
    this.#assertUsable();
    const { bucket, key, etag, offset, length, code, message, data, damage } = letter;
    const fields: Record<string, unknown> = { bucket, key, etag, offset, length, code, message };
    if (damage !== undefined) fields.damage = damage;
    if (data !== null && this.#payload)
      fields.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    const line = `${JSON.stringify(fields)}\n`;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#count += 1;
    return this.#waitingBytes > this.#bufferBytesMax ? this.#enqueue(false) : undefined;
  }

  /** Resolves when every letter given before this call is on the disk. Costs nothing when there is none. @throws As `add`. */
  flush(): Promise<void> {
    return this.#enqueue(true);
  }

  /** Flushes and closes. After a failure it only closes. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#phase === 'closed') return;
    try {
      if (this.#failure === null) await this.flush();
    } finally {
      this.#phase = 'closed';
      await this.#file.close().catch(() => undefined);
    }
  }

  /** One write at a time, so that letters are neither mixed nor overtaken. */
  #enqueue(sync: boolean): Promise<void> {
    const step = this.#last.then(() => this.#write(sync));
    this.#last = step.catch(() => undefined);
    return step;
  }

  async #write(sync: boolean): Promise<void> {
    this.#assertUsable();
    try {
      if (this.#waiting.length > 0) {
        const bytes = Buffer.from(this.#waiting.join(''));
        this.#waiting = [];
        this.#waitingBytes = 0;
        this.#unsynced = true;
        faultPoint('dead-letters.before-write');
        await writeAll(this.#file, bytes);
      }
      if (sync && this.#unsynced) {
        faultPoint('dead-letters.before-sync');
        if (this.#file.isRegular) await this.#file.datasync();
        this.#unsynced = false;
      }
    } catch (error) {
      this.#failure = failure(this.path, error);
      throw this.#failure;
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#phase !== 'open')
      throw new MillraceError('MILLRACE_DEAD_LETTER', `The dead-letter file ${this.path} is closed`, {
        exitCode: 3,
      });
  }
}

interface Opened {
  readonly kept: number;
  readonly removed: number;
  readonly setAside: string | null;
  /** The path now names another file than the one that was opened. */
  readonly replaced?: boolean;
}

async function setAside(files: Files, path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const aside = `${path}.${number}`;
    if ((await files.sizeBytes(aside)) !== null) continue;
    await files.rename(path, aside);
    return aside;
  }
}

/** Leaves only the letters that the journal covers. */
async function takeOut(
  files: Files,
  path: string,
  file: OpenedFile,
  resume: NonNullable<DeadLettersOptions['resume']>,
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
      `Cannot go on with the dead-letter file ${path}: the journal counts ${resume.count} rejects, the file holds ${kept} of them. Put the run's own file back, or give --restart`,
    );
  }
  if (removed === 0 && read.tailBytes === 0) return { kept, removed, setAside: null };
  if (isPrefix) {
    await file.truncate(keptBytes);
    await file.datasync();
    return { kept, removed, setAside: null };
  }
  await rewriteCovered(files, path, file, resume.covers);
  return { kept, removed, setAside: null, replaced: true };
}

/** @throws {MillraceError} When the line is no letter at all and not what a torn write leaves: then the file is someone else's. */
function isCoveredLine(
  line: Buffer,
  path: string,
  lineNumber: number,
  covers: (place: LetterPlace) => boolean,
): boolean {
  let letter: Partial<Record<keyof DeadLetter, unknown>>;
  try {
    letter = JSON.parse(line.toString('utf8'));
  } catch {
    // After a loss of power, bytes that were never synced may be zeros or missing; their unit is not journaled.
    letter = {};
    if (line.includes(0) || line.includes('{"bucket":')) return false;
  }
  const { bucket, key, etag, offset } = letter ?? {};
  const isPlaced = offset === null || Number.isSafeInteger(offset);
  if (typeof bucket !== 'string' || typeof key !== 'string' || typeof etag !== 'string' || !isPlaced) {
    throw new MillraceError(
      'MILLRACE_DEAD_LETTER',
      `Cannot go on with the dead-letter file ${path}: line ${lineNumber} is not a dead letter. Give another --dead-letter, or put the run's own file back`,
    );
  }
  return covers({ bucket, key, etag, offset: offset as number | null });
}

async function rewriteCovered(
  files: Files,
  path: string,
  file: OpenedFile,
  covers: (place: LetterPlace) => boolean,
): Promise<void> {
  const draft = `${path}.new`;
  await files.remove(draft);
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

function failure(path: string, error: unknown): MillraceError {
  return new MillraceError(
    'MILLRACE_DEAD_LETTER',
    `Cannot write the dead-letter file ${path}: ${reasonOf(error)}. Nothing is lost; cure that and repeat the command to go on`,
    { cause: error, exitCode: 3 },
  );
}
