/**
 * Compacting: keeps a journal short while a run writes to it, for days.
 * Takes  the journal, after each of its commits.
 * Gives  it a shorter file in place of its own, now and then. Commits go on while the copy is made, and are held back only for the moment in
 *        which it takes the journal's place: what they wrote meanwhile, 64 KiB or so, one sync, one rename.
 * Owns   when that is tried.
 * Never  fails a run for what it can do without: on a full disk, or where the file cannot be read back, the old journal stays, only longer.
 *        Only what fails between the rename and the folder's sync ends the run: then it is unknown which of the two files is on the disk.
 */
import { isWorthCompacting, ShorterCopy } from './compact.ts';
import type { Files, OpenedFile } from './files.ts';
import type { JournalState } from './state.ts';

/** The door through which the journal is compacted. */
export interface CompactedJournal {
  readonly state: JournalState;
  readonly file: OpenedFile;
  /** Of the file: what is on the disk. */
  readonly fileBytes: number;
  isHeld(): Promise<boolean>;
  /** Runs `work` while no commit runs; those that come wait for it. */
  alone(work: () => Promise<void>): Promise<void>;
  /** From here on the journal writes to the copy. */
  replaceFile(file: OpenedFile, fileBytes: number): void;
  /** The journal must no longer be written to. */
  fail(error: unknown): void;
}

export interface CompactingOptions {
  readonly files: Files;
  readonly path: string;
  readonly bytesMin: number;
  readonly nowMs: () => number;
  /** Bytes of the file that was compacted at opening, or 0. */
  readonly freshBytes: number;
}

/** What `status` reckons a rate from. */
const RECENT_MS = 60_000;
const RECENT_SHARE = 0.25;
/** So much may be left to copy while commits wait. */
const HELD_BYTES = 64 * 1024;
/** A journal that grows faster than it is copied is copied as it stands after this many rounds. */
const ROUNDS_MAX = 8;
/** What fails now is tried again when the journal has grown by this much. */
const AGAIN_FACTOR = 1.25;

export class Compacting {
  readonly #options: CompactingOptions;
  readonly #journal: CompactedJournal;
  readonly #stopping = new AbortController();
  #running: Promise<void> | null = null;
  /** The journal is looked at when it reaches this size. */
  #atBytes: number;

  constructor(options: CompactingOptions, journal: CompactedJournal) {
    this.#options = options;
    this.#journal = journal;
    this.#atBytes = Math.max(options.bytesMin, 2 * options.freshBytes);
  }

  /** To be called after each commit: it costs one comparison. */
  look(): void {
    const { fileBytes, state } = this.#journal;
    if (this.#running !== null || fileBytes < this.#atBytes) return;
    this.#atBytes = fileBytes * AGAIN_FACTOR;
    if (!isWorthCompacting(state, fileBytes, this.#options.bytesMin)) return;
    this.#running = this.#compact()
      .catch(() => undefined)
      .finally(() => {
        this.#running = null;
      });
  }

  /** Begins nothing more, and gives up what it is doing, unless the copy is just taking the journal's place. */
  async stop(): Promise<void> {
    this.#atBytes = Number.POSITIVE_INFINITY;
    this.#stopping.abort();
    await this.#running;
  }

  async #compact(): Promise<void> {
    const { files, path, bytesMin, nowMs } = this.#options;
    const journal = this.#journal;
    // The copy never takes the room that the next commits need.
    if ((await files.freeBytesAt(path)) < journal.fileBytes) return;
    const old = journal.file;
    const copy = await ShorterCopy.begin({ files, path, journal: old, signal: this.#stopping.signal });
    try {
      await copy.sumUp(journal.fileBytes, {
        sinceMs: nowMs() - RECENT_MS,
        bytesMax: bytesMin * RECENT_SHARE,
      });
      for (let round = 1; round < ROUNDS_MAX && journal.fileBytes - copy.coveredBytes > HELD_BYTES; round++)
        await copy.catchUp(journal.fileBytes);
      await copy.file.datasync();
      await journal.alone(() => this.#takePlace(copy));
    } catch (error) {
      if (copy.isInPlace) journal.fail(error);
      await copy.discard();
      return;
    }
    this.#atBytes = Math.max(bytesMin, 2 * copy.sizeBytes);
    await old.close().catch(() => undefined);
  }

  async #takePlace(copy: ShorterCopy): Promise<void> {
    const journal = this.#journal;
    this.#stopping.signal.throwIfAborted();
    const isBehind = copy.coveredBytes < journal.fileBytes;
    await copy.catchUp(journal.fileBytes);
    if (isBehind) await copy.file.datasync();
    if (!(await journal.isHeld())) throw new Error('its lock was taken away');
    await copy.replace();
    journal.replaceFile(copy.file, copy.sizeBytes);
  }
}
