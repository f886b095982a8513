/**
 * Codec: the interface of the byte work of a publisher. Two implementations with equal results: native and portable.
 * Takes  frames (src/record/frame.ts) in lanes and batches.
 * Gives  batches of frames sorted by shard; request bodies; verdicts on the records of a response.
 * Never  does I/O, waits, reads a clock or retries.
 *
 * A batch is a run of RECORD frames, one behind the other, in one buffer: records stay frames until they are acknowledged, so
 * that retrying, re-routing, dead-lettering and aggregating all work on one form.
 */
import type { SliceCounters } from '../ring/slices.ts';

/** u32 columns of one row of `ShardTable.rows`. */
export const SHARD_ROW = {
  /** Bytes of frames in the open batch. */
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
}

export interface DrainResult {
  /**
   * `empty`: the lane has no more frames now.
   * `shard-full`: the next frame is for `shardIndex`, whose open batch is full or absent; it needs `frameBytes`.
   * `begin`, `end`: a BEGIN or END frame was consumed; `sequence` is its task's.
   */
  readonly status: 'empty' | 'shard-full' | 'begin' | 'end';
  readonly shardIndex: number;
  readonly frameBytes: number;
  readonly sequence: number;
  /** Records moved by this call. */
  readonly records: number;
}

export type Wire = 'cbor' | 'json';

/** What became of each record of a request, one byte each in `verdicts`. */
export const VERDICT = {
  STORED: 0,
  /** ProvisionedThroughputExceededException, or a KMS throttle. */
  THROTTLED: 1,
  /** InternalFailure and every code that this engine does not know. */
  FAILED: 2,
  /** Stored in another shard than expected. */
  MISROUTED: 3,
} as const;

export interface PutVerdict {
  /** Records per verdict, indexed by VERDICT. */
  readonly counts: readonly [number, number, number, number];
  /** For each STRAY record, in the order of the request, the shard that stored it. */
  readonly misroutedShardIds: readonly string[];
  /** Error code and message (with digits of account and stream as the service gives them) of the first FAILED record, or null. */
  readonly failedCode: string | null;
  readonly failedMessage: string | null;
}

export interface Codec {
  readonly kind: 'native' | 'portable';
  /** Moves frames out of a lane into open batches until a status says stop. TAIL is stored before it returns; notifying is the caller's. */
  drain(lane: SharedArrayBuffer, table: ShardTable): DrainResult;
  /** Upper bound of the body that `encode` makes of these frames. */
  encodedBytesMax(frames: Uint8Array, count: number, wire: Wire): number;
  /**
   * Writes the body of a PutRecords request, one entry per frame. Frames with FRAME_FLAG.EXPLICIT_HASH_KEY carry ExplicitHashKey.
   * @param frames Exactly `count` RECORD frames.
   * @param stream Name or ARN.
   * @param out At least `encodedBytesMax` bytes.
   * @returns Bytes written.
   */
  encode(frames: Uint8Array, count: number, wire: Wire, stream: string, out: Uint8Array): number;
  /**
   * The same with KPL aggregation: consecutive frames are combined into aggregated records of at most `aggregateBytesMax` bytes
   * (data plus key of the aggregated record), each sent with partition key "a" and `explicitHashKey`. A record that is alone in
   * its aggregate is sent raw, as `encode` would.
   * @param entryCounts Receives how many frames each entry of the request holds.
   * @returns Bytes and entries written, and how many frames went in: fewer than `count` when 500 entries or `requestBytesMax` are reached.
   */
  encodeAggregated(
    frames: Uint8Array,
    count: number,
    wire: Wire,
    stream: string,
    explicitHashKey: string,
    aggregateBytesMax: number,
    requestBytesMax: number,
    out: Uint8Array,
    entryCounts: Uint32Array,
  ): { bytes: number; entries: number; frames: number; framesBytes: number };
  /**
   * Reads the answer to a PutRecords request.
   * @param expectedShardId Where the records should have gone, or null where that cannot be known.
   * @param verdicts One byte per entry of the request.
   * @throws {Error} When the body is not a PutRecords answer for `entries` entries.
   */
  readPutResult(
    body: Uint8Array,
    wire: Wire,
    entries: number,
    expectedShardId: string | null,
    verdicts: Uint8Array,
  ): PutVerdict;
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
  /** Copies the frames whose verdict byte is `verdict` to `out`, which may be the frames' own buffer. @returns Bytes, records and payload bytes copied. */
  select(
    frames: Uint8Array,
    count: number,
    frameVerdicts: Uint8Array,
    verdict: number,
    out: Uint8Array,
  ): { bytes: number; count: number; payloadBytes: number };
}
