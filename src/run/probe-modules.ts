/**
 * Probe modules: stages of the user's are loaded once before anything begins, so that one that cannot be ends the run at once.
 * Takes  stages as data. Gives  the same with the hash of what is loaded for each; in place of a pipe that a module exports, its stages.
 * Owns   the thread in which they are loaded, and how long that may take.
 */
import { Worker } from 'node:worker_threads';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { ENGINE } from '../base/limits.ts';
import { entryFile } from '../base/package-root.ts';
import { whenLate } from '../base/patience.ts';
import { threadHeap } from '../base/thread-heap.ts';
import type { StageSpec } from '../shape/stage.ts';
import type { ProbeAnswer, ProbeTask } from '../shape/stages/probe.ts';

type UseSpec = Extract<StageSpec, { kind: 'use' }>;

interface Probed {
  readonly specs: readonly StageSpec[];
  /** In the order in which they were loaded. */
  readonly modules: readonly string[];
}

/** @throws {OptionsError} When a module cannot be loaded, or has no such export. */
export async function probeModules(specs: readonly StageSpec[]): Promise<Probed> {
  const uses = specs.filter((spec) => spec.kind === 'use');
  if (uses.length === 0) return { specs, modules: [] };
  const answer = await ask({ specs }, namesOf(uses));
  if ('error' in answer) throw MillraceError.fromWire(answer.error);
  return answer;
}

async function ask(task: ProbeTask, names: string): Promise<ProbeAnswer> {
  const worker = new Worker(entryFile('probe'), {
    workerData: task,
    resourceLimits: threadHeap('values'),
  });
  const { promise, resolve, reject } = Promise.withResolvers<ProbeAnswer>();
  const refuse = (why: string) => reject(new OptionsError([`Cannot load --transform ${names}: ${why}.`]));
  worker.once('message', resolve);
  worker.once('error', (error: unknown) => refuse(error instanceof Error ? error.message : String(error)));
  worker.once('exit', (code) => refuse(`it ended its thread with exit code ${code}`));
  const { moduleLoadMs } = ENGINE;
  const stop = whenLate(moduleLoadMs, () => refuse(`it is not loaded after ${moduleLoadMs / 1000} s`));
  try {
    return await promise;
  } finally {
    stop();
    await worker.terminate();
  }
}

function namesOf(uses: readonly UseSpec[]): string {
  return uses.map(({ module }) => module).join(', ');
}
