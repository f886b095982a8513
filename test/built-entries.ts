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

export function entryFile(name: keyof typeof ENTRIES): URL {
  const built = new URL(`dist/${name}.js`, packageRoot());
  return isFresh(fileURLToPath(built), ROOT) ? built : sourceOf(name);
}
