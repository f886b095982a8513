/**
 * Entries: a batch in the form that its sink sends. Records are written there straight from the lane, so that their bytes are copied once
 * on their way to the network; what a request needs in front of them and behind them has room in the same buffer.
 * Takes  the form of a sink, and batches that were filled in it.
 * Gives  what stands in such a batch, record by record; the same records as frames, for whatever is rare: retries, refusals, reshards.
 * Owns   the layout of such a buffer. Pure. Who fills it is the codec (src/native/drain.cc, codec-portable.ts).
 *
 *   | room in front | entry 0 | entry 1 | ...  -> bytes |  room behind  | <- ... | header 1 | header 0 |
 *
 * A header is that of the record's frame (src/record/frame.ts), but that FRAME_BYTES says where in the buffer its key begins.
 */
import { FRAME, frameBytes } from '../record/frame.ts';
import type { Batch } from './batch.ts';

/** What a batch's buffer holds: u32 in SHARD_ROW.FORM. */
export const BATCH_FORM = { FRAMES: 0, ENTRIES: 1 } as const;

/** What an entry is made of. */
export interface EntryParts {
  readonly key: Uint8Array;
  /** In decimal, or null. */
  readonly explicitHashKey: string | null;
  readonly data: Uint8Array;
}

/** How a sink's entries look, as far as anybody else has to know: the data of a record, a gap, its key, and both as they are. */
export interface EntryForm {
  /** In front of the first entry. */
  readonly openingBytes: number;
  /** What surrounds all entries, at most. */
  readonly surroundBytesMax: number;
  /** What an entry adds to its data and key, at most. */
  readonly entryBytesMax: number;
  gapBytes(keyBytes: number): number;
  /** Writes an entry at `at`. @returns Where its key begins and where the entry ends. */
  write(out: Uint8Array, at: number, parts: EntryParts): { readonly keyStart: number; readonly end: number };
}

/** What a record needs of a buffer that holds `count` others, beside the bytes of their entries. */
export function entryRoom(form: EntryForm, count: number, keyBytes: number, dataBytes: number): number {
  const headersBytes = FRAME.HEADER_BYTES * (count + 1);
  return form.entryBytesMax + keyBytes + dataBytes + form.surroundBytesMax + headersBytes;
}

/** How much of a buffer a batch of entries needs. */
export function entriesExtent({ bytes, count }: Pick<Batch, 'bytes' | 'count'>, form: EntryForm): number {
  return bytes + FRAME.HEADER_BYTES * count + form.surroundBytesMax;
}

/** Where the header of a record is in a buffer of entries. */
export function headerStart(buffer: Uint8Array, index: number): number {
  return buffer.byteLength - FRAME.HEADER_BYTES * (index + 1);
}

/** Moves what stands in a buffer of entries to a larger one. */
export function moveEntries(from: Uint8Array, usedBytes: number, count: number, to: Uint8Array): void {
  to.set(from.subarray(0, usedBytes));
  const headers = from.subarray(headerStart(from, count - 1));
  to.set(headers, to.byteLength - headers.byteLength);
}

/** Size of the frames that a batch of entries was made of. */
export function framesBytesOf({ buffer, count }: Pick<Batch, 'buffer' | 'count'>): number {
  const view = viewOf(buffer);
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const at = headerStart(buffer, i);
    bytes += frameBytes(
      view.getUint16(at + FRAME.KEY_BYTES, true),
      view.getUint32(at + FRAME.DATA_BYTES, true),
    );
  }
  return bytes;
}

/** Writes the frames that a batch of entries was made of, one behind the other. @param out At least `framesBytesOf` bytes. */
export function writeFrames(
  { buffer, count }: Pick<Batch, 'buffer' | 'count'>,
  form: EntryForm,
  out: Uint8Array,
): void {
  const view = viewOf(buffer);
  const written = viewOf(out);
  let to = 0;
  for (let i = 0; i < count; i++) {
    const at = headerStart(buffer, i);
    const keyStart = view.getUint32(at + FRAME.FRAME_BYTES, true);
    const keyBytes = view.getUint16(at + FRAME.KEY_BYTES, true);
    const dataBytes = view.getUint32(at + FRAME.DATA_BYTES, true);
    const dataEnd = keyStart - form.gapBytes(keyBytes);
    out.set(buffer.subarray(at, at + FRAME.HEADER_BYTES), to);
    written.setUint32(to + FRAME.FRAME_BYTES, frameBytes(keyBytes, dataBytes), true);
    out.set(buffer.subarray(keyStart, keyStart + keyBytes), to + FRAME.HEADER_BYTES);
    out.set(buffer.subarray(dataEnd - dataBytes, dataEnd), to + FRAME.HEADER_BYTES + keyBytes);
    to += frameBytes(keyBytes, dataBytes);
  }
}

function viewOf(buffer: Uint8Array): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
