/**
 * Codec: the interface of a publisher's byte work on frames. Two implementations with equal results: native and portable.
 * Takes  frames (src/record/frame.ts) in lanes and batches.
 * Gives  batches sorted by shard; counts of what was acknowledged; the frames that go again.
 * Never  does I/O, waits, reads a clock or retries. What goes over the wire is its sink's: see sink.ts.
 *
 * A batch is a run of RECORD frames, one behind the other, in one buffer: retrying, re-routing, dead-lettering and aggregating all work on
 * that one form. Where a sink asks for it, records go from the lane into entries of its requests at once, and become frames again only
 * where one of those has to be done (entries.ts).
 */

import type { SliceCounters } from '../ring/slices.ts';
import type { EntryForm } from './entries.ts';

/** u32 columns of one row of `ShardTable.rows`. */
export const SHARD_ROW = {
  /** Bytes of frames or entries in the open batch, with what stands in front of these. */
  USED_BYTES: 0,
  /** Records in the open batch. */
  COUNT: 1,
  /** Data plus key bytes in the open batch, as the service counts them. */
  PAYLOAD_BYTES: 2,
  /** Size of the open batch's buffer; 0 where there is none. */
  CAPACITY_BYTES: 3,
  /** Records that the batch may hold. */
  COUNT_MAX: 4,
  /** Data plus key bytes that the batch may hold. A record that is alone in its batch may exceed it. */
  PAYLOAD_BYTES_MAX: 5,
  /** BATCH_FORM of the open batch. */
  FORM: 6,
  COLUMNS: 8,
} as const;

/** The open batches of one publisher, one per shard, in the order of their hash ranges. */
export interface ShardTable {
  /** Two u64 (high, low) per shard: shard i takes hash keys from starts[i] up to, not including, starts[i + 1]. The first is
   * the publisher's own first hash key or lower. */
  readonly starts: BigUint64Array;
  /** SHARD_ROW.COLUMNS u32 per shard. */
  readonly rows: Uint32Array;
  /** The open batch of each shard, or null. */
  readonly buffers: (Uint8Array | null)[];
  /** How entries look; null where no batch holds any. */
  readonly form?: EntryForm | null;
}

export interface DrainResult {
  /**
   * `empty`: the lane has no more frames now.
   * `shard-full`: the next frame is for `shardIndex`, whose open batch is full or absent; it needs `needBytes` beyond what is used.
   * `begin`, `end`: a BEGIN or END frame was consumed; `sequence` is its task's.
   */
  readonly status: 'empty' | 'shard-full' | 'begin' | 'end';
  readonly shardIndex: number;
  readonly needBytes: number;
  readonly sequence: number;
  /** Records moved by this call. */
  readonly records: number;
}

export interface Codec {
  readonly kind: 'native' | 'portable';
  /** Moves frames out of a lane into open batches until a status says stop. TAIL is stored before it returns; notifying is the caller's. */
  drain(lane: SharedArrayBuffer, table: ShardTable): DrainResult;
  /**
   * Counts each frame whose verdict byte is `verdict` in its slice, and sets the bits of the slices that this settles (src/ring/slices.ts).
   * @param frameVerdicts One byte a frame.
   * @returns How many slices it settles.
   */
  acknowledge(
    frames: Uint8Array,
    count: number,
    frameVerdicts: Uint8Array,
    verdict: number,
    counters: Pick<SliceCounters, 'acknowledged' | 'settled'>,
  ): number;
  /** The same for all records of a batch of entries, in its buffer. */
  acknowledgeEntries(
    buffer: Uint8Array,
    count: number,
    counters: Pick<SliceCounters, 'acknowledged' | 'settled'>,
  ): number;
  /** Copies the frames whose verdict byte is `verdict` to `out`, which may be the frames' own buffer. @returns Bytes, records and payload bytes copied. */
  select(
    frames: Uint8Array,
    count: number,
    frameVerdicts: Uint8Array,
    verdict: number,
    out: Uint8Array,
  ): { bytes: number; count: number; payloadBytes: number };
}
