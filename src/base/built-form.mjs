/**
 * Built form: whether a checkout may run what it has built (dist/), which starts in a third of the time, or must run its sources.
 * Takes  the file of the built program and the folder of the checkout.
 * Gives  whether it was built after the last change of anything that it is made of.
 */
const { readdirSync, statSync } = process.getBuiltinModule('node:fs');

/** Folders, and files: other packages, other bundles. */
const MADE_OF = ['src', 'workers', '.ci/packaging', 'package.json', 'package-lock.json'];

/** By built file: a process that runs many commands looks at hundreds of files once. */
const answers = new Map();

/** @param {string} built @param {string} root */
export function isFresh(built, root) {
  const known = answers.get(built);
  if (known !== undefined) return known;
  const builtMs = statSync(built, { throwIfNoEntry: false })?.mtimeMs;
  const answer = builtMs !== undefined && MADE_OF.every((name) => isOlder(`${root}/${name}`, builtMs));
  answers.set(built, answer);
  return answer;
}

/** What is deleted changes its folder, which counts too. Paths are not tidied up: for hundreds of files that took as long as asking for their times. */
function isOlder(path, builtMs) {
  const found = statSync(path);
  if (found.mtimeMs > builtMs) return false;
  return !found.isDirectory() || readdirSync(path).every((name) => isOlder(`${path}/${name}`, builtMs));
}
