/**
 * Ranges: parts of objects, each as one piece of memory, for whoever reads an object by itself and not to carry it.
 * Takes  how objects are read. Gives  bytes [start, end) of exactly one version.
 * Owns   nothing: resumption and patience are download.ts's.
 */
import { type DownloadContext, type DownloadStats, download } from './download.ts';
import type { SourceObject } from './object.ts';
import { RETRY_POLICY_DEFAULT, systemClock } from './retry.ts';
import type { RangeReader } from './source.ts';
import { Witness } from './witness.ts';

const STALL_TIMEOUT_MS = 20_000;

/** @throws {MillraceError} OBJECT_CHANGED, OBJECT_UNREADABLE, SERVICE_AWAY or SOURCE. */
export type ReadRange = (
  object: SourceObject,
  start: number,
  end: number,
) => Promise<Uint8Array<ArrayBuffer>>;

export function rangesOf({
  reader,
  stats = { requests: 0, bytes: 0, retries: 0, throttles: 0 },
  signal,
}: {
  readonly reader: RangeReader;
  readonly stats?: DownloadStats;
  readonly signal: AbortSignal;
}): ReadRange {
  const context: DownloadContext = {
    ...{ reader, stats, signal, clock: systemClock, retry: RETRY_POLICY_DEFAULT },
    ...{ stallTimeoutMs: STALL_TIMEOUT_MS, witness: new Witness(reader, STALL_TIMEOUT_MS) },
    ...{ onThrottle: () => {}, onSuccess: () => {} },
  };
  return async (object, start, end) => {
    const bytes = new Uint8Array(end - start);
    let length = 0;
    await download(context, object, start, end, {
      done: false,
      room: async () => {},
      write: (chunk) => {
        bytes.set(chunk, length);
        length += chunk.length;
        return chunk.length;
      },
    });
    return bytes;
  };
}
