/**
 * Probe: modules of the user's, loaded once before a run begins, in a thread of their own: what one of them does to its thread, from an
 * endless loop to `process.exit`, is seen from outside.
 * Takes  the modules and names of exports, as the thread's data.
 * Gives  one message: a hash of each, or why one cannot be loaded.
 * Never  asks a module about a record.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError, type WireError } from '../base/errors.ts';
import { ModuleLoader } from './module-loader.ts';
import { loadTransform } from './use.ts';

export interface ProbeTask {
  readonly modules: readonly { readonly module: string; readonly name: string }[];
}

export type ProbeAnswer = { readonly hashes: readonly string[] } | { readonly error: WireError };

async function answer({ modules }: ProbeTask): Promise<ProbeAnswer> {
  const loader = new ModuleLoader();
  const hashes: string[] = [];
  try {
    for (const one of modules) hashes.push((await loadTransform(one, loader)).hash);
    return { hashes };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { error: error.toWire() };
  }
}

void answer(workerData as ProbeTask).then((found) => parentPort!.postMessage(found));
