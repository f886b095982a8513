/**
 * Instruction sets: has every scan test tried with each of them, and tells which this machine lacks.
 * Gives  `describeScanners` for tests of one scanner at a time, `tellUntried` for those that compare all.
 * Never  is loaded by a thread of a test: it needs vitest.
 */
import { describe, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { type ScannerUnderTest, scannersUnderTest } from './harness.ts';

/** Every instruction set that the native scanner has a kernel for, by processor: those of another one are tried there (test/arm64). */
const SETS_OF: Readonly<Record<string, readonly string[]>> = {
  x64: ['base', 'avx2', 'avx512'],
  arm64: ['base', 'neon'],
};
const INSTRUCTION_SETS = SETS_OF[process.arch] ?? ['base'];

/** What this machine cannot try, each with the reason. */
function untriedScanners(): readonly { readonly name: string; readonly why: string }[] {
  const tried = new Set(scannersUnderTest().map(({ name }) => name));
  const { reason } = loadAddon();
  return INSTRUCTION_SETS.map((set) => ({
    name: `native ${set}`,
    why: reason === null ? `this machine lacks ${set}` : `no addon, ${reason}`,
  })).filter(({ name }) => !tried.has(name));
}

/** The same tests for every scanner; those of one that this machine cannot run count as skipped, and the title says why. */
export function describeScanners(tests: (under: ScannerUnderTest) => void): void {
  for (const under of scannersUnderTest()) describe(under.name, () => tests(under));
  const open = () => {
    throw new Error('This scanner cannot run here');
  };
  for (const { name, why } of untriedScanners())
    describe.skip(`${name} (not run: ${why})`, () => tests({ name, open }));
}

/** For tests that compare all scanners at once: a skipped test for each that was not among them. */
export function tellUntried(): void {
  for (const { name, why } of untriedScanners()) it.skip(`not compared: ${name} (${why})`, () => undefined);
}
