/**
 * Source: where objects come from. Everything else knows a source by this interface alone; src/source/s3/ is the only one so far.
 * Takes  SOURCEs as they were given on the command line.
 * Gives  objects in listing order; ranges of them; what a failure means.
 * Owns   the shapes of what crosses between a run and its source. An object has a bucket, a key and a version, which pins it.
 */
import type { AnswerBody } from '../aws/http-body.ts';
import type { MillraceError } from '../base/errors.ts';
import type { ObjectName } from '../base/object-uri.ts';
import type { Checksum } from './checksum.ts';
import type { ListFilters } from './filter.ts';
import type { ListTally } from './list-tally.ts';
import type { SourceObject } from './object.ts';
import type { SourceFailure } from './source-failure.ts';

export interface RangeAnswer {
  /** Bytes [start, end) of the object. */
  readonly body: AnswerBody;
  /** Of the whole object, where the source holds one and the whole object was asked for. */
  readonly checksum: Checksum | null;
}

/** Reads ranges of objects, over connections of its own. */
export interface RangeReader {
  /**
   * Asks once, for bytes [start, end) of exactly this version: repeating is the caller's (download.ts).
   * @throws {SourceFailure} Whatever went wrong before the body.
   */
  read(object: SourceObject, start: number, end: number, signal: AbortSignal): Promise<RangeAnswer>;
  /** The checksum of the whole object that the source holds, or null. Absent: nobody can be asked. @throws Whatever went wrong. */
  checksum?(object: SourceObject, signal: AbortSignal): Promise<Checksum | null>;
  /** What an error of a request, or of a body, means. @throws What is not a failure of the source: an abort, or a bug of ours. */
  classify(error: unknown): SourceFailure;
  /** Asks for fresh credentials, or sets the clock, as the failure demands. */
  renew(failure: SourceFailure): Promise<void>;
  /** Closes the connections. Downloads that are under way fail. */
  close(): void;
}

export interface ListRequest {
  /** URIs of prefixes and objects, or `-`: one URI a line on `stdin`. */
  readonly sources: readonly string[];
  readonly filters?: ListFilters;
  readonly tally?: ListTally;
  readonly stdin?: AsyncIterable<string>;
  /** URI of a list of objects that stands for the listing, or null; `sources` then choose among them. Default null. */
  readonly inventory?: string | null;
  /** Whether the inventory has named this object before. Default: never. */
  readonly isRepeated?: (object: SourceObject) => boolean;
  /** Told of each object that must be restored before it can be read. It is not given to the run. */
  readonly onArchived?: (object: SourceObject) => void;
  /** Told of each object that was found and left out by filters. */
  readonly onFiltered?: (object: ObjectName) => void;
  /**
   * Told of each object that `-` names and that does not exist or may not be read; it has no ETag and no size. It is not given to the
   * run. Without it such an object ends the listing.
   */
  readonly onUnreadable?: (object: SourceObject, error: MillraceError) => void;
  /** A source that names no object, and globs that take none of the objects, do not end the run. Default false. */
  readonly allowEmpty?: boolean;
  readonly signal?: AbortSignal;
  /** Requests for pages at once. Default 1: objects come in listing order. With more they come in no order. */
  readonly requestsMax?: number;
}

export interface ReaderHooks {
  /** Told once, when an answer does not name its version: then size and time tell versions apart. */
  readonly onUnversioned?: () => void;
}

export interface Source {
  /** Asks for one object of every SOURCE, so that a typing error ends a run before it has begun. @throws {MillraceError} */
  probe(request: Pick<ListRequest, 'sources' | 'allowEmpty' | 'signal'>): Promise<void>;
  /** @throws {MillraceError} Nothing there, access denied (exit 2); nobody answers (exit 3). */
  list(request: ListRequest): AsyncGenerator<SourceObject>;
  /** What the source says about one object. @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE: it is not there, or may not be read. */
  find(name: ObjectName, signal: AbortSignal): Promise<SourceObject>;
  openReader(hooks?: ReaderHooks): RangeReader;
  /** Closes what `probe`, `list` and `find` have opened. */
  close(): void;
}
