/**
 * Journal: the memory of a run. What it says is delivered is delivered.
 * Takes  entries (entries.ts), from the engine's main thread.
 * Gives  the state of earlier processes of the same run, and commits: promises that end when entries are on the disk.
 * Owns   the journal file and its lock; how it is opened, says open-journal.ts. One write and one fdatasync carry all entries that wait (group commit).
 * Never  says that an entry is safe before fdatasync has said so, and never tries again after a failed write or sync: what the
 *        system then holds is unknown. The old content stays as it is; the next process cuts off a torn tail and goes on.
 *
 * Order of a commit: the waiting entries are taken; `beforeCommit` runs (it puts the dead letters of those entries on the disk);
 * then the entries are written and synced. So a slice is journaled only when its dead letters are safe.
 */
import { MillraceError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { faultPoint } from '../base/fault-points.ts';
import { Compacting } from './compacting.ts';
import {
  encodeEntry,
  JOURNAL_VERSION,
  type JournalEntry,
  type ObjectEntry,
  type PinnedObject,
} from './entries.ts';
import { type Files, type OpenedFile, realFiles, reasonOf, writeAll } from './files.ts';
import { type Lock, takeLock } from './lock.ts';
import {
  COMPACT_BYTES_MIN,
  create,
  type JournalOptions,
  type Opened,
  openError,
  resume,
} from './open-journal.ts';
import type { JournalState, Totals } from './state.ts';

export class Journal {
  readonly path: string;
  readonly digestKey: string;
  /** As its first process named it. */
  readonly run: string;
  /** Whether an earlier process of this run was found. */
  readonly resumed: boolean;
  /** Bytes of an unfinished write that were cut off at opening. They were never reported as safe. */
  readonly tornBytes: number;
  /** Sums of all earlier processes, as they were at opening. */
  readonly before: Totals;
  /** Follows every entry appended; `state.totals` are those of the whole run. */
  readonly state: JournalState;
  #file: OpenedFile;
  readonly #lock: Lock;
  readonly #nowMs: () => number;
  readonly #compacting: Compacting;
  #phase: 'open' | 'closed' | 'failed' = 'open';
  #failure: MillraceError | null = null;
  /** Whether the failure has been reported to a caller. */
  #isFailureTold = false;
  #fileBytes: number;
  #pending: JournalEntry[] = [];
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #beforeCommit: (() => Promise<void>) | null = null;
  #nextId: number;

  private constructor(opened: Opened, options: JournalOptions & { readonly files: Files }, lock: Lock) {
    this.path = options.path;
    this.digestKey = opened.state.header!.digestKey;
    this.run = opened.state.header!.run;
    this.resumed = opened.resumed;
    this.tornBytes = opened.tornBytes;
    this.state = opened.state;
    this.before = opened.state.totalsNow();
    this.#file = opened.file;
    this.#fileBytes = opened.fileBytes;
    this.#lock = lock;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#nextId = opened.state.nextId;
    this.#compacting = this.#createCompacting(options, opened.compactedBytes);
  }

  /**
   * Takes the lock, then creates the journal or resumes it. The start of this process is committed before it returns.
   * @throws {MillraceError} MILLRACE_JOURNAL: exit 2 when the file cannot be used (held by another process, another run,
   * version or options, damaged, not a journal), exit 3 when the disk fails.
   */
  static async open(options: JournalOptions): Promise<Journal> {
    const files = options.files ?? realFiles;
    let lock: Lock | null = null;
    let file: OpenedFile | null = null;
    try {
      await files.makeFolderOf(options.path);
      lock = await (options.lock ?? takeLock)(options.path);
      const exists = (await files.sizeBytes(options.path)) !== null;
      const opened =
        exists && !options.restart ? await resume(files, options) : await create(files, options, exists);
      file = opened.file;
      const journal = new Journal(opened, { ...options, files }, lock);
      if (journal.state.header!.version < JOURNAL_VERSION && !journal.state.isContinued)
        journal.append({ kind: 'format', version: JOURNAL_VERSION });
      const { stream, requestPayer, deadLetter } = options;
      const facts = {
        ...(stream && { stream: stream.birth }),
        ...(requestPayer && { requestPayer }),
        ...(deadLetter !== undefined && { deadLetter }),
      };
      journal.append({ kind: 'start', pid: process.pid, ...facts });
      await journal.commit();
      return journal;
    } catch (error) {
      await file?.close().catch(() => undefined);
      await lock?.release().catch(() => undefined);
      throw error instanceof MillraceError ? error : openError(options.path, error);
    }
  }

  /** Runs within each commit, after its entries are taken and before they are written. A rejection fails the journal. */
  set beforeCommit(action: () => Promise<void>) {
    this.#beforeCommit = action;
  }

  /** Whether entries can be appended. */
  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Begins work on an object. @returns The id that later entries use. */
  pin(object: PinnedObject & Pick<ObjectEntry, 'format'>): number {
    const id = this.#nextId;
    const { bucket, key, etag, size, format } = object;
    this.append({ kind: 'object', id, bucket, key, etag, size, ...(format && { format }) });
    this.#nextId = id + 1;
    return id;
  }

  /**
   * Adds an entry to the next commit and to `state`.
   * @throws {MillraceError} The journal's failure, if it has failed.
   * @throws {Error} When the entry contradicts the journal (a range done twice, an object not begun): a bug of the caller.
   */
  append(entry: JournalEntry): void {
    this.#assertUsable();
    this.state.apply(entry, this.#nowMs());
    this.#pending.push(entry);
  }

  /**
   * Resolves when every entry appended before this call is on the disk. Calls during a running commit share the next one.
   * @throws {MillraceError} MILLRACE_JOURNAL (or what `beforeCommit` threw), exit 3. From then on the journal is failed.
   */
  commit(): Promise<void> {
    if (this.#running === null) return this.#run(() => this.#commitOnce());
    this.#next ??= this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.commit();
      });
    return this.#next;
  }

  /**
   * Commits what waits, with an `end` entry, closes the file and gives the lock back. After a failure it only closes: the lock
   * and the file are given back in any case. A second call does nothing.
   * @param end How the process ended, or null to write no such entry.
   */
  async close(end: { status: string; complete: boolean } | null): Promise<void> {
    if (this.#phase === 'closed') return;
    try {
      await this.#compacting.stop();
      if (this.#phase === 'open' || !this.#isFailureTold) {
        if (end !== null) this.append({ kind: 'end', ...end });
        await this.commit();
      }
    } finally {
      this.#phase = 'closed';
      await this.#file.close().catch(() => undefined);
      await this.#lock.release().catch(() => undefined);
    }
  }

  /** One at a time works on the file: first come, first served. */
  #run(work: () => Promise<void>): Promise<void> {
    const before = this.#running;
    const running = (before === null ? work() : before.catch(() => undefined).then(work)).finally(() => {
      if (this.#running === running) this.#running = null;
    });
    this.#running = running;
    return running;
  }

  #createCompacting(options: JournalOptions & { readonly files: Files }, freshBytes: number): Compacting {
    const { path, files, compactBytesMin: bytesMin = COMPACT_BYTES_MIN } = options;
    const journal = this;
    return new Compacting(
      { files, path, bytesMin, nowMs: this.#nowMs, freshBytes },
      {
        state: this.state,
        get file() {
          return journal.#file;
        },
        get fileBytes() {
          return journal.#fileBytes;
        },
        isHeld: () => this.#lock.isHeld(),
        alone: (work) =>
          this.#run(() => {
            this.#assertUsable();
            return work();
          }),
        replaceFile: (file, fileBytes) => {
          this.#file = file;
          this.#fileBytes = fileBytes;
        },
        fail: (error) => this.#fail(error),
      },
    );
  }

  async #commitOnce(): Promise<void> {
    this.#assertUsable();
    const entries = this.#pending;
    if (entries.length === 0) return;
    this.#pending = [];
    try {
      faultPoint('journal.before-dead-letters');
      await this.#beforeCommit?.();
      if (!(await this.#lock.isHeld())) throw new Error('its lock was taken away');
      const from = this.#fileBytes;
      const atMs = this.#nowMs();
      const bytes = Buffer.from(entries.map((entry) => encodeEntry(entry, atMs, from)).join(''));
      faultPoint('journal.before-write');
      await writeAll(this.#file, bytes);
      faultPoint('journal.before-sync');
      await this.#file.datasync();
      faultPoint('journal.after-sync');
      this.#fileBytes += bytes.byteLength;
    } catch (error) {
      this.#fail(error);
      this.#assertUsable();
    }
    this.#compacting.look();
  }

  #fail(error: unknown): void {
    this.#phase = 'failed';
    this.#failure ??=
      error instanceof MillraceError
        ? error
        : new MillraceError(
            'MILLRACE_JOURNAL',
            `Cannot write the journal ${this.path}: ${reasonOf(error)}. What it held before is intact; free the disk and repeat the command to go on`,
            { cause: error, exitCode: EXIT.resumable },
          );
  }

  #assertUsable(): void {
    if (this.#failure !== null) {
      this.#isFailureTold = true;
      throw this.#failure;
    }
    if (this.#phase !== 'open')
      throw new MillraceError('MILLRACE_JOURNAL', `The journal ${this.path} is closed`, {
        exitCode: EXIT.resumable,
      });
  }
}
