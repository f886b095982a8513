/**
 * Compile cache: where Node keeps compiled code from start to start, so that a start costs a third less.
 * Takes  XDG_CACHE_HOME, else the home folder. Gives  a folder that nobody else can write to, or null: then there is no cache.
 * Never  takes a folder that somebody else could have made or could change: what lies there runs as this program, with its AWS keys.
 *        Node's own default is a predictable folder below the temporary one, whose owner nobody checks, not even Node.
 */
const { lstatSync, mkdirSync, realpathSync } = process.getBuiltinModule('node:fs');
const { homedir } = process.getBuiltinModule('node:os');
const { dirname, isAbsolute, join } = process.getBuiltinModule('node:path');

const OTHERS_WRITE = 0o022;
const OTHERS_ANYTHING = 0o077;
const STICKY = 0o1000;

/** @returns {string | null} The folder, made where it was not there. */
export function compileCacheFolder() {
  const uid = process.getuid?.();
  // A system without such owners: users cannot be told apart.
  if (uid === undefined) return null;
  const { XDG_CACHE_HOME: given = '' } = process.env;
  try {
    const wanted = isAbsolute(given) ? given : join(homedir(), '.cache');
    make(wanted);
    const base = realpathSync(wanted);
    if (!isGuarded(base, uid)) return null;
    return ['millrace', 'compiled'].reduce((parent, name) => ownFolder(join(parent, name), uid), base);
  } catch {
    return null; // no home, a full or read-only disk, or a folder of somebody else: a start is slower, and that is all
  }
}

/** Whether nobody but this user and root can put another folder in the place of this one, or of one above it. */
function isGuarded(folder, uid) {
  const { uid: owner, mode } = lstatSync(folder);
  const isOwned = owner === uid || owner === 0;
  if (!isOwned || ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)) return false;
  const parent = dirname(folder);
  return parent === folder || isGuarded(parent, uid);
}

/** A folder of this user alone, and no link to one. @throws Where it is anything else. */
function ownFolder(path, uid) {
  make(path);
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== uid || (found.mode & OTHERS_ANYTHING) !== 0)
    throw new Error(`${path} is not a folder of this user alone`);
  return path;
}

/** One folder, in one that is there. @throws Where it cannot be made. */
function make(path) {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}
