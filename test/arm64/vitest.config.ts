/**
 * Vitest for 64-bit ARM: this process transforms files as ever, and its workers, which run the tests, are started by emulation. They take file
 * after file, because an emulated start takes seconds.
 */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { nodeForArm64, ROOT } from './emulator.ts';

/** Emulated code takes ten times as long, and more at its first pass. */
const TIMEOUT_MS = 600_000;

// Workers are forks, which start what this process calls itself.
process.execPath = nodeForArm64();

export default defineConfig({
  root: ROOT,
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    isolate: false,
    restoreMocks: true,
    unstubEnvs: true,
    maxWorkers: availableParallelism(),
    testTimeout: TIMEOUT_MS,
    hookTimeout: TIMEOUT_MS,
    expect: { requireAssertions: true },
    reporters: ['default', './test/closing-line.ts'],
  },
});
