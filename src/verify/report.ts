/**
 * Verify report: what `millrace verify --json` prints. Fields that are here keep their meaning (docs/CLI.md).
 */
import type { WireError } from '../errors.ts';

/** A record of the source that is not on the stream as it should be. */
export interface SourcePlace {
  readonly bucket: string;
  readonly key: string;
  /** Of the record's first byte in the (decompressed) object. */
  readonly offset: number;
  readonly length: number;
}

/** A record of the stream. */
export interface StreamPlace {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

export interface VerifyReport {
  readonly status: 'match' | 'differ' | 'failed';
  readonly error: WireError | null;
  readonly source: { readonly records: number; readonly bytes: number };
  readonly streamRecords: { readonly records: number; readonly bytes: number; readonly shards: number };
  /** Copies that the source has and the stream has not. */
  readonly missing: number;
  /** Copies beyond those of the source, of records that the source has. */
  readonly duplicated: number;
  /** Records that the source has not. */
  readonly foreign: number;
  /** Pairs of a missing and a foreign record with one coordinate key: the same line with other data. Counted in both, too. */
  readonly altered: number;
  /** Parts of KPL aggregates that the Kinesis Client Library drops, because a hash key belongs to another shard. They count nowhere else. */
  readonly outsideHashRange: number;
  readonly undecodable: number;
  readonly examples: {
    readonly missing: readonly SourcePlace[];
    readonly duplicated: readonly StreamPlace[];
    readonly foreign: readonly StreamPlace[];
    readonly altered: readonly (SourcePlace & StreamPlace)[];
  };
  /** Things that limit what the result says, one sentence each. */
  readonly warnings: readonly string[];
  readonly durationMs: number;
}
