/**
 * Compact: makes a shorter copy of a journal, in which each finished object is one line, while the journal itself may go on.
 * Takes  an opened journal, and up to where it is on the disk.
 * Gives  a file with the same meaning: the first reading is summed up, what came since is copied as it is, and then the copy takes the
 *        journal's place.
 * Owns   the draft `<journal>.new`.
 * Never  touches the old journal: it is replaced by rename, after the copy is on the disk. Never knows what is not in the file.
 *
 * Works line by line in small steps, so that its memory is that of the unfinished objects and nothing else waits for it.
 */
import { faultPoint } from '../base/fault-points.ts';
import { KIB } from '../base/limits.ts';
import { encodeEntry, HEADER_START, type JournalEntry } from './entries.ts';
import { type Files, type OpenedFile, removeDraft, writeAll } from './files.ts';
import { readJournal } from './read.ts';
import { JournalState, type PartialObject } from './state.ts';
import { type Tally, tally } from './tally.ts';

/** What a finished object's one line rarely exceeds: fields about 330 bytes, key about 100. */
const SETTLED_LINE_BYTES = 430;
const RANGE_LINE_BYTES = 330;
/** Read at once: some two hundred lines, a few milliseconds of the thread's time. */
const STEP_BYTES = 64 * KIB;
const WRITE_BYTES = 256 * KIB;
/** Entries that are not copied: what they say is written anew, from the state. */
const SUMMED: ReadonlySet<JournalEntry['kind']> = new Set([
  'segment',
  'left',
  'progress',
  'object',
  'object-failed',
  'pulse',
  'again',
]);

/** Whether at least half of the file would go. */
export function isWorthCompacting(state: JournalState, fileBytes: number, bytesMin: number): boolean {
  if (fileBytes < bytesMin) return false;
  let ranges = 0;
  for (const object of state.partials) ranges += 2 + object.done.length + object.left.length;
  const settled = state.totals.objectsDone + state.totals.objectsFailed;
  const kept = settled * SETTLED_LINE_BYTES + ranges * RANGE_LINE_BYTES + state.positions.size * 250 + 1024;
  return fileBytes > 2 * kept;
}

/** What is not summed up: `status` takes its rate from the last minute. */
export interface Recent {
  /** Lines written later than that are copied as they are. */
  readonly sinceMs: number;
  /** But at most this many bytes at the end: clocks are set back now and then. */
  readonly bytesMax: number;
}

export class ShorterCopy {
  /** Bytes of the journal that are in the copy. */
  coveredBytes = 0;
  /** Bytes of the copy. */
  sizeBytes = 0;
  readonly file: OpenedFile;
  readonly #files: Files;
  readonly #path: string;
  readonly #journal: OpenedFile;
  readonly #signal: AbortSignal | null;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  private constructor(options: CopyOptions, file: OpenedFile) {
    this.#files = options.files;
    this.#path = options.path;
    this.#journal = options.journal;
    this.#signal = options.signal ?? null;
    this.file = file;
  }

  static async begin(options: CopyOptions): Promise<ShorterCopy> {
    const { files, path } = options;
    await removeDraft(files, draftOf(path), HEADER_START);
    return new ShorterCopy(options, await files.open(draftOf(path), 'create'));
  }

  /** The first `endBytes` of the journal, summed up except for what is recent. `endBytes` is where a write ended. */
  async sumUp(endBytes: number, recent: Recent | null): Promise<void> {
    const sum = new JournalState({ rememberSettled: false });
    let isRecent = false;
    await this.#read(endBytes, (entry, atMs, offset) => {
      if (recent !== null && atMs > recent.sinceMs && offset >= endBytes - recent.bytesMax && !isRecent) {
        isRecent = true;
        this.#writeSum(sum);
      }
      if (isRecent) return this.#emit(entry, atMs);
      const line = lineOf(entry, sum);
      sum.apply(entry, atMs);
      if (line !== null) this.#emit(line, atMs);
    });
    if (!isRecent) this.#writeSum(sum);
    await this.#flush();
  }

  /** What the journal has got since, as it is. `endBytes` is where a write ended. */
  async catchUp(endBytes: number): Promise<void> {
    if (endBytes === this.coveredBytes) return;
    await this.#read(endBytes, (entry, atMs) => this.#emit(entry, atMs));
    await this.#flush();
  }

  /** Puts the copy, which is on the disk, in the journal's place. From the rename on there is no way back: see `isInPlace`. */
  async replace(): Promise<void> {
    faultPoint('journal.before-compact-rename');
    await this.#files.rename(draftOf(this.#path), this.#path);
    this.isInPlace = true;
    faultPoint('journal.after-compact-rename');
    await this.#files.syncFolderOf(this.#path);
  }
  /** The old journal has lost its name, and must not be written to. */
  isInPlace = false;

  /** After a failure: the journal is as good as before, only longer. */
  async discard(): Promise<void> {
    await this.file.close().catch(() => undefined);
    if (this.isInPlace) return;
    await this.#files.remove(draftOf(this.#path)).catch(() => undefined);
  }

  async #read(
    endBytes: number,
    onEntry: (entry: JournalEntry, atMs: number, offset: number) => void,
  ): Promise<void> {
    // The reader calls back synchronously, so the lines of one step gather before they are written.
    const source = {
      read: async (into: Uint8Array, position: number) => {
        this.#signal?.throwIfAborted();
        if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
        return this.#journal.read(into, position);
      },
    };
    let offset = this.coveredBytes;
    const range = { startBytes: this.coveredBytes, endBytes, stepBytes: STEP_BYTES };
    const verdict = await readJournal(
      source,
      (entry, atMs, lineBytes) => {
        onEntry(entry, atMs, offset);
        offset += lineBytes;
      },
      range,
    );
    if (verdict.damage !== null || verdict.soundBytes !== endBytes)
      throw new Error('what was written cannot be read back');
    this.coveredBytes = endBytes;
  }

  /** Each line counts as a write of its own: so damage in any of them is not mistaken for a torn tail. */
  #emit(entry: JournalEntry, atMs: number): void {
    const line = Buffer.from(encodeEntry(entry, atMs, this.sizeBytes));
    this.sizeBytes += line.byteLength;
    this.#waiting.push(line);
    this.#waitingBytes += line.byteLength;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (bytes.byteLength === 0) return;
    faultPoint('journal.compacting');
    await writeAll(this.file, bytes);
  }

  #writeSum(state: JournalState): void {
    for (const object of state.partials)
      for (const entry of partialEntries(object)) this.#emit(entry, state.updatedAtMs);
    const { ambiguous, resent } = state.again;
    if (ambiguous + resent > 0) this.#emit({ kind: 'again', ambiguous, resent }, state.updatedAtMs);
    if (state.pulse === null) return;
    const { atMs, ...pulse } = state.pulse;
    this.#emit(pulse, atMs);
  }
}

export interface CopyOptions {
  readonly files: Files;
  /** Of the journal. */
  readonly path: string;
  readonly journal: OpenedFile;
  /** Ends the work between two steps. */
  readonly signal?: AbortSignal;
}

/**
 * The whole of a journal that nobody writes to, summed up.
 * @returns Null where it could not be made, as on a full disk: that must not keep a run from going on.
 * @throws {Error} When the copy has taken the journal's place, and it is unknown whether it will still have it after a loss of power.
 */
export async function compactAtOpening(
  files: Files,
  path: string,
  journal: OpenedFile,
  fileBytes: number,
): Promise<ShorterCopy | null> {
  let copy: ShorterCopy | null = null;
  try {
    copy = await ShorterCopy.begin({ files, path, journal });
    await copy.sumUp(fileBytes, null);
    await copy.file.datasync();
    await copy.replace();
    return copy;
  } catch (error) {
    await copy?.discard();
    if (copy?.isInPlace) throw error;
    return null;
  }
}

/** What a process that was killed may leave behind: it is of no use to anybody. */
export function draftOf(path: string): string {
  return `${path}.new`;
}

/** What of an entry is copied, given what came before it; null: the sum says it. */
function lineOf(entry: JournalEntry, before: JournalState): JournalEntry | null {
  if (SUMMED.has(entry.kind)) return null;
  if (entry.kind !== 'object-done' || entry.id === undefined) return entry;
  const begun = before.partial(entry.id);
  if (begun === undefined) throw new Error(`object ${entry.id} is done and was not begun`);
  const { bucket, key, etag, size } = begun;
  const failed = entry.failed === undefined ? {} : { failed: entry.failed };
  return {
    kind: 'object-done',
    object: { bucket, key, etag, size },
    tally: tally(entry.tally ?? begun.tally),
    ...failed,
  };
}

/** An unfinished object, its ranges merged; the first of them carries the sum. */
function partialEntries(object: PartialObject): JournalEntry[] {
  const { id, bucket, key, etag, size, format } = object;
  let sum: Tally | null = object.tally;
  const takeSum = (): Tally => {
    const taken = sum ?? tally();
    sum = null;
    return taken;
  };
  const entries: JournalEntry[] = [
    { kind: 'object', id, bucket, key, etag, size, ...(format !== null && { format }) },
  ];
  for (const [start, end] of object.done) entries.push({ kind: 'segment', id, start, end, tally: takeSum() });
  for (const left of object.left) entries.push({ kind: 'left', id, ...left, tally: takeSum() });
  if (object.failed !== null) entries.push({ kind: 'object-failed', id, failed: object.failed });
  return entries;
}
