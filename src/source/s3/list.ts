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

import { MillraceError } from '../../base/errors.ts';
import { type ListFilter, prepareFilter } from '../filter.ts';
import { type ListTally, newListTally } from '../list-tally.ts';
import { isArchived, type SourceObject } from '../object.ts';
import { aheadOf, mapAhead } from '../prefetch.ts';
import { RETRY_POLICY_DEFAULT, type RetryPolicy } from '../retry.ts';
import type { ListRequest } from '../source.ts';
import { SourceFailure } from '../source-failure.ts';
import type { S3Calls } from './calls.ts';
import { Heads } from './heads.ts';
import { MALFORMED_PAGE } from './list-page.ts';
import { Pages } from './pages.ts';
import { type PageQuery, spreadPages } from './spread.ts';
import { formatS3Uri, parseS3Uri, type S3Location } from './uri.ts';

export interface ListOptions extends Omit<ListRequest, 'sources' | 'inventory'> {
  /** Objects in place of a listing: see inventory.ts. SOURCEs choose among them. */
  readonly inventory?: AsyncIterable<SourceObject>;
  readonly retry?: RetryPolicy;
  /** Pages of up to 1,000 keys listed ahead of their use, besides those of requests under way. Default 4. */
  readonly pagesAhead?: number;
  /** HeadObject calls at once for `-`. Default 32. */
  readonly headsAhead?: number;
}

/** With this many lines of `-` denied in a row and no object ever found, single objects are not to blame. */
const DENIED_MAX = 16;

/** More lines of `-` than these are a case for an inventory: each of them costs a HeadObject call and a place in memory. */
const STDIN_LINES_MAX = 10_000_000;

/**
 * The objects of a run.
 * @param sources As parseS3Uri takes them, or `-`.
 * @throws {MillraceError} MILLRACE_SOURCE (exit 2): nothing there, access denied, no such bucket, a line that is not a URI.
 * MILLRACE_SERVICE_AWAY (exit 3): S3 does not answer.
 */
export async function* listObjects(
  calls: S3Calls,
  sources: readonly string[],
  options: ListOptions = {},
): AsyncGenerator<SourceObject> {
  const lister = new Lister(calls, options);
  const { inventory } = options;
  for (const source of sources) {
    if (source === '-') yield* lister.fromLines();
    else if (inventory === undefined) yield* lister.fromPrefix(parseS3Uri(source));
  }
  const prefixes = sources.filter((source) => source !== '-').map(parseS3Uri);
  if (inventory !== undefined) yield* lister.fromInventory(inventory, prefixes);
  lister.end();
}

/**
 * Asks for one key of every SOURCE, so that a typing error ends a run before it has begun.
 * @throws {MillraceError} MILLRACE_SOURCE, for the first SOURCE that does not work.
 */
export async function probeSources(
  calls: S3Calls,
  sources: readonly string[],
  options: ListOptions = {},
): Promise<void> {
  const retry = { ...(options.retry ?? RETRY_POLICY_DEFAULT), attemptsMax: 3 };
  const lister = new Lister(calls, { ...options, retry });
  for (const source of sources) {
    if (source === '-') continue;
    try {
      await lister.probe(parseS3Uri(source));
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MILLRACE_SERVICE_AWAY') throw error;
      // Something answers: another time the answer may be whole.
      if (error.cause instanceof SourceFailure && error.cause.serviceCode === MALFORMED_PAGE) throw error;
      // Nothing has been done yet: there is nothing to resume.
      throw new MillraceError('MILLRACE_SOURCE', error.message, { cause: error });
    }
  }
}

/** What a line of `-` names: an object, or a stand-in for one with the reason why it is not available. */
type Head =
  | { readonly object: SourceObject; readonly error: null }
  | { readonly object: SourceObject; readonly error: MillraceError; readonly isDenied: boolean };

class Lister {
  readonly #options: ListOptions;
  readonly #filter: ListFilter;
  readonly #tally: ListTally;
  /** Prefixes dealt with so far. */
  readonly #covered: S3Location[] = [];
  /** Objects that lines of `-` named. */
  readonly #named = new Set<string>();
  readonly #heads: Heads;
  readonly #pages: Pages;
  /** Finding nothing is not a failure: it is allowed, or everything may lie before `startAfter`. */
  readonly #mayBeEmpty: boolean;
  /** Keys looked at, and whether the globs took one of them. */
  #seen = 0;
  #isAnyTaken = false;
  #isAnyRow = false;

  constructor(calls: S3Calls, options: ListOptions) {
    this.#options = options;
    this.#filter = prepareFilter(options.filters ?? {});
    this.#tally = options.tally ?? newListTally();
    this.#mayBeEmpty = options.allowEmpty === true || this.#filter.startAfter !== undefined;
    const { retry = RETRY_POLICY_DEFAULT, signal } = options;
    this.#heads = new Heads(calls, { retry, signal });
    this.#pages = new Pages(calls, { retry, signal });
  }

  async probe(location: S3Location): Promise<void> {
    const query = { prefix: location.key, after: this.#afterIn(location) };
    try {
      const { page } = await this.#pages.ask(location.bucket, query, { MaxKeys: 1 });
      if (page.objects.length === 0 && !this.#mayBeEmpty) throw nothingAt(location);
    } catch (error) {
      await this.#headInstead(location, error);
    }
  }

  async *fromPrefix(location: S3Location): AsyncGenerator<SourceObject> {
    let count = 0;
    for await (const objects of aheadOf(this.#objectsAt(location), this.#options.pagesAhead ?? 4)) {
      count += objects.length;
      for (const { key } of objects) this.#look(key);
      for (const object of objects) if (this.#admits(object)) yield object;
    }
    if (count === 0 && !this.#mayBeEmpty) throw nothingAt(location);
    this.#covered.push(location);
  }

  /** HeadObject for each line, side by side, given in the order of the lines. */
  async *fromLines(): AsyncGenerator<SourceObject> {
    const { stdin, headsAhead = 32 } = this.#options;
    if (stdin === undefined)
      throw new MillraceError('MILLRACE_SOURCE', 'Expected lines of S3 URIs for the source -');
    const locations = this.#locations(stdin);
    const before = this.#seen;
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
    if (this.#seen === before && !this.#mayBeEmpty)
      throw nothing('Expected lines of S3 URIs on -, but received none');
  }

  /** An object that does not exist, or may not be read, is reported on its own where somebody listens for that. */
  async #findOrNot(location: S3Location): Promise<Head> {
    try {
      return { object: await this.#heads.find(location), error: null };
    } catch (error) {
      const isOfObject = error instanceof MillraceError && error.code === 'MILLRACE_OBJECT_UNREADABLE';
      if (!isOfObject || !this.#options.onUnreadable) throw asSourceError(error);
      const isDenied = error.cause instanceof SourceFailure && error.cause.kind === 'denied';
      const { bucket, key } = location;
      const object = { bucket, key, etag: '', size: 0, lastModifiedMs: 0, storageClass: 'STANDARD' };
      return { object, error, isDenied };
    }
  }

  /** @param prefixes Which of its objects; empty: all. */
  async *fromInventory(
    inventory: AsyncIterable<SourceObject>,
    prefixes: readonly S3Location[],
  ): AsyncGenerator<SourceObject> {
    const found = new Set<S3Location>();
    const rows = this.#rows(inventory, prefixes, found);
    const { headsAhead = 32 } = this.#options;
    for await (const object of mapAhead(rows, headsAhead, (row) => this.#thawed(row)))
      if (this.#admits(object)) yield object;
    if (this.#mayBeEmpty) return;
    const missing = prefixes.find((prefix) => !found.has(prefix));
    if (missing !== undefined)
      throw nothing(`Cannot find any object at ${formatS3Uri(missing)} in the inventory`);
    if (!this.#isAnyRow) throw nothing('Cannot find any object: the inventory lists none');
  }

  /** All SOURCEs have been read. @throws {MillraceError} When the globs took none of their objects. */
  end(): void {
    if (this.#mayBeEmpty || this.#seen === 0 || this.#isAnyTaken) return;
    const { include = [] } = this.#options.filters ?? {};
    const globs = include.length > 0 ? `--include ${include.join(' ')} takes` : '--exclude leaves';
    throw nothing(`Cannot find any object: ${globs} none of ${this.#seen} keys`);
  }

  /** Whether the globs take a key; the counts that end() needs are kept here. */
  #look(key: string): void {
    this.#seen++;
    this.#isAnyTaken ||= this.#filter.globsAdmit(key);
  }

  /** The rows that SOURCEs and filters leave, each once. @param found Gets the prefixes of rows. */
  async *#rows(
    inventory: AsyncIterable<SourceObject>,
    prefixes: readonly S3Location[],
    found: Set<S3Location>,
  ): AsyncGenerator<SourceObject> {
    const { isRepeated = () => false } = this.#options;
    for await (const object of inventory) {
      this.#isAnyRow = true;
      const named = prefixes.filter((prefix) => covers(prefix, object));
      for (const prefix of named) found.add(prefix);
      const isWanted = prefixes.length === 0 || named.length > 0;
      if (isWanted) this.#look(object.key);
      if (!isWanted || !this.#filter.admits(object)) this.#leaveOut(object);
      else if (isRepeated(object) || this.#named.has(formatS3Uri(object))) this.#tally.duplicates++;
      else yield object;
    }
  }

  /** An inventory says that an object was archived, and never that it has been restored: S3 is asked about each of them. */
  async #thawed(object: SourceObject): Promise<SourceObject> {
    if (!isArchived(object)) return object;
    try {
      return { ...object, storageClass: (await this.#heads.find(object)).storageClass };
    } catch (error) {
      const isUnavailable = !(error instanceof MillraceError) || error.code === 'MILLRACE_SERVICE_AWAY';
      if (isUnavailable) throw error;
      // If one is gone, the download will say so.
      const isGone = error.cause instanceof SourceFailure && error.cause.kind === 'gone';
      return isGone ? { ...object, storageClass: 'STANDARD' } : object;
    }
  }

  /** Decides on one object, and counts. */
  #admits(object: SourceObject): boolean {
    const tally = this.#tally;
    if (this.#isCovered(object)) tally.duplicates++;
    else if (!this.#filter.admits(object)) this.#leaveOut(object);
    else if (object.size === 0) {
      if (object.key.endsWith('/')) tally.directoryMarkers++;
      else tally.empty++;
    } else if (isArchived(object)) {
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

  #leaveOut(location: S3Location): void {
    this.#tally.filtered++;
    this.#options.onFiltered?.(location);
  }

  #isCovered(location: S3Location): boolean {
    return this.#covered.some((prefix) => covers(prefix, location));
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
      this.#look(location.key);
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
      else if (!this.#filter.admitsKey(location.key)) this.#leaveOut(location);
      else yield location;
    }
  }

  async *#objectsAt(location: S3Location): AsyncGenerator<SourceObject[]> {
    const isOrdered = !isDirectoryBucket(location);
    const spread = {
      ask: (query: PageQuery) => this.#pages.page(location.bucket, query),
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

  /** Where listing is denied the SOURCE may be an object that can be read all the same. @throws The denial, if it is not such an object. */
  async #headInstead(location: S3Location, error: unknown): Promise<SourceObject> {
    const isDenied = error instanceof MillraceError && error.code === 'MILLRACE_OBJECT_UNREADABLE';
    const isObject = location.key !== '' && !location.key.endsWith('/');
    if (!isDenied || !isObject) throw asSourceError(error);
    return await this.#heads.find(location).catch((refused: unknown) => {
      throw asSourceError(refused);
    });
  }
}

function covers(prefix: S3Location, { bucket, key }: S3Location): boolean {
  return prefix.bucket === bucket && key.startsWith(prefix.key);
}

/** Its keys are listed in no order. */
function isDirectoryBucket({ bucket }: S3Location): boolean {
  return bucket.endsWith('--x-s3');
}

function nothingAt(location: S3Location): MillraceError {
  return nothing(`Cannot find any object at ${formatS3Uri(location)}`);
}

function nothing(what: string): MillraceError {
  return new MillraceError('MILLRACE_SOURCE', `${what}; --allow-empty takes that for no failure`);
}

/** While listing, no failure concerns just one object: what cannot be read there ends the run. */
function asSourceError(error: unknown): unknown {
  const isOfObject = error instanceof MillraceError && error.code.startsWith('MILLRACE_OBJECT_');
  return isOfObject ? new MillraceError('MILLRACE_SOURCE', error.message, { cause: error.cause }) : error;
}
