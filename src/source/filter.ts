/**
 * Filter: which of the listed objects a run takes.
 * Takes  include and exclude globs, a key to start after, bounds on the time of modification.
 * Gives  a yes or no for each object.
 */
import picomatch from 'picomatch';
import { isKeyBefore } from './key-order.ts';
import type { SourceObject } from './object.ts';

export interface ListFilters {
  /** Globs on the whole key; an object needs one that matches. `*` stays within a `/` part, `**` does not. Empty: all. */
  readonly include?: readonly string[];
  /** Globs on the whole key; an object that one of them matches is left out. */
  readonly exclude?: readonly string[];
  /** Only keys behind this one, in the order of their UTF-8 bytes, as S3 lists them. */
  readonly startAfter?: string | undefined;
  /** Unix milliseconds; only objects modified later than this. */
  readonly modifiedAfterMs?: number | undefined;
  /** Unix milliseconds; only objects modified before this. */
  readonly modifiedBeforeMs?: number | undefined;
}

export interface ListFilter {
  readonly startAfter: string | undefined;
  admits(object: SourceObject): boolean;
  /** What can be said before anything is known but the key. */
  admitsKey(key: string): boolean;
}

/** A glob without `/` matches in every folder, as in .gitignore, aws-cli and s5cmd; dot files are objects like any other. */
function matcherOf(globs: readonly string[]): (key: string) => boolean {
  const matchers = globs.map((glob) => picomatch(glob.includes('/') ? glob : `**/${glob}`, { dot: true }));
  return (key) => matchers.some((matches) => matches(key));
}

export function prepareFilter(filters: ListFilters): ListFilter {
  const { include = [], exclude = [], startAfter, modifiedAfterMs, modifiedBeforeMs } = filters;
  const isIncluded = include.length === 0 ? () => true : matcherOf(include);
  const isExcluded = matcherOf(exclude);
  const admitsKey = (key: string) =>
    (!startAfter || isKeyBefore(startAfter, key)) && isIncluded(key) && !isExcluded(key);
  return {
    startAfter: startAfter || undefined,
    admitsKey,
    admits({ key, lastModifiedMs }) {
      if (modifiedAfterMs !== undefined && lastModifiedMs <= modifiedAfterMs) return false;
      if (modifiedBeforeMs !== undefined && lastModifiedMs >= modifiedBeforeMs) return false;
      return admitsKey(key);
    },
  };
}
