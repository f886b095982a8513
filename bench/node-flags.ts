/** Node flags: what the first line of src/bin.mjs starts Node with, as the installed command and `npm run millrace` do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @param folder Of a checkout. */
export function nodeFlagsOf(folder: string): readonly string[] {
  const [first] = readFileSync(join(folder, 'src', 'bin.mjs'), 'utf8').split('\n', 1);
  return /^#!\/usr\/bin\/env -S node (.+)$/.exec(first!)![1]!.split(' ');
}

/** Of this one. */
export const NODE_FLAGS = nodeFlagsOf(join(import.meta.dirname, '..'));
