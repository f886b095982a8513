/**
 * Heavy: what `npm test` does less often than CI, and by which name it is done in full: `npm run test:heavy`.
 * Gives  the files, which run under both names, and how often something is done under this one.
 * Never  leaves a test or a kind of case out of `npm test`: only counts differ.
 */

export const IS_HEAVY = process.env.MILLRACE_HEAVY === '1';

export const HEAVY_FILES = ['test/chaos/kills.test.ts', 'test/chaos/stops.test.ts', 'test/package.test.ts'];

/** How often. */
export function countOf({ quick, heavy }: { readonly quick: number; readonly heavy: number }): number {
  return IS_HEAVY ? heavy : quick;
}
