/**
 * The table of commands, as oclif reads it: the one that the command line names, or all of them where it names none.
 * A command brings its half of the program with it, and to load the others costs a tenth of a short run.
 */
const FILES = {
  backfill: () => import('./backfill.ts'),
  bench: () => import('./bench.ts'),
  completion: () => import('./completion.ts'),
  demo: () => import('./demo.ts'),
  redrive: () => import('./redrive.ts'),
  status: () => import('./status.ts'),
  verify: () => import('./verify.ts'),
};

const all = Object.entries(FILES);
const named = all.filter(([name]) => name === process.argv[2]);
const loaded = (named.length > 0 ? named : all).map(async ([name, load]) => [name, (await load()).default]);

export const COMMANDS = Object.fromEntries(await Promise.all(loaded));
