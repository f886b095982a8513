/**
 * Setup: everything a publisher thread is told at its start, as plain data and shared memory.
 * Owns  the shapes of what crosses between main thread and publisher.
 */
import type { WireError } from '../base/errors.ts';
import type { OwnedRange, ShardRange } from '../record/hash-range.ts';
import type { RecordsLeft } from '../ring/ranges.ts';
import type { SinkAddress, SinkTraits } from './sink.ts';
import type { KeyWatch, SkewCounts } from './skew.ts';

/** How records are put; the same for every publisher of a run. */
export interface PublishRules {
  /** Requests in flight per publisher. */
  readonly inFlightMax: number;
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
  /** Largest aggregated record, or null: no aggregation. */
  readonly aggregateBytesMax: number | null;
  readonly order: 'none' | 'key';
  /** Share of each shard left to others, 0 to 0.99. */
  readonly headroom: number;
  /** This publisher's share of the run's rate, Infinity where there is no limit. */
  readonly recordsPerSecondMax: number;
  readonly bytesPerSecondMax: number;
  /** An open batch goes when it is this old, full or not. */
  readonly lingerMs: number;
  readonly requestTimeoutMs: number;
  /** Without one successful request for this time the service counts as unavailable for good. */
  readonly unavailableMs: number;
  /** A record that fails by itself this often is refused for good. */
  readonly recordFailuresMax: number;
}

export interface PublishSetup {
  readonly publisherIndex: number;
  /** For messages. */
  readonly streamName: string;
  readonly traits: SinkTraits;
  readonly rules: PublishRules;
  readonly ownedRange: OwnedRange;
  readonly shards: readonly ShardRange[];
  /** One lane per parser, read by this publisher alone. */
  readonly lanes: readonly SharedArrayBuffer[];
  readonly doorbells: SharedArrayBuffer;
  /** Int32Array of one cell: PHASE. */
  readonly control: SharedArrayBuffer;
  /** Where acknowledged records are counted, by slice (src/ring/slices.ts). */
  readonly slices: SharedArrayBuffer;
  /** 16 bytes: the key of the run's digest. */
  readonly digestKey: Uint8Array;
  readonly stats: SharedArrayBuffer;
  /** Of all threads, and which of them is this one's (src/ring/heartbeat.ts). */
  readonly heartbeats: SharedArrayBuffer;
  readonly heartIndex: number;
  /** Bytes for batches and bodies. */
  readonly bufferBytesMax: number;
  readonly scanner: 'native' | 'portable';
  /** Default `none`. */
  readonly keyWatch?: KeyWatch;
  readonly seed: number;
}

/** What a publisher's thread is told: also how to reach the sink, which a publisher leaves to others. */
export interface PublishTask<Address extends SinkAddress = SinkAddress> extends PublishSetup {
  readonly address: Address;
}

/** A record that the stream refused for good. */
export interface RefusedRecord {
  readonly slice: number;
  readonly objectOffset: number;
  readonly key: Uint8Array;
  readonly data: Uint8Array;
  /** Bytes of a stage, which may be anything. */
  readonly isRaw: boolean;
  readonly message: string;
}

/** Records of one slice that an orderly stop leaves to the next process. */
export interface LeftRecords extends RecordsLeft {
  readonly slice: number;
}

/** What a publisher posts to the main thread. */
export type PublishNotice =
  /** It cannot go on; it sends nothing more and waits for PHASE.LEAVE. */
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'refused'; readonly records: readonly RefusedRecord[] }
  | { readonly kind: 'reshard'; readonly shardCount: number }
  | { readonly kind: 'refresh-failed'; readonly reason: string }
  | { readonly kind: 'breaker'; readonly reason: string };

/** How a publisher ended. */
export interface PublishReceipt {
  readonly left: readonly LeftRecords[];
  /** Of these, how many may be on the stream all the same: their requests got no answer. */
  readonly unknownCount: number;
  readonly skew: SkewCounts;
}
