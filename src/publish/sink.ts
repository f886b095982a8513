/**
 * Sink: where records go. A publisher knows it by this interface alone.
 * Takes  batches of one shard: frames, or entries in its own form where it has one. A shard is a part of the sink that takes a range of 128-bit hash keys.
 * Gives  a verdict for every frame of a request that was answered; what the failure of any other one means.
 * Owns   the shapes of what crosses between a publisher and its sink. A sink has two faces, because a run has two kinds of threads:
 *        the main thread asks what it is like (SinkProbe), publishers put records (Sink).
 */
import type { StreamBirth } from '../aws/stream-birth.ts';
import type { Wire } from '../aws/wire.ts';
import type { MillraceError } from '../base/errors.ts';
import type { OwnedShard, ShardRange } from '../record/hash-range.ts';
import type { Batch } from './batch.ts';
import type { EntryForm } from './entries.ts';

/** Records and bytes (data plus partition keys) in a second. */
export interface Rate {
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** What a sink takes, told to every thread at the start as plain data. */
export interface SinkTraits {
  /** `shardRate` is the least that a shard takes, and what it takes beyond that has to be learned; else it is all that it takes. */
  readonly isOnDemand: boolean;
  /** It ignores partition and hash keys, so no shard can be predicted. */
  readonly isAutoDistributed: boolean;
  /** Data plus partition key of one record. */
  readonly recordBytesMax: number;
  /** Unicode characters of a partition key. */
  readonly keyCharsMax: number;
  /** Records in one request. */
  readonly requestRecordsMax: number;
  /** Data plus partition keys of one request. */
  readonly requestBytesMax: number;
  readonly shardRate: Rate;
}

/** What is known of a sink before the first record is put. */
export interface SinkFacts {
  readonly name: string;
  /** Name or ARN, as it was given: requests name the stream so, because not every endpoint knows ARNs. */
  readonly id: string;
  /** What journals know it by. */
  readonly arn: string;
  readonly birth: StreamBirth;
  readonly retentionHours: number;
  readonly traits: SinkTraits;
}

/** How publisher threads reach a sink: plain data that only its own thread entry understands, and how it encodes requests. */
export interface SinkAddress {
  readonly wire: Wire;
}

export interface WireWish {
  readonly wire: Wire;
  readonly isAsked: boolean;
}

/** A sink as the main thread sees it. */
export interface SinkProbe {
  /** @throws {MillraceError} When it cannot be written to. */
  probe(signal?: AbortSignal): Promise<SinkFacts>;
  /** The shards as they are now, sorted. @throws {MillraceError} @throws {Error} While they are between two states. */
  partitions(signal?: AbortSignal): Promise<ShardRange[]>;
  /**
   * @param wish How requests should be encoded, and whether the service may be asked if it understands that.
   * @param notices Receives what the user should know. @throws {MillraceError}
   */
  address(facts: SinkFacts, wish: WireWish, notices: string[]): Promise<SinkAddress>;
  /**
   * Asks whether it is still the one that records were put to.
   * @param advice What to do where it is another one. @throws {MillraceError} It is another one. @throws {Error} It could not be found out.
   */
  confirm(
    facts: Pick<SinkFacts, 'name' | 'id' | 'birth'>,
    advice: string,
    signal?: AbortSignal,
  ): Promise<void>;
  close(): void;
}

/** A sink as a publisher sees it. */
export interface Sink {
  /** How the entries of its requests look, where it takes batches of them, too. Default null: frames alone. */
  readonly entryForm?: EntryForm | null;
  /** How many batches `prepare` wants at once. Default 0: it prepares none. */
  readonly preparedAtOnce?: number;
  /**
   * Does at once for many batches that wait what `put` would do for each alone, and says so in each (`Batch.prepared`); or leaves them as
   * they are, where that would save nothing.
   */
  prepare?(batches: readonly Batch[]): void;
  /**
   * Sends a batch, or as much of it as one request takes.
   * @throws {unknown} When the request as a whole failed: `classify` says what that means.
   */
  put(batch: Batch, shard: OwnedShard): Promise<PutAnswer>;
  /** What a failed request means for its records; null for an error that is not a request's. */
  classify(error: unknown): RequestFailure | null;
  /** The shards as they are now, sorted. @throws While they are between two states. */
  partitions(): Promise<ShardRange[]>;
  close(): void;
}

/** What became of each record of a request, one byte each. */
export const VERDICT = {
  STORED: 0,
  /** Its shard, or what stands before it, is full: it will be taken later. */
  THROTTLED: 1,
  /** Not stored, for any other reason. */
  FAILED: 2,
  /** Stored in another shard than expected. */
  MISROUTED: 3,
} as const;

/** The records of an answer as a whole. */
export interface PutSummary {
  /** Records per verdict, indexed by VERDICT. Combined ones count as one. */
  readonly counts: readonly [number, number, number, number];
  /** Error code and message of the first FAILED record, as the service gives them, or null. */
  readonly failedCode: string | null;
  readonly failedMessage: string | null;
}

export interface PutAnswer {
  readonly verdict: PutSummary;
  /** One VERDICT byte per frame that was sent. */
  readonly frameVerdicts: Uint8Array;
  /** Frames that were sent, from the first of the batch on: with aggregation a request may be full before the batch is empty. */
  readonly frames: number;
  /** Of a batch of frames. */
  readonly framesBytes: number;
  /** Pairs of a slice and how many frames in a row are of it, of all that were sent. Default null: whoever has to know walks over them. */
  readonly sliceRuns?: Uint32Array | null;
  /** Aggregated records that another shard than the expected one stored. */
  readonly misrouted: readonly MisroutedAggregate[];
}

/** An aggregated record in another shard than expected: neighbouring frames of a request that was answered. */
export interface MisroutedAggregate {
  readonly firstFrame: number;
  readonly frames: number;
  readonly shardId: string;
}

/** What a failed request means for its records. */
export type RequestFailure =
  /** Send it again, for ever. */
  | { readonly kind: 'throttled' }
  /** Send it again, for as long as a service may be unavailable. `isAmbiguous`: its records may be stored all the same. */
  | { readonly kind: 'failed'; readonly isAmbiguous: boolean; readonly reason: string }
  /** The same where anything was ever taken; `error` ends the run at once where nothing was, or when it was the answer for that long. */
  | {
      readonly kind: 'denied';
      readonly error: MillraceError;
      readonly reason: string;
      /** Why its records are refused where others are taken meanwhile; null where the answer named who is denied what: then it is not the records. */
      readonly refusalReason: string | null;
    }
  /** Send it in parts. `error` ends the run where single records are not to blame. */
  | {
      readonly kind: 'refused';
      readonly reason: string;
      /** Not because of what it holds, but of how much. */
      readonly isTooLarge: boolean;
      readonly error: MillraceError;
    };
