/**
 * Decompress: stored bytes of one gzip or zstd object in, its content out. Runs in a parser thread.
 * Takes  the stored bytes chunk by chunk; a chunk may lie in shared memory and is not touched after the next one is asked for.
 * Gives  content, chunk by chunk, all of a stored chunk's before the next one is asked for. In front of damage everything that can be
 *        decoded comes out, and the same however the stored bytes were cut.
 * Owns   the proof that nothing is missing, and the word of what was proven: a gzip member that has ended, a zstd frame that has
 *        ended and has a checksum.
 * Never  holds more than a few chunks, whatever the ratio; never scans.
 */
import zlib from 'node:zlib';
import { MIB } from '../base/limits.ts';
import { type Inflater, openInflater, openNative } from '../native/inflate.ts';
import type { FrameDecoder } from '../native/unzstd.ts';
import { DamagedError } from './damage.ts';
import { DecodingError, type Progress, type WindowRoom } from './decoding.ts';
import { gunzip } from './gunzip.ts';
import { unzstd } from './unzstd.ts';

/** Decoders that a thread keeps: opening one costs more than a small object. */
export interface Decoders {
  inflater?: Inflater;
  /** For whole objects; null without the addon. */
  whole?: { readonly inflater: Inflater; readonly room: Uint8Array } | null;
  /** Default: the addon's decoder of zstd frames. */
  openFrame?: () => FrameDecoder | null;
}

/**
 * @param kind `text` comes out as it is. @param stored What it throws is thrown on.
 * @throws {DamagedError} Damaged, truncated, or followed by bytes that are neither another member or frame nor zeros (gzip). What came
 * before stays valid; its `offset` is that behind all content that came.
 */
export async function* decompress(
  kind: 'text' | 'gzip' | 'zstd',
  stored: AsyncIterable<Uint8Array>,
  decoders: Decoders = {},
  room?: WindowRoom,
): AsyncGenerator<Uint8Array> {
  const progress: Progress = { stored: 0, content: 0, proven: 0 };
  try {
    if (kind === 'text') {
      yield* stored;
    } else if (kind === 'zstd') {
      yield* unzstd(stored, progress, room, decoders.openFrame);
    } else {
      decoders.inflater ??= await openInflater();
      yield* gunzip(stored, decoders.inflater, progress);
    }
  } catch (error) {
    if (!(error instanceof DecodingError)) throw error;
    const { stored: storedOffset, content: offset, proven } = progress;
    const where = `stored byte ${storedOffset}, ${offset} bytes of content came before`;
    const unprovenFrom = proven < offset ? proven : null;
    throw new DamagedError(
      `Cannot decompress the ${kind} data: ${error.message} (${where})`,
      { storedOffset, offset, unprovenFrom },
      { cause: error },
    );
  }
}

/** Whole objects up to this size are worth one call; larger ones take no longer as a stream. */
export const WHOLE_BYTES_MAX = 64 * 1024;
/** So much content may come out of one call: all of it lies in memory at once. */
export const WHOLE_CONTENT_BYTES_MAX = 2 * MIB;

/**
 * The content of a small object in one synchronous call, where a stream costs 220 us of CPU (8 KB of content, measured).
 * @param stored All stored bytes.
 * @returns Valid until the next call; null when a stream has to deal with it: too large, more than one zstd frame, padded, damaged, or
 * much content.
 */
export function decompressWhole(
  kind: 'text' | 'gzip' | 'zstd',
  stored: Uint8Array,
  decoders: Decoders = {},
): Uint8Array | null {
  if (kind === 'text') return stored;
  if (stored.length === 0 || stored.length > WHOLE_BYTES_MAX) return null;
  if (kind === 'gzip' && decoders.whole !== null) {
    decoders.whole ??= openWhole();
    if (decoders.whole !== null) return gunzipWhole(stored, decoders.whole);
  }
  const options = { info: true, maxOutputLength: WHOLE_CONTENT_BYTES_MAX } as const;
  try {
    // With `info` the result is { buffer, engine }, which the type declarations do not know.
    const result: unknown =
      kind === 'gzip' ? zlib.gunzipSync(stored, options) : zlib.zstdDecompressSync(stored, options);
    const { buffer, engine } = result as { buffer: Uint8Array; engine: { bytesWritten: number } };
    return engine.bytesWritten === stored.length ? buffer : null;
  } catch {
    return null;
  }
}

function openWhole(): NonNullable<Decoders['whole']> | null {
  const inflater = openNative();
  return inflater === null ? null : { inflater, room: new Uint8Array(WHOLE_CONTENT_BYTES_MAX) };
}

/** Member after member. */
function gunzipWhole(
  stored: Uint8Array,
  { inflater, room }: NonNullable<Decoders['whole']>,
): Uint8Array | null {
  let at = 0;
  let bytes = 0;
  while (at < stored.length) {
    inflater.reset();
    const { consumed, produced, status } = inflater.step(stored.subarray(at), room.subarray(bytes));
    if (status !== 'member-end') return null;
    at += consumed;
    bytes += produced;
  }
  return room.subarray(0, bytes);
}
