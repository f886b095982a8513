/**
 * Verify report: what `millrace verify --json` prints. Fields that are here keep their meaning (docs/CLI.md).
 */
import type { WireError } from '../base/errors.ts';
import type { ObjectPlace } from './sides.ts';

/** A record of the source that is not on the stream as it should be. */
export interface SourcePlace {
  readonly bucket: string;
  readonly key: string;
  /** Of the record's first byte in the (decompressed) object. */
  readonly offset: number;
  /** Which of its line's outputs it is, where it is not the first one. */
  readonly output?: number;
  readonly length: number;
}

/** A record of the stream. */
export interface StreamPlace {
  readonly shardId: string;
  readonly sequenceNumber: string;
}

/** What comparing the records gives. */
export interface ComparisonReport {
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
  /** Pairs of a missing and an unexpected record with the same positional key: the same line with other data. Counted in both, too. */
  readonly altered: number;
  /** Parts of KPL aggregates that consumers drop, because a hash key belongs to another shard. They count nowhere else. */
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

/** What `verify` prints. */
export interface VerifyReport extends Omit<ComparisonReport, 'status' | 'examples'> {
  readonly status: 'match' | 'match-with-rejects' | 'differ' | 'failed';
  /** Lines of the source. `counted` by their line ends alone; it is the sum of the others. */
  readonly lines: LineAccount;
  readonly deadLetters: DeadLetterAccount;
  /** Objects that could not be compared, or not to their ends, and those that filters have left out. */
  readonly objects: Readonly<Record<NamedKind, number>>;
  readonly examples: ComparisonReport['examples'] & {
    /** Rejected lines that have no dead letter, and objects that could not be read and have none. */
    readonly withoutLetter: readonly LetterlessPlace[];
  } & Readonly<Record<NamedKind, readonly ObjectPlace[]>>;
}

/** Objects that a report names. */
export type NamedKind = 'archived' | 'unreadable' | 'changed' | 'excluded';

/** Offset and length are null where it is about the object as a whole. */
export interface LetterlessPlace extends ObjectPlace {
  readonly offset: number | null;
  readonly length: number | null;
}

export interface LineAccount {
  readonly counted: number;
  readonly records: number;
  readonly blank: number;
  readonly rejected: number;
  /** Left out by a filter on lines. */
  readonly filtered: number;
  /** Records beyond the first of their line: stages made several of it. */
  readonly added: number;
}

export interface DeadLetterAccount {
  /** Null where none is known. */
  readonly file: string | null;
  /** Lines that were not delivered and have a dead letter: rejected ones, and records that the stream refused. */
  readonly held: number;
  /** Lines whose dead letters a redrive has delivered. */
  readonly redriven: number;
  /** Rejected lines without a dead letter. */
  readonly absent: number;
  /** Dead letters about lines that are on the stream, or not in what was compared. */
  readonly unclaimed: number;
}
