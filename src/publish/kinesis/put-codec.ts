/**
 * Put codec: the interface of the byte work on PutRecords requests. Two implementations with equal results: native and portable.
 * Takes  batches of frames (src/record/frame.ts); bodies of answers.
 * Gives  request bodies; verdicts on the records of an answer.
 * Never  does I/O, waits, reads a clock or retries.
 */
import type { Wire } from '../../aws/wire.ts';
import type { PutSummary } from '../sink.ts';

export interface PutVerdict extends PutSummary {
  /** For each MISROUTED record, in the order of the request, the shard that stored it. */
  readonly misroutedShardIds: readonly string[];
}

/** What `encodeAggregated` has written. */
export interface AggregatedRequest {
  readonly bytes: number;
  readonly entries: number;
  readonly frames: number;
  readonly framesBytes: number;
  readonly sliceRuns: number;
  /** Pairs that `sums` holds; the body is not finished before `sumAggregates`. */
  readonly sums: number;
}

export interface PutCodec {
  readonly kind: 'native' | 'portable';
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
   * @param sliceRuns Receives pairs: a slice, and how many of these frames in a row are of it.
   * @param sums Receives pairs, for each aggregate whose checksum is left out where it begins and how long it is. Empty: none is left out.
   * @returns Bytes and entries written, and how many frames went in: fewer than `count` when 500 entries or `requestBytesMax` are reached;
   * how many pairs `sliceRuns` holds, 0 where there are more than it has room for.
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
    sliceRuns: Uint32Array,
    sums: Uint32Array,
  ): AggregatedRequest;
  /** Writes the checksums that were left out of these bodies: those of two cost little more than those of one. */
  sumAggregates(bodies: readonly Uint8Array[], sums: readonly Uint32Array[]): void;
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
}
