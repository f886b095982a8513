/**
 * Answer: what GetRecords answered, as RECORD frames (src/record/frame.ts) and without a JavaScript object per record.
 * Takes  the body of an answer in CBOR or JSON.
 * Gives  runs of frames, KPL aggregates taken apart; sequence number and arrival time of every record of the answer.
 * Owns   the interface; two readers implement it with equal results, answer-native.ts and answer-portable.ts.
 * Never  drops a record: what starts like an aggregate but is not one is passed on as it is, and marked as such.
 *
 * In a frame `slice` is the record's ordinal in the answer and `lineOffset` the number of the sub-record in its aggregate.
 */
import type { CborValue } from '../aws/cbor.ts';

/** What else the answer says. */
export interface AnswerOutline {
  readonly recordCount: number;
  /** Null: the shard is closed and read to its end. */
  readonly nextIterator: string | null;
  readonly millisBehindLatest: number | null;
  readonly childShards: readonly ChildShard[];
}

export interface ChildShard {
  readonly shardId: string;
  readonly parentIds: readonly string[];
  readonly startingHashKey: string;
  readonly endingHashKey: string;
}

/** What a record of the answer turned out to be, if not a number of sub-records (0: it is not an aggregate). */
export const PARTS = { BAD_CHECKSUM: -1, MALFORMED: -2 } as const;

/** Hash keys that a shard takes, both inclusive. Four u64: first (high, low), last (high, low). */
export type HashRange = BigUint64Array;

export interface Answer {
  /**
   * Starts on an answer. @param range Sub-records get their hash keys, and those of an aggregate that reaches beyond the range are
   * counted and flagged DROPPED, all of them, as the Kinesis Client Library drops them; null: neither.
   */
  open(body: Uint8Array, range: HashRange | null): AnswerOutline;
  /** The next run of frames, or null at the end. @throws {Error} When the answer is malformed. */
  next(): Uint8Array | null;
  /** Sub-records seen so far of aggregates with at least one hash key that is not the shard's. */
  readonly outsideCount: number;
  /** @param ordinal 0-based, of a record that next() has passed. */
  sequenceNumber(ordinal: number): string;
  /** Milliseconds since the epoch, as the service gives them; 0 where it gives none. */
  arrivalMs(ordinal: number): number;
  /** Sub-records of the record; 0 when it is not an aggregate; or PARTS. */
  parts(ordinal: number): number;
}

/** The members beside the records, from values. */
export function outlineOf(members: {
  recordCount: number;
  nextIterator: CborValue | undefined;
  millis: CborValue | undefined;
  childShards: CborValue | undefined;
}): AnswerOutline {
  const { recordCount, nextIterator, millis, childShards } = members;
  return {
    recordCount,
    nextIterator: typeof nextIterator === 'string' ? nextIterator : null,
    millisBehindLatest: typeof millis === 'number' ? millis : null,
    childShards: Array.isArray(childShards) ? childShards.map(childOf) : [],
  };
}

function childOf(value: CborValue): ChildShard {
  const child = value as { ShardId: string; ParentShards?: string[]; HashKeyRange: Record<string, string> };
  return {
    shardId: child.ShardId,
    parentIds: child.ParentShards ?? [],
    startingHashKey: child.HashKeyRange.StartingHashKey ?? '0',
    endingHashKey: child.HashKeyRange.EndingHashKey ?? '0',
  };
}
