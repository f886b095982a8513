/**
 * Compact: rewrites a journal so that each finished object is one line.
 * Takes  an opened journal without a torn tail, and the state that was read from it.
 * Gives  a new file under the same name with the same meaning, or null when that could not be done.
 * Owns   the draft `<journal>.new`.
 * Never  loses the old journal: it is replaced by rename, after the new one is on the disk.
 *
 * Works line by line in two readings, so that its memory is that of the state, not of the file.
 */
import { faultPoint } from '../fault-points.ts';
import { encodeEntry, HEADER_START, type JournalEntry, type PinnedObject } from './entries.ts';
import { type Files, type OpenedFile, removeDraft, writeAll } from './files.ts';
import { readJournal } from './read.ts';
import { JournalState, type PartialObject } from './state.ts';
import { type Tally, tally } from './tally.ts';

/** What a finished object's one line takes at most often: fields about 330 bytes, key about 100. */
const SETTLED_LINE_BYTES = 430;
const RANGE_LINE_BYTES = 330;
const WRITE_BYTES = 1 << 20;
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
  const kept = settled * SETTLED_LINE_BYTES + ranges * RANGE_LINE_BYTES + state.positions.size * 250 + 4096;
  return fileBytes > 2 * kept;
}

export async function compactJournal(
  files: Files,
  path: string,
  old: OpenedFile,
  state: JournalState,
): Promise<{ file: OpenedFile; fileBytes: number; state: JournalState } | null> {
  const draft = `${path}.new`;
  let file: OpenedFile | null = null;
  let renamed = false;
  try {
    await removeDraft(files, draft, HEADER_START);
    file = await files.open(draft, 'create');
    const written = await rewrite(old, file, state);
    await file.datasync();
    faultPoint('journal.before-compact-rename');
    await files.rename(draft, path);
    renamed = true;
    await files.syncFolderOf(path);
    return { file, ...written };
  } catch (error) {
    // A full disk must not keep a run from going on: the old journal is as good as before, only longer.
    await file?.close().catch(() => undefined);
    if (renamed) throw error; // the old file has lost its name: it must not be written to
    if (file !== null) await files.remove(draft).catch(() => undefined);
    return null;
  }
}

async function rewrite(
  old: OpenedFile,
  file: OpenedFile,
  state: JournalState,
): Promise<{ fileBytes: number; state: JournalState }> {
  const fresh = new JournalState();
  let fileBytes = 0;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  // Each line counts as a write of its own: then damage in any of them is told from a torn tail.
  const emit = (entry: JournalEntry, atMs: number): void => {
    const line = Buffer.from(encodeEntry(entry, atMs, fileBytes));
    fresh.apply(entry, atMs);
    fileBytes += line.byteLength;
    waiting.push(line);
    waitingBytes += line.byteLength;
  };
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    await writeAll(file, bytes);
  };

  // The reader calls back synchronously, so lines of one chunk (1 MiB read) gather here before they are written.
  const open = new Map<number, PinnedObject>();
  const follow = new JournalState({ rememberSettled: false });
  const source = {
    read: async (into: Uint8Array, position: number) => {
      if (waitingBytes >= WRITE_BYTES) await flush();
      return old.read(into, position);
    },
  };
  await readJournal(source, (entry, atMs) => {
    const sum =
      entry.kind === 'object-done' && entry.id !== undefined ? follow.partial(entry.id)?.tally : undefined;
    const whole = sum === undefined ? undefined : tally(sum);
    follow.apply(entry, atMs);
    if (entry.kind === 'object') open.set(entry.id, entry);
    if (SUMMED.has(entry.kind)) return;
    if (entry.kind !== 'object-done' || entry.id === undefined) return emit(entry, atMs);
    const { bucket, key, etag, size } = open.get(entry.id)!;
    open.delete(entry.id);
    const failed = entry.failed === undefined ? {} : { failed: entry.failed };
    emit(
      {
        kind: 'object-done',
        object: { bucket, key, etag, size },
        tally: entry.tally ?? whole ?? tally(),
        ...failed,
      },
      atMs,
    );
  });
  for (const object of state.partials) emitPartial(object, state.updatedAtMs, emit);
  const { ambiguous, resent } = state.again;
  if (ambiguous + resent > 0) emit({ kind: 'again', ambiguous, resent }, state.updatedAtMs);
  if (state.pulse !== null) {
    const { atMs, ...pulse } = state.pulse;
    emit(pulse, atMs);
  }
  await flush();
  return { fileBytes, state: fresh };
}

/** An unfinished object, its ranges merged; the first of them carries the sum. */
function emitPartial(
  object: PartialObject,
  atMs: number,
  emit: (entry: JournalEntry, atMs: number) => void,
): void {
  const { id, bucket, key, etag, size, format } = object;
  emit({ kind: 'object', id, bucket, key, etag, size, ...(format !== null && { format }) }, atMs);
  let sum: Tally | null = object.tally;
  const takeSum = (): Tally => {
    const taken = sum ?? tally();
    sum = null;
    return taken;
  };
  for (const [start, end] of object.done) emit({ kind: 'segment', id, start, end, tally: takeSum() }, atMs);
  for (const { start, end, offsets } of object.left)
    emit({ kind: 'left', id, start, end, offsets, tally: takeSum() }, atMs);
  if (object.failed !== null) emit({ kind: 'object-failed', id, failed: object.failed }, atMs);
}
