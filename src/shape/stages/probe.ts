/**
 * Probe: modules of the user's, loaded once before a run begins, in a thread of their own: what one of them does to its thread, from an
 * endless loop to `process.exit`, is seen from outside.
 * Takes  stages as data, as the thread's data.
 * Gives  one message: the stages with the hash of each module, in place of a pipe its stages; or why a module cannot be loaded.
 * Never  asks a module about a record.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { MillraceError, OptionsError, type WireError } from '../../base/errors.ts';
import type { StageSpec } from '../stage.ts';
import { ModuleLoader } from './module-loader.ts';
import { loadTransform, stagesIn } from './use.ts';
import { printOnStderr } from './voice.ts';

export interface ProbeTask {
  readonly specs: readonly StageSpec[];
}

/** `modules`: all that were loaded, in their order. */
export type ProbeAnswer =
  | { readonly specs: readonly StageSpec[]; readonly modules: readonly string[] }
  | { readonly error: WireError };

/** A pipe may use a module whose pipe uses another one. */
const DEPTH_MAX = 8;

class Probe {
  readonly #loader = new ModuleLoader();
  readonly modules = new Set<string>();

  /** The stages that a stage stands for. */
  async expand(spec: StageSpec, depth = 0): Promise<StageSpec[]> {
    if (spec.kind !== 'use') return [spec];
    if (depth === DEPTH_MAX)
      throw new OptionsError([
        `Cannot use ${spec.module}: pipes use each other more than ${DEPTH_MAX} deep.`,
      ]);
    const { exported, hash } = await loadTransform(spec, this.#loader);
    this.modules.add(spec.module);
    const stages = stagesIn(exported);
    if (stages === null) return [{ ...spec, hash }];
    const parts: StageSpec[] = [];
    for (const [index, stage] of stages.entries()) {
      if (stage.spec === null) parts.push({ ...spec, hash, part: { index, kind: stage.kind } });
      else parts.push(...(await this.expand(stage.spec, depth + 1)));
    }
    return parts;
  }
}

async function answer({ specs }: ProbeTask): Promise<ProbeAnswer> {
  printOnStderr();
  const probe = new Probe();
  try {
    const expanded: StageSpec[] = [];
    for (const spec of specs) expanded.push(...(await probe.expand(spec)));
    return { specs: expanded, modules: [...probe.modules] };
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return { error: error.toWire() };
  }
}

void answer(workerData as ProbeTask).then((found) => parentPort!.postMessage(found));
