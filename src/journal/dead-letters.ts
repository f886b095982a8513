/**
 * Dead letters: the file of lines that were not delivered.
 * Takes  dead letters, as soon as a line is rejected.
 * Gives  a JSONL file (docs/CLI.md) in which each rejected line stands exactly once, however often the run was resumed.
 * Owns   the file, mode 0600. At most `bufferBytesMax` of it waits in memory.
 * Never  syncs on its own time: `flush` is the journal's `beforeCommit`, so that no slice is journaled before its dead letters are safe.
 *
 * Dead letters are appended at once, whatever becomes of their slice: nothing is held back and memory stays flat even if every line
 * of a huge slice is bad. When a process dies, the file may hold dead letters of slices that are not journaled as done. Those slices
 * are done again and give the same dead letters again; so at resume every dead letter that the journal does not cover is taken out
 * (take-out.ts). That must never hit dead letters of another run: a file belongs to one run (dead-letter-owner.ts), and to one process while
 * it works (`<file>.lock`).
 */
import { MillraceError, type RejectCode } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { faultPoint } from '../base/fault-points.ts';
import {
  type DeadLetterOwner,
  isForgotten,
  readOwner,
  refuseDeadLettersOf,
  writeOwner,
} from './dead-letter-owner.ts';
import { type Files, isPassingOnDisk, type OpenedFile, realFiles, reasonOf, writeAll } from './files.ts';
import { type Lock, takeLock } from './lock.ts';
import { deadLettersFailure, type Opened, setDeadLettersAside, takeOut } from './take-out.ts';

export interface DeadLetter {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** Byte offset of the line in the (decompressed) object, and its bytes without line end. Null for an object as a whole. */
  readonly offset: number | null;
  readonly length: number | null;
  /** Of a record that the stream has refused: which of its line's outputs it is, where it is not the first one. */
  readonly output?: number;
  /** Of such a record: bytes that went out as they are, which may be anything. */
  readonly raw?: boolean;
  readonly code: RejectCode;
  /** One sentence without payload. */
  readonly message: string;
  /** The line's raw bytes, copied during the call. Null for an object as a whole. */
  readonly data: Uint8Array | null;
  /** Of an object that is damaged: where, and what of it was delivered (docs/CLI.md). Written as it is. */
  readonly damage?: Readonly<Record<'storedOffset' | 'offset' | 'unprovenFrom', number | null>>;
}

/** What names the work that a dead letter belongs to. */
export type DeadLetterPlace = Pick<DeadLetter, 'bucket' | 'key' | 'etag' | 'offset' | 'output'>;

export interface DeadLettersOptions {
  /** Its folder is made if it is absent. A device or a pipe is written to and otherwise left alone. */
  readonly path: string;
  readonly owner: DeadLetterOwner;
  /** Null for a run from its beginning: dead letters of a run that nobody can go on with are set aside as `<path>.<n>`. */
  readonly resume: {
    /** `state.covers` of the journal. */
    readonly covers: (place: DeadLetterPlace) => boolean;
    /** Rejects that the journal counts: the file must hold as many dead letters, or it is not the run's. */
    readonly count: number;
  } | null;
  /** False leaves the raw lines out. Default true. */
  readonly payload?: boolean;
  /** Default 1 MiB. */
  readonly bufferBytesMax?: number;
  readonly files?: Files;
  readonly lock?: typeof takeLock;
}

export class DeadLetters {
  readonly path: string;
  /** Where earlier dead letters of the same name were moved or copied, or null. */
  readonly setAside: string | null;
  /** Dead letters that were taken out at resume, because their slices are done again. */
  readonly removed: number;
  #count: number;
  readonly #file: OpenedFile;
  readonly #lock: Lock | null;
  /** Writes down whose dead letters these are, once, before the first of them. */
  #claim: (() => Promise<void>) | null;
  readonly #payload: boolean;
  readonly #bufferBytesMax: number;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #unsynced = false;
  #failure: MillraceError | null = null;
  #last: Promise<void> = Promise.resolve();
  #phase: 'open' | 'closed' = 'open';

  private constructor(options: DeadLettersOptions, { file, lock, opened, claim }: Parts) {
    this.path = options.path;
    this.setAside = opened.setAside;
    this.removed = opened.removed;
    this.#count = opened.kept;
    this.#file = file;
    this.#lock = lock;
    this.#claim = claim;
    this.#payload = options.payload ?? true;
    this.#bufferBytesMax = options.bufferBytesMax ?? 1 << 20;
  }

  /**
   * @throws {MillraceError} MILLRACE_DEAD_LETTER: exit 2 when the file is not the one that the journal knows, or cannot be
   * opened, exit 3 when the disk fails.
   */
  static async open(options: DeadLettersOptions): Promise<DeadLetters> {
    const files = options.files ?? realFiles;
    let lock: Lock | null = null;
    try {
      await files.makeFolderOf(options.path);
      const file = await files.open(options.path, 'append');
      if (!file.isRegular) {
        const opened = { kept: options.resume?.count ?? 0, removed: 0, setAside: null };
        return new DeadLetters(options, { file, lock: null, opened, claim: null });
      }
      // Whoever held the lock may have put another file in the place of this one.
      await file.close();
      lock = await (options.lock ?? takeLock)(options.path, LOCKED);
      return new DeadLetters(options, { ...(await openOwn(files, options)), lock });
    } catch (error) {
      await lock?.release().catch(() => undefined);
      throw error instanceof MillraceError ? error : openFailure(options.path, error);
    }
  }

  /** Dead letters in the file or on their way to it, of all processes of the run. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes a dead letter. Dead letters reach the file in the order of these calls.
   * @returns Undefined, or when more than `bufferBytesMax` waits a promise: give no more dead letters before it has ended.
   * @throws {MillraceError} MILLRACE_DEAD_LETTER, exit 3, after a failed write; from then on always.
   */
  add(deadLetter: DeadLetter): Promise<void> | undefined {
    this.#assertUsable();
    const { bucket, key, etag, offset, output, raw, length, code, message, data, damage } = deadLetter;
    const place = { bucket, key, etag, offset, ...(output && { output }), length };
    const fields: Record<string, unknown> = { ...place, code, ...(raw && { raw }), message };
    if (damage !== undefined) fields.damage = damage;
    if (data !== null && this.#payload)
      fields.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');
    const line = `${JSON.stringify(fields)}\n`;
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#count += 1;
    return this.#waitingBytes > this.#bufferBytesMax ? this.#enqueue(false) : undefined;
  }

  /** Resolves when every dead letter given before this call is on the disk. Costs nothing when there is none. @throws As `add`. */
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
      await this.#lock?.release().catch(() => undefined);
    }
  }

  /** One write at a time, so that dead letters are neither mixed nor overtaken. */
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
        await this.#claim?.();
        this.#claim = null;
        faultPoint('dead-letters.before-write');
        await writeAll(this.#file, bytes);
      }
      if (sync && this.#unsynced) {
        faultPoint('dead-letters.before-sync');
        if (this.#file.isRegular) await this.#file.datasync();
        this.#unsynced = false;
      }
    } catch (error) {
      this.#failure = deadLettersFailure(this.path, error);
      throw this.#failure;
    }
  }

  #assertUsable(): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#phase !== 'open')
      throw new MillraceError('MILLRACE_DEAD_LETTER', `The dead-letter file ${this.path} is closed`, {
        exitCode: EXIT.resumable,
      });
  }
}

interface Parts {
  readonly file: OpenedFile;
  readonly lock: Lock | null;
  readonly opened: Opened;
  readonly claim: (() => Promise<void>) | null;
}

function openFailure(path: string, error: unknown): MillraceError {
  if (isPassingOnDisk(error)) return deadLettersFailure(path, error);
  const why = `Cannot open the dead-letter file ${path}: ${reasonOf(error)}. Nothing was sent; name another one with --dead-letter`;
  return new MillraceError('MILLRACE_DEAD_LETTER', why, { cause: error, exitCode: EXIT.refused });
}

const LOCKED = { code: 'MILLRACE_DEAD_LETTER', what: 'dead-letter file' } as const;

/** Opens the locked file, as far as it is this run's. */
async function openOwn(files: Files, options: DeadLettersOptions): Promise<Omit<Parts, 'lock'>> {
  const { path, owner, resume } = options;
  let file = await files.open(path, 'append');
  try {
    const before = await readOwner(files, path);
    const isOwn = before?.id === owner.id;
    const isEmpty = (await file.sizeBytes()) === 0;
    if (!isEmpty && before !== null && !isOwn && (resume !== null || !isForgotten(before, owner)))
      refuseDeadLettersOf(before, path);
    let opened: Opened = { kept: 0, removed: 0, setAside: null };
    if (resume !== null) opened = await takeOut(files, path, file, resume, isOwn);
    else if (!isEmpty) opened = await setDeadLettersAside(files, path, file);
    if (opened.replaced === true || (resume === null && opened.setAside !== null)) {
      await file.close();
      file = await files.open(path, 'append');
    }
    await files.syncFolderOf(path);
    const claim = () => writeOwner(files, path, owner);
    // Dead letters that stay have an owner from now on; an empty file gets one with its first dead letter.
    if (!isOwn && opened.kept > 0) await claim();
    return { file, opened, claim: isOwn || opened.kept > 0 ? null : claim };
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}
