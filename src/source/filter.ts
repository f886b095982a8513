/**
 * Filter: which of the listed objects a run takes.
 * Takes  include and exclude globs, a key to start after, bounds on the time of modification.
 * Gives  a yes or no for each object.
 */
import { compileGlob } from './glob.ts';
import { isKeyBefore } from './key-order.ts';
import type { SourceObject } from './object.ts';

export interface ListFilters {
  /** Globs on the whole key; an object needs one that matches. `*` stays within a `/` part, `**` does not. Empty: all. */
  readonly include?: readonly string[];
  /** Globs on the whole key; an object that one of them matches is left out. */
  readonly exclude?: readonly string[];
  /** Only keys behind this one, in the order of their UTF-8 bytes, as they are listed. */
  readonly startAfter?: string | undefined;
  /** Unix milliseconds; only objects modified later than this. */
  readonly modifiedAfterMs?: number | undefined;
  /** Unix milliseconds; only objects modified before this. */
  readonly modifiedBeforeMs?: number | undefined;
}

export interface ListFilter {
  readonly startAfter: string | undefined;
  admits(object: SourceObject): boolean;
  /** Whether the globs alone take it. */
  globsAdmit(key: string): boolean;
  /** What can be decided from the key alone. */
  admitsKey(key: string): boolean;
}

function matcherOf(globs: readonly string[]): (key: string) => boolean {
  const matchers = globs.map(compileGlob);
  return (key) => matchers.some((matches) => matches(key));
}

export function prepareFilter(filters: ListFilters): ListFilter {
  const { include = [], exclude = [], startAfter, modifiedAfterMs, modifiedBeforeMs } = filters;
  const isIncluded = include.length === 0 ? () => true : matcherOf(include);
  const isExcluded = matcherOf(exclude);
  const globsAdmit = (key: string) => isIncluded(key) && !isExcluded(key);
  const admitsKey = (key: string) => (!startAfter || isKeyBefore(startAfter, key)) && globsAdmit(key);
  return {
    startAfter: startAfter || undefined,
    globsAdmit,
    admitsKey,
    admits({ key, lastModifiedMs }) {
      if (modifiedAfterMs !== undefined && lastModifiedMs <= modifiedAfterMs) return false;
      if (modifiedBeforeMs !== undefined && lastModifiedMs >= modifiedBeforeMs) return false;
      return admitsKey(key);
    },
  };
}
