import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { HEAVY_FILES, IS_HEAVY } from './test/heavy.ts';
import LongestFirst from './test/longest-first.ts';

/** Many tests wait, for a pace or a limit in seconds, so that two a core keep the cores busy. More than eight would want much memory. */
const WORKERS_MAX = 8;

/**
 * Rooms whose tests share a process, file after file, which saves each of them the loading of what it tests. What they change of the process
 * (timers, variables, spies) is put back after each test. Where a test cannot keep that, its folder does not belong here.
 */
const SHARING = ['accounting', 'digest', 'journal', 'observe', 'options', 'record', 'shape', 'source'];
const sharing = SHARING.map((room) => `test/${room}/**/*.test.ts`);

// Whoever starts a thread or a program compiles the same files as the test before: half of what a start costs.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled');

const source = (path: string) => join(import.meta.dirname, 'src', path);

export default defineConfig({
  // As a program finds them that has the package installed: examples/ import them so.
  resolve: {
    alias: [
      { find: /^millrace$/, replacement: source('index.ts') },
      { find: /^millrace\/stages$/, replacement: source('shape/stages/library.ts') },
    ],
  },
  test: {
    projects: IS_HEAVY
      ? [{ extends: true, test: { name: 'heavy', include: HEAVY_FILES } }]
      : [
          {
            extends: true,
            test: {
              name: 'alone',
              include: ['test/**/*.test.ts'],
              exclude: [...configDefaults.exclude, ...sharing],
            },
          },
          {
            extends: true,
            test: { name: 'shared', include: sharing, isolate: false, restoreMocks: true, unstubEnvs: true },
          },
        ],
    pool: 'forks', // the engine starts worker threads of its own and owns process-wide signals
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: Math.min(2 * availableParallelism(), WORKERS_MAX),
    sequence: { sequencer: LongestFirst },
    // A machine that serves others may stand still for seconds. A test that needed its second try is named at the end of the run.
    retry: process.env.CI === 'true' ? 1 : 0,
    expect: { requireAssertions: true }, // a test that returns before it has looked at anything has not passed
    reporters: ['default', './test/closing-line.ts'],
  },
});
