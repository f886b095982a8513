/** Vitest for 64-bit ARM: this process transforms files as ever, and its workers, which run the tests, are started by emulation. */
import { defineConfig, mergeConfig } from 'vitest/config';
import base from '../../vitest.config.ts';
import { nodeForArm64, ROOT } from './emulator.ts';

/** Emulated code takes ten times as long, and more at its first pass. */
const TIMEOUT_MS = 600_000;

// Workers are forks, which start what this process calls itself.
process.execPath = nodeForArm64();

export default mergeConfig(
  base,
  defineConfig({ root: ROOT, test: { testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS } }),
);
