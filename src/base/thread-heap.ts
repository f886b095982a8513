/**
 * Thread heap: how much JavaScript memory a thread may have, and how it is said that it had no more.
 * Takes  what a thread works at. Gives the limits that it is started with.
 * Owns   the one place where a flag of V8 is taken back: what holds for main would go before the limits of a thread.
 */
import type { ResourceLimits } from 'node:worker_threads';
import { ENGINE } from './limits.ts';

/** Of the program's first line (src/bin.mjs), for main. What others have chosen for their process is left as it is. */
const MAIN_YOUNG_FLAG = '--max-semi-space-size=4';

/**
 * @param work `bytes`: records stay outside the heap, and what a thread makes of them is gone at once. `values`: lines become JavaScript
 * values, which a small young generation would collect too often.
 */
export function threadHeap(work: 'bytes' | 'values'): ResourceLimits {
  if (process.execArgv.includes(MAIN_YOUNG_FLAG))
    process.getBuiltinModule('node:v8').setFlagsFromString('--max-semi-space-size=0');
  const old = { maxOldGenerationSizeMb: ENGINE.threadHeapMib };
  return work === 'values' ? old : { ...old, maxYoungGenerationSizeMb: ENGINE.threadYoungMib };
}

/** Why a thread ended, or null where that was not for want of memory. */
export function heapReason(error: Error): string | null {
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? `it ran out of memory (${ENGINE.threadHeapMib} MiB of JavaScript heap)`
    : null;
}
