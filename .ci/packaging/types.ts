/**
 * Types: declarations of what a program may import, and of all that these name, in dist/types.
 * Takes  what the compiler has written there: a declaration of each file that it has read.
 * Gives  the folder without those that no type of the package's faces leads to: three in five, each a block of the disk.
 */
import { globSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const FOLDER = join(ROOT, 'dist', 'types');

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string }>>;
}
const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

/** A declaration is looked at once; each import of it, in whatever form, names a file. */
function follow(path: string, found: Set<string>): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, name] of readFileSync(path, 'utf8').matchAll(
    /(?:from |import\()['"](\.{1,2}\/[^'"]+)\.[jt]s['"]/g,
  ))
    follow(join(dirname(path), `${name}.d.ts`), found);
  return found;
}

const named = new Set<string>();
for (const { types } of Object.values(exports)) follow(join(ROOT, types), named);
const written = globSync('**/*.d.ts', { cwd: FOLDER }).map((path) => join(FOLDER, path));
for (const path of written) if (!named.has(path)) rmSync(path);
console.error(`types: ${named.size} of ${written.length} declarations`);
