/**
 * Stats: what one publisher has done so far, in shared memory, so that progress needs no messages.
 * Owns  the columns. One publisher writes a row, the main thread reads it: its numbers may be a moment apart.
 */
export const STAT = {
  RECORDS: 0,
  /** Data plus key bytes of acknowledged records. */
  BYTES: 1,
  REQUESTS: 2,
  /** Requests that carried records again, for whatever reason. */
  REQUESTS_RETRIED: 3,
  /** Records refused because their shard was full, counted each time. */
  THROTTLED: 4,
  /** Records that failed by themselves, counted each time. */
  FAILED: 5,
  /** Records in requests that ended without an answer and were sent again: the upper bound of duplicates. */
  AMBIGUOUS: 6,
  /** Records sent again because their aggregate reached beyond the range of the shard that has it. */
  RESENT: 7,
  /** Requests that failed as a whole. */
  REQUESTS_FAILED: 8,
  BREAKER_OPENED: 9,
  RESHARDS: 10,
  IN_FLIGHT: 11,
  /** Bytes of frames and bodies that are out of the buffer pool. */
  BUFFER_BYTES: 12,
  /** Shards with a batch that is ready, and that pace, backoff or --rate held back when the publisher last looked. */
  HELD_SHARDS: 13,
  /** Of these, how many the run's own --rate held back the longest. */
  RATE_HELD_SHARDS: 14,
  /** Requests that the service answered record by record. */
  ANSWERED: 15,
  COLUMNS: 16,
} as const;

/** One row a publisher. */
export function createStats(publisherCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(publisherCount * STAT.COLUMNS * Float64Array.BYTES_PER_ELEMENT);
}

/** The row of one publisher. */
export function statsRow(stats: SharedArrayBuffer, publisherIndex: number): Float64Array {
  return new Float64Array(
    stats,
    publisherIndex * STAT.COLUMNS * Float64Array.BYTES_PER_ELEMENT,
    STAT.COLUMNS,
  );
}

/** Sum of one column over all publishers. */
export function sumStat(stats: SharedArrayBuffer, column: number): number {
  let sum = 0;
  const all = new Float64Array(stats);
  for (let i = column; i < all.length; i += STAT.COLUMNS) sum += all[i]!;
  return sum;
}
