/**
 * List: from SOURCEs to the objects of a run.
 * Takes  `s3://` URIs, `-` with lines of URIs, an inventory; filters.
 * Gives  SourceObject in the order of the SOURCEs and, within one, in S3's listing order or in none (`requestsMax`); what is left out is
 *        counted.
 * Owns   the listing-ahead, decoding of keys, and the rule for duplicates. How one prefix is listed is spread.ts's.
 * Never  downloads an object.
 *
 * Which objects a SOURCE names: `s3://bucket/text` is every object whose key starts with `text`; the object whose key is `text` is the first
 * of them. So one rule serves keys and prefixes.
 * Duplicates: an object is carried once, where its first SOURCE names it. A later prefix leaves out what an earlier one covers; a
 * URI on stdin is left out when an earlier prefix covers it or an earlier line was the same.
 */
import {
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { MillraceError } from '../errors.ts';
import { failureOf, S3Failure } from './failure.ts';
import { type ListFilter, type ListFilters, prepareFilter } from './filter.ts';
import { Heads } from './heads.ts';
import { asMalformed, MALFORMED_PAGE, pageOf } from './list-page.ts';
import type { SourceObject } from './object.ts';
import { aheadOf, mapAhead } from './prefetch.ts';
import { type Clock, RETRY_POLICY_DEFAULT, Retry, type RetryPolicy, retrying, systemClock } from './retry.ts';
import { type Page, type PageQuery, spreadPages } from './spread.ts';
import { formatS3Uri, parseS3Uri, type S3Location } from './uri.ts';

/** What the listing left out, and why. `listed` counts what it gave. */
export interface ListTally {
  /** Objects given to the run. */
  listed: number;
  listedBytes: number;
  /** Left out by include, exclude, startAfter or the times. */
  filtered: number;
  /** Empty objects whose key ends with `/`. */
  directoryMarkers: number;
  /** Other objects of no bytes. */
  empty: number;
  /** In a storage class that must be restored first. */
  archived: number;
  archivedBytes: number;
  duplicates: number;
}

export function newListTally(): ListTally {
  return {
    listed: 0,
    listedBytes: 0,
    filtered: 0,
    directoryMarkers: 0,
    empty: 0,
    archived: 0,
    archivedBytes: 0,
    duplicates: 0,
  };
}

export interface ListOptions {
  readonly filters?: ListFilters;
  readonly tally?: ListTally;
  /** Lines of the SOURCE `-`. */
  readonly stdin?: AsyncIterable<string>;
  /** Objects of a SOURCE that is neither, in the order of `sources`: see inventory.ts. */
  readonly inventory?: AsyncIterable<SourceObject>;
  /** Told of each object that must be restored before it can be read. It is not given to the run. */
  readonly onArchived?: (object: SourceObject) => void;
  /**
   * Told of each object that `-` names and that does not exist or may not be read; it has no ETag and no size. It is not given to the
   * run. Without it such an object ends the listing.
   */
  readonly onUnreadable?: (object: SourceObject, error: MillraceError) => void;
  readonly requesterPays?: boolean;
  readonly retry?: RetryPolicy;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** Pages of up to 1,000 keys listed ahead of their use, besides those of requests under way. Default 4. */
  readonly pagesAhead?: number;
  /** ListObjectsV2 requests at once. Default 1: objects come in listing order. With more they come in no order. */
  readonly requestsMax?: number;
  /** HeadObject calls at once for `-`. Default 32. */
  readonly headsAhead?: number;
}

/** Storage classes whose objects have to be restored before GetObject works. SDK-S. */
const ARCHIVED_CLASSES: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/** So many lines of `-` denied in a row, with no object ever found, are no matter of single objects. */
const DENIED_MAX = 16;

/** More lines of `-` than these are a case for an inventory: each of them costs a HeadObject call and a place in memory. */
const STDIN_LINES_MAX = 10_000_000;

/**
 * The objects of a run.
 * @param sources As parseS3Uri takes them, or `-`.
 * @throws {MillraceError} MILLRACE_SOURCE (exit 2): nothing there, access denied, no such bucket, a line that is no URI.
 * MILLRACE_SERVICE_AWAY (exit 3): S3 does not answer.
 */
export async function* listObjects(
  s3: S3Client,
  sources: readonly string[],
  options: ListOptions = {},
): AsyncGenerator<SourceObject> {
  const lister = new Lister(s3, options);
  for (const source of sources)
    yield* source === '-' ? lister.fromLines() : lister.fromPrefix(parseS3Uri(source));
  if (options.inventory !== undefined) yield* lister.fromInventory(options.inventory);
}

/**
 * Asks for one key of every SOURCE, so that a typing error ends a run before it has begun.
 * @throws {MillraceError} MILLRACE_SOURCE, for the first SOURCE that does not work.
 */
export async function probeSources(
  s3: S3Client,
  sources: readonly string[],
  options: ListOptions = {},
): Promise<void> {
  const retry = { ...(options.retry ?? RETRY_POLICY_DEFAULT), attemptsMax: 3 };
  const lister = new Lister(s3, { ...options, retry });
  for (const source of sources) {
    if (source === '-') continue;
    try {
      await lister.probe(parseS3Uri(source));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MILLRACE_SERVICE_AWAY') throw error;
      // There is somebody: another time the answer may be whole.
      if (error.cause instanceof S3Failure && error.cause.awsCode === MALFORMED_PAGE) throw error;
      // Nothing has been done yet: there is nothing to resume.
      throw new MillraceError('MILLRACE_SOURCE', error.message, { cause: error });
    }
  }
}

/** What a line of `-` names: an object, or a stand-in for one with the reason why it cannot be had. */
type Head =
  | { readonly object: SourceObject; readonly error: null }
  | { readonly object: SourceObject; readonly error: MillraceError; readonly isDenied: boolean };

class Lister {
  readonly #s3: S3Client;
  readonly #options: ListOptions;
  readonly #filter: ListFilter;
  readonly #tally: ListTally;
  /** Prefixes dealt with so far. */
  readonly #covered: S3Location[] = [];
  /** Objects that lines of `-` named. */
  readonly #named = new Set<string>();
  readonly #heads: Heads;

  constructor(s3: S3Client, options: ListOptions) {
    this.#s3 = s3;
    this.#options = options;
    this.#filter = prepareFilter(options.filters ?? {});
    this.#tally = options.tally ?? newListTally();
    const { requesterPays = false, retry = RETRY_POLICY_DEFAULT, clock = systemClock, signal } = options;
    this.#heads = new Heads(s3, { requesterPays, retry, clock, signal });
  }

  async probe(location: S3Location): Promise<void> {
    const query = { prefix: location.key, after: this.#afterIn(location) };
    try {
      const { page } = await this.#ask(location.bucket, query, { MaxKeys: 1 });
      if (page.objects.length === 0 && !this.#filter.startAfter) throw nothingAt(location);
    } catch (error) {
      await this.#headInstead(location, error);
    }
  }

  async *fromPrefix(location: S3Location): AsyncGenerator<SourceObject> {
    let count = 0;
    for await (const objects of aheadOf(this.#pages(location), this.#options.pagesAhead ?? 4)) {
      count += objects.length;
      for (const object of objects) if (this.#admits(object)) yield object;
    }
    if (count === 0 && !this.#filter.startAfter) throw nothingAt(location);
    this.#covered.push(location);
  }

  /** HeadObject for each line, side by side, given in the order of the lines. */
  async *fromLines(): AsyncGenerator<SourceObject> {
    const { stdin, headsAhead = 32 } = this.#options;
    if (stdin === undefined)
      throw new MillraceError('MILLRACE_SOURCE', 'Expected lines of S3 URIs for the source -');
    const locations = this.#locations(stdin);
    let found = 0;
    let denied = 0;
    for await (const head of mapAhead(locations, headsAhead, (location) => this.#findOrNot(location))) {
      if (head.error === null) {
        found++;
        if (this.#admits(head.object)) yield head.object;
        continue;
      }
      if (head.isDenied && found === 0 && ++denied >= DENIED_MAX) {
        const why = `${head.error.message}; so were all ${DENIED_MAX} objects tried before any was found`;
        throw new MillraceError('MILLRACE_SOURCE', why, { cause: head.error });
      }
      this.#tally.listed++;
      this.#options.onUnreadable!(head.object, head.error);
    }
  }

  /** An object that does not exist, or may not be read, is a matter of its own where somebody takes note of it. */
  async #findOrNot(location: S3Location): Promise<Head> {
    try {
      return { object: await this.#heads.find(location), error: null };
    } catch (error) {
      const isOfObject = error instanceof MillraceError && error.code === 'MILLRACE_OBJECT_UNREADABLE';
      if (!isOfObject || !this.#options.onUnreadable) throw asSourceError(error);
      const isDenied = error.cause instanceof S3Failure && error.cause.kind === 'denied';
      const { bucket, key } = location;
      const object = { bucket, key, etag: '', size: 0, lastModifiedMs: 0, storageClass: 'STANDARD' };
      return { object, error, isDenied };
    }
  }

  async *fromInventory(inventory: AsyncIterable<SourceObject>): AsyncGenerator<SourceObject> {
    for await (const object of inventory) if (this.#admits(object)) yield object;
  }

  /** Decides on one object, and counts. */
  #admits(object: SourceObject): boolean {
    const tally = this.#tally;
    if (this.#isCovered(object)) tally.duplicates++;
    else if (!this.#filter.admits(object)) tally.filtered++;
    else if (object.size === 0) {
      if (object.key.endsWith('/')) tally.directoryMarkers++;
      else tally.empty++;
    } else if (ARCHIVED_CLASSES.has(object.storageClass)) {
      tally.archived++;
      tally.archivedBytes += object.size;
      this.#options.onArchived?.(object);
    } else {
      tally.listed++;
      tally.listedBytes += object.size;
      return true;
    }
    return false;
  }

  #isCovered({ bucket, key }: S3Location): boolean {
    return this.#covered.some((prefix) => prefix.bucket === bucket && key.startsWith(prefix.key));
  }

  async *#locations(stdin: AsyncIterable<string>): AsyncGenerator<S3Location> {
    for await (const line of stdin) {
      const text = line.replace(/\r?\n?$/, '');
      if (text.trim() === '') continue;
      const location = parseS3Uri(text);
      if (location.key === '') {
        throw new MillraceError(
          'MILLRACE_SOURCE',
          `Expected the URI of an object on each line of -, but received ${text}`,
        );
      }
      const uri = formatS3Uri(location);
      if (this.#named.has(uri)) {
        this.#tally.duplicates++;
        continue;
      }
      if (this.#named.size >= STDIN_LINES_MAX) {
        throw new MillraceError(
          'MILLRACE_SOURCE',
          `Expected at most ${STDIN_LINES_MAX} lines on -; give an inventory instead`,
        );
      }
      this.#named.add(uri);
      if (this.#isCovered(location)) this.#tally.duplicates++;
      else if (!this.#filter.admitsKey(location.key)) this.#tally.filtered++;
      else yield location;
    }
  }

  async *#pages(location: S3Location): AsyncGenerator<SourceObject[]> {
    const isOrdered = !isDirectoryBucket(location);
    const spread = {
      ask: (query: PageQuery) => this.#page(location, query),
      bucket: location.bucket,
      prefix: location.key,
      after: this.#afterIn(location),
      requestsMax: isOrdered ? (this.#options.requestsMax ?? 1) : 1,
      isOrdered,
    };
    let isAnswered = false;
    try {
      for await (const objects of spreadPages(spread)) {
        isAnswered = true;
        const isNew = (object: SourceObject) => !this.#named.has(formatS3Uri(object));
        const kept = this.#named.size === 0 ? [...objects] : objects.filter(isNew);
        this.#tally.duplicates += objects.length - kept.length;
        if (objects.length > 0) yield kept;
      }
    } catch (error) {
      if (isAnswered) throw asSourceError(error);
      yield [await this.#headInstead(location, error)];
    }
  }

  /** Directory buckets do not know StartAfter: what comes from them is filtered here. */
  #afterIn(location: S3Location): string | undefined {
    return isDirectoryBucket(location) ? undefined : this.#filter.startAfter;
  }

  async #page({ bucket }: S3Location, query: PageQuery): Promise<Page> {
    const { page } = await this.#ask(bucket, query);
    if (!page.objects.some((object) => ARCHIVED_CLASSES.has(object.storageClass))) return page;
    const restored = await this.#restored(bucket, query);
    return {
      ...page,
      objects: page.objects.map((object) =>
        restored.has(object.key) ? { ...object, storageClass: 'RESTORED' } : object,
      ),
    };
  }

  /** An archived object that has been restored can be read. S3 says so on request only, so only pages with such objects are asked again. */
  async #restored(bucket: string, query: PageQuery): Promise<ReadonlySet<string>> {
    const more = { OptionalObjectAttributes: ['RestoreStatus' as const] };
    const { output, page } = await this.#ask(bucket, query, more);
    const restored = new Set<string>();
    for (const [i, { RestoreStatus: status }] of (output.Contents ?? []).entries()) {
      if (status?.IsRestoreInProgress || status?.RestoreExpiryDate === undefined) continue;
      restored.add(page.objects[i]!.key);
    }
    return restored;
  }

  #ask(
    bucket: string,
    query: PageQuery,
    more: Partial<ListObjectsV2CommandInput> = {},
  ): Promise<{ readonly output: ListObjectsV2CommandOutput; readonly page: Page }> {
    const { signal, requesterPays } = this.#options;
    const input: ListObjectsV2CommandInput = {
      Bucket: bucket,
      Prefix: query.prefix,
      EncodingType: 'url', // XML cannot carry every character of a key
      ...(query.token !== undefined && { ContinuationToken: query.token }),
      ...(query.token === undefined && query.after && { StartAfter: query.after }),
      ...(query.isFolder && { Delimiter: '/' }),
      ...(requesterPays && { RequestPayer: 'requester' }),
      ...more,
    };
    return this.#retrying(`list ${formatS3Uri({ bucket, key: query.prefix })}`, async () => {
      const command = new ListObjectsV2Command(input);
      const answer = this.#s3.send(command, signal === undefined ? {} : { abortSignal: signal });
      const output = await answer.catch((error: unknown) => {
        throw asMalformed(error);
      });
      return { output, page: pageOf(bucket, query, output) };
    });
  }

  /** Where listing is denied the SOURCE may be an object that can be read all the same. @throws What it was, if it cannot be that. */
  async #headInstead(location: S3Location, error: unknown): Promise<SourceObject> {
    const isDenied = error instanceof MillraceError && error.code === 'MILLRACE_OBJECT_UNREADABLE';
    const isObject = location.key !== '' && !location.key.endsWith('/');
    if (!isDenied || !isObject) throw asSourceError(error);
    return await this.#heads.find(location).catch((refused: unknown) => {
      throw asSourceError(refused);
    });
  }

  #retrying<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { retry = RETRY_POLICY_DEFAULT, clock = systemClock, signal } = this.#options;
    const policy = new Retry(retry, clock, what);
    return retrying(policy, work, failureOf, signal);
  }
}

/** Its keys are listed in no order. */
function isDirectoryBucket({ bucket }: S3Location): boolean {
  return bucket.endsWith('--x-s3');
}

function nothingAt(location: S3Location): MillraceError {
  return new MillraceError('MILLRACE_SOURCE', `Cannot find any object at ${formatS3Uri(location)}`);
}

/** While listing nothing is a matter of one object: what cannot be read there ends the run. */
function asSourceError(error: unknown): unknown {
  const isOfObject = error instanceof MillraceError && error.code.startsWith('MILLRACE_OBJECT_');
  return isOfObject ? new MillraceError('MILLRACE_SOURCE', error.message, { cause: error.cause }) : error;
}
