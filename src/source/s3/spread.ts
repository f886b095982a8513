/**
 * Spread: one prefix listed with several requests at once.
 * Takes  a way to ask for one page of a listing.
 * Gives  the objects under the prefix, each once: in listing order with one request at a time, in no particular order with more.
 * Owns   how a listing that is not at its end is split: into the sub-prefixes that end with `/` and follow the last key seen.
 * Never  has more pages in memory than requests, and never splits where that would cost many more requests than it saves time.
 *
 * A page holds 1,000 keys and says only with its answer where the next one begins, so one listing is as slow as the service's
 * answers. Sub-prefixes are listings of their own. S3 lists in the order of UTF-8 bytes: what is before the last key has been seen.
 */
import { MillraceError } from '../../base/errors.ts';
import { isAscending, isKeyBefore } from '../key-order.ts';
import type { SourceObject } from '../object.ts';
import { Succession } from './succession.ts';
import { formatS3Uri } from './uri.ts';

export interface PageQuery {
  readonly prefix: string;
  /** Only keys behind this one. */
  readonly after?: string | undefined;
  /** Goes on behind an earlier page. */
  readonly token?: string | undefined;
  /** Keys that go on beyond the first `/` behind the prefix are given as one sub-prefix. */
  readonly isFolder?: boolean;
}

export interface Page {
  readonly objects: readonly SourceObject[];
  readonly prefixes: readonly string[];
  /** Undefined at the end of the listing. */
  readonly token: string | undefined;
}

/** @throws {MillraceError} MILLRACE_OBJECT_UNREADABLE where listing is denied. */
export type AskPage = (query: PageQuery) => Promise<Page>;

export interface SpreadOptions {
  readonly ask: AskPage;
  readonly bucket: string;
  readonly prefix: string;
  readonly after: string | undefined;
  /** Requests at once. 1: never splits. */
  readonly requestsMax: number;
  /** Whether the service lists in the order of keys. Without it nothing can be split. */
  readonly isOrdered: boolean;
}

/** A part of the listing that is not at its end. */
interface Branch extends PageQuery {
  /** Splitting it was tried: it is listed page after page. */
  readonly isWhole: boolean;
  /** Looks at each of its pages. */
  readonly succession: Succession;
}

interface Step {
  readonly branch: Branch;
  readonly objects: readonly SourceObject[];
  /** What is left to list. */
  readonly next: readonly Branch[];
}

/** Where a page touches more sub-prefixes than this, asking for each of them could cost that many times the requests. */
const FOLDERS_PER_PAGE_MAX = 10;

export async function* spreadPages(options: SpreadOptions): AsyncGenerator<readonly SourceObject[]> {
  const { bucket, prefix, after, requestsMax, isOrdered } = options;
  const where = formatS3Uri({ bucket, key: prefix });
  const begun = (query: PageQuery, isWhole: boolean): Branch => ({
    ...query,
    isWhole,
    succession: new Succession({ where, after: query.after, isOrdered }),
  });
  const ask: Ask = { page: options.ask, begun };
  const waiting: Branch[] = [begun({ prefix, after }, requestsMax === 1)];
  const running = new Map<Branch, Promise<Step>>();
  const hasIdle = () => waiting.length === 0 && running.size < requestsMax;
  const begin = () => {
    while (waiting.length > 0 && running.size < requestsMax) {
      const branch = waiting.shift()!;
      const step = takeStep(ask, branch, hasIdle);
      // A failure is seen when its turn comes; until then it must not count as unhandled.
      step.catch(() => {});
      running.set(branch, step);
    }
  };
  for (begin(); running.size > 0; begin()) {
    const { branch, objects, next } = await Promise.race(running.values());
    running.delete(branch);
    waiting.unshift(...next);
    begin();
    yield objects;
  }
}

/** How pages are asked for, and branches begun. */
interface Ask {
  readonly page: AskPage;
  readonly begun: (query: PageQuery, isWhole: boolean) => Branch;
}

async function takeStep(ask: Ask, branch: Branch, hasIdle: () => boolean): Promise<Step> {
  const page = await ask.page(branch);
  branch.succession.take(page);
  const { objects, token } = page;
  if (token === undefined) return { branch, objects, next: [] };
  const rest: Branch = { ...branch, after: undefined, token };
  if (branch.isWhole || !hasIdle()) return { branch, objects, next: [rest] };
  return (await split(ask, branch, objects)) ?? { branch, objects, next: [{ ...rest, isWhole: true }] };
}

/** @returns The step that ends a branch and begins its sub-prefixes, or null where listing it as a whole is better. */
async function split(ask: Ask, branch: Branch, seen: readonly SourceObject[]): Promise<Step | null> {
  const { prefix } = branch;
  const last = seen.at(-1)?.key;
  if (last === undefined || !isWorthSplitting(prefix, seen)) return null;
  const folder = await askOrNull(ask.page, { prefix, isFolder: true });
  if (folder === null || folder.token !== undefined || !isAscending(folder.prefixes)) return null;
  const lastFolder = last.slice(0, last.indexOf('/', prefix.length) + 1);
  // Not the folders of what has just been listed: the next page is a better guide.
  if (lastFolder.length > prefix.length && !folder.prefixes.includes(lastFolder)) return null;
  const branches = folder.prefixes.flatMap((sub): Branch[] => {
    if (last.startsWith(sub)) return [ask.begun({ prefix: sub, after: last }, false)];
    return isKeyBefore(last, sub) ? [ask.begun({ prefix: sub }, false)] : [];
  });
  const objects = [...seen, ...folder.objects.filter(({ key }) => isKeyBefore(last, key))];
  const [first, ...others] = branches;
  if (first === undefined) return { branch, objects, next: [] };
  // Some policies allow listing a prefix and not what is under it: better to know before the whole is given up.
  const page = await askOrNull(ask.page, first);
  if (page === null) return null;
  first.succession.take(page);
  const rest: Branch[] = page.token === undefined ? [] : [{ ...first, after: undefined, token: page.token }];
  return { branch, objects: [...objects, ...page.objects], next: [...rest, ...others] };
}

function isWorthSplitting(prefix: string, seen: readonly SourceObject[]): boolean {
  const folders = new Set(seen.map(({ key }) => key.slice(0, key.indexOf('/', prefix.length) + 1)));
  return folders.size <= FOLDERS_PER_PAGE_MAX;
}

/** Null where listing is denied. */
async function askOrNull(ask: AskPage, query: PageQuery): Promise<Page | null> {
  try {
    return await ask(query);
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'MILLRACE_OBJECT_UNREADABLE') return null;
    throw error;
  }
}
