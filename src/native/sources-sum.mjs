/**
 * Sources' sum: what an addon that was built here is compiled from, as one checksum.
 * Takes  the folder of the C++ files. Gives SHA-256 over their names and bytes, or null where there are none.
 * An addon of other sources must not serve: it may lack what the program asks it for, or take its memory to be laid out in another way.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** @param {string} folder @returns {string | null} */
export function sumOfSources(folder) {
  if (!existsSync(`${folder}/addon.cc`)) return null;
  const hash = createHash('sha256');
  for (const part of [folder, `${folder}/standalone`]) {
    const names = existsSync(part) ? readdirSync(part).filter((name) => /\.(cc|h)$/.test(name)) : [];
    for (const name of names.sort()) hash.update(`${name}\n`).update(readFileSync(`${part}/${name}`));
  }
  return hash.digest('hex');
}
