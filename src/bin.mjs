#!/usr/bin/env -S node --single-threaded-gc --min-semi-space-size=4 --max-semi-space-size=4
/**
 * The program's front door. Plain JavaScript, so that a Node that is too old gets one clear line instead of a syntax error.
 * The flags in the first line: the engine has a thread for each core, and the collector's helper threads only take time from them; a young
 * generation that begins with 4 MB is not collected while a start loads its code, and one that grows only takes memory (docs/PERFORMANCE.md).
 * In the repository it runs the TypeScript sources, or what was built from them as they are; in the published package what was built.
 * Nothing is imported before it is needed, and Node's own modules are asked for by call: an import of one reads all that it has to offer, and
 * loads the parts that are made only when they are read.
 */
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `millrace needs Node 22.18 or newer, and this is Node ${process.versions.node}. ` +
      'Install a newer one, or in the repository use `npm run millrace -- ...`, which brings its own.',
  );
  process.exit(2);
}
const { existsSync, writeSync } = process.getBuiltinModule('node:fs');
const { fileURLToPath } = process.getBuiltinModule('node:url');
if (!process.env.SHELL || !process.env.HOME) (await import('./base/account.mjs')).standInForAccount();
// NODE_COMPILE_CACHE names another folder, and Node has begun to use it; NODE_DISABLE_COMPILE_CACHE=1 turns the cache off.
if (!process.env.NODE_COMPILE_CACHE && process.env.NODE_DISABLE_COMPILE_CACHE !== '1') {
  const folder = (await import('./base/compile-cache.mjs')).compileCacheFolder();
  if (folder !== null) {
    process.getBuiltinModule('node:module').enableCompileCache(folder);
    process.env.NODE_COMPILE_CACHE = folder; // threads and embedded servers look here
  }
}
const source = new URL('./commands/main.ts', import.meta.url);
const built = new URL('../dist/main.js', import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));
const code = existsSync(source) && !(await isBuilt()) ? source : built;
const program = await import(code.href).catch(giveUp);
await program.main(process.argv.slice(2));

/** Whether what was built is of these sources. */
async function isBuilt() {
  const { isFresh } = await import('./base/built-form.mjs');
  return isFresh(fileURLToPath(built), root);
}

/** What cannot be loaded is not there, or not whole: no run of the same command mends that. Exit 2, as docs/CLI.md says. */
function giveUp(error) {
  const why = String(error?.message ?? error).split('\n')[0];
  const text = `${why}; the installation is not whole: install it again (in the repository \`npm ci\`)`;
  console.error(`millrace: ${text}`);
  try {
    const document = { status: 'failed', exitCode: 2, error: text };
    if (process.argv.includes('--json')) writeSync(1, `${JSON.stringify(document)}\n`);
  } finally {
    process.exit(2);
  }
}
