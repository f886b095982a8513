/**
 * Probe: modules of the user's, loaded once before a run begins, in a thread of their own: what one of them does to its thread, from an
 * endless loop to `process.exit`, is seen from outside.
 * Takes  the modules and names of exports, as the thread's data.
 * Gives  one message: a hash of each and the lookup tables that its stages want, or why one cannot be loaded.
 * Never  asks a module about a record.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError, type WireError } from '../base/errors.ts';
import { ModuleLoader } from './module-loader.ts';
import type { Pipe } from './pipe.ts';
import type { Stage } from './stage-call.ts';
import type { EnrichSpec } from './table/name.ts';
import { loadTransform } from './use.ts';

export interface ProbeTask {
  readonly modules: readonly { readonly module: string; readonly name: string }[];
}

export type ProbeAnswer =
  | { readonly hashes: readonly string[]; readonly lookups: readonly EnrichSpec[] }
  | { readonly error: WireError };

async function answer({ modules }: ProbeTask): Promise<ProbeAnswer> {
  const loader = new ModuleLoader();
  const hashes: string[] = [];
  const lookups: EnrichSpec[] = [];
  try {
    for (const one of modules) {
      const { exported, hash } = await loadTransform(one, loader);
      hashes.push(hash);
      lookups.push(...(await lookupsIn(exported, loader)));
    }
    return { hashes, lookups };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { error: error.toWire() };
  }
}

/** Of a stage or a pipe of `millrace/stages`, and of the modules that stages of it name. */
async function lookupsIn(exported: unknown, loader: ModuleLoader): Promise<EnrichSpec[]> {
  const found: EnrichSpec[] = [];
  const { stages = [exported] } = exported as Partial<Pipe>;
  for (const { spec = null } of stages as readonly Partial<Stage>[]) {
    if (spec?.kind === 'enrich') found.push(spec);
    if (spec?.kind === 'use')
      found.push(...(await lookupsIn((await loadTransform(spec, loader)).exported, loader)));
  }
  return found;
}

void answer(workerData as ProbeTask).then((found) => parentPort!.postMessage(found));
