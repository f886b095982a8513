/**
 * Built entries: in tests a thread starts from what was built, as that of a command does which is run in a checkout: a start costs a fifth.
 * Stands in for src/base/package-root.ts (vitest.config.ts).
 * Never  takes what was built before the last change of the sources: then a thread starts from them.
 */
import { fileURLToPath } from 'node:url';
import { type ENTRIES, packageRoot, entryFile as sourceOf } from '../src/base/package-root.ts';

export { ENTRIES, packageRoot } from '../src/base/package-root.ts';

const BUILT_FORM = new URL('src/base/built-form.mjs', packageRoot()).href;
/** As the program's front door asks. */
const { isFresh } = (await import(BUILT_FORM)) as { isFresh(built: string, root: string): boolean };
const ROOT = fileURLToPath(packageRoot()).replace(/\/$/, '');

/** Asked once for each file of tests: to look at the times of all sources takes a tenth of what a thread's start does. */
const found = new Map<keyof typeof ENTRIES, URL>();

export function entryFile(name: keyof typeof ENTRIES): URL {
  const known = found.get(name);
  if (known !== undefined) return known;
  const built = new URL(`dist/${name}.js`, packageRoot());
  const entry = isFresh(fileURLToPath(built), ROOT) ? built : sourceOf(name);
  found.set(name, entry);
  return entry;
}
