/**
 * Buckets: where two multisets differ, found with a fixed amount of memory.
 * Takes  the bucket tables of two digesters with the same key (src/digest/digest.ts).
 * Gives  the buckets that are not equal, cut into rounds that fit into memory.
 * Owns   nothing. Pure.
 */
import { BUCKET_BYTES } from './digest-portable.ts';

/** 2^16 buckets: 1.5 MiB a table, which stays in a core's cache. */
export const BUCKET_BITS = 16;

/** A set of buckets, and what the first pass counted in them. */
export interface BucketRound {
  /** One bit a bucket. */
  readonly bitmap: Uint8Array;
  readonly bucketCount: number;
  readonly sourceRecords: number;
  readonly streamRecords: number;
}

/** Adds table `part` to table `sum`: the buckets of two disjoint parts of one multiset. */
export function addBuckets(sum: Uint8Array, part: Uint8Array): void {
  const to = new BigUint64Array(sum.buffer, sum.byteOffset, sum.byteLength / 8);
  const from = new BigUint64Array(part.buffer, part.byteOffset, part.byteLength / 8);
  for (let i = 0; i < to.length; i++) to[i]! += from[i]!;
}

export function hasBucket(bitmap: Uint8Array, bucket: number): boolean {
  return (bitmap[bucket >> 3]! & (1 << (bucket & 7))) !== 0;
}

/**
 * The unequal buckets, in order, in as few rounds as hold at most `recordsMax` source records each. A single bucket with more
 * is a round of its own.
 */
export function unequalRounds(source: Uint8Array, stream: Uint8Array, recordsMax: number): BucketRound[] {
  const one = new BigUint64Array(source.buffer, source.byteOffset, source.byteLength / 8);
  const other = new BigUint64Array(stream.buffer, stream.byteOffset, stream.byteLength / 8);
  const rounds: BucketRound[] = [];
  const bucketCount = source.byteLength / BUCKET_BYTES;
  let open = emptyRound(bucketCount);
  for (let bucket = 0; bucket < bucketCount; bucket++) {
    const at = (bucket * BUCKET_BYTES) / 8;
    const isEqual = one[at] === other[at] && one[at + 1] === other[at + 1] && one[at + 2] === other[at + 2];
    if (isEqual) continue;
    const records = Number(one[at]!);
    if (open.bucketCount > 0 && open.sourceRecords + records > recordsMax) {
      rounds.push(open);
      open = emptyRound(bucketCount);
    }
    open.bitmap[bucket >> 3]! |= 1 << (bucket & 7);
    open.bucketCount += 1;
    open.sourceRecords += records;
    open.streamRecords += Number(other[at]!);
  }
  if (open.bucketCount > 0) rounds.push(open);
  return rounds;
}

function emptyRound(bucketCount: number) {
  return {
    bitmap: new Uint8Array(Math.ceil(bucketCount / 8)),
    bucketCount: 0,
    sourceRecords: 0,
    streamRecords: 0,
  };
}
