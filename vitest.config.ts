import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks', // the engine starts worker threads of its own and owns process-wide signals
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // A machine that serves others may stand still for seconds. A test that needed its second try is named at the end of the run.
    retry: process.env.CI === 'true' ? 1 : 0,
    expect: { requireAssertions: true }, // a test that returns before it has looked at anything has not passed
    reporters: ['default', './test/closing-line.ts'],
  },
});
