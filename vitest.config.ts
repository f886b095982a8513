import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';
import { HEAVY_FILES, IS_HEAVY } from './test/heavy.ts';
import LongestFirst from './test/longest-first.ts';

/** Many tests wait, for a pace or a limit in seconds, so that four a core keep the cores busy. More than eight would want much memory. */
const WORKERS_MAX = 8;

/**
 * Tests share processes, file after file, which saves each of them the loading of what it tests: a third of a CPU-second. What they change of
 * the process is put back after each file (test/put-back.ts). These folders have a process for each file: what they try is how a process
 * loads things, or how long it has lived.
 */
const ALONE = ['native', 'packaging'];
const alone = ALONE.map((room) => `test/${room}/**/*.test.ts`);

// Whoever starts a thread or a program compiles the same files as the test before: half of what a start costs.
process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled');

const source = (path: string) => join(import.meta.dirname, 'src', path);

export default defineConfig({
  // As a program finds them that has the package installed: examples/ import them so.
  resolve: {
    alias: [
      // Threads start from what was built.
      {
        find: /^(\.\.?\/)+(base\/)?package-root\.ts$/,
        replacement: join(import.meta.dirname, 'test', 'built-entries.ts'),
      },
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
              name: 'shared',
              include: ['test/**/*.test.ts'],
              exclude: [...configDefaults.exclude, ...alone],
              isolate: false,
              restoreMocks: true,
              unstubEnvs: true,
            },
          },
          { extends: true, test: { name: 'alone', include: alone } },
        ],
    setupFiles: ['test/put-back.ts'],
    // As the program is started, and with a young generation that holds what a file of tests loads: helpers of the collector took a fifth of all time.
    execArgv: ['--single-threaded-gc', '--min-semi-space-size=16'],
    pool: 'forks', // the engine starts worker threads of its own and owns process-wide signals
    // For tests that hang: beside other work one that does not may take ten times as long as alone.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: Math.min(4 * availableParallelism(), WORKERS_MAX),
    sequence: { sequencer: LongestFirst },
    // A machine that serves others may stand still for seconds. A test that needed its second try is named at the end of the run.
    retry: process.env.CI === 'true' ? 1 : 0,
    expect: { requireAssertions: true }, // a test that returns before it has looked at anything has not passed
    reporters: ['default', './test/closing-line.ts'],
  },
});
