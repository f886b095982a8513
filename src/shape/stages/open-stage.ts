/**
 * Open stage: a stage at work, made from what a run says of it.
 * Takes  a stage as data, its label, and what the stages of a thread share.
 * Gives  the stage, ready to be asked about records.
 * Owns   which file is behind which kind. Each is loaded only where a run has such a stage.
 */

import type { RunningStage, StageSpec } from '../stage.ts';
import type { Stages } from '../stages.ts';
import type { Tables } from '../table/table.ts';
import type { ModuleLoader } from './module-loader.ts';

/** What the stages of one thread share. */
export interface StageRoom {
  /** Secret: the key of `hash`. Null where nothing is hashed. */
  readonly hashKey: Uint8Array | null;
  /** Lookup tables that the run has loaded. Absent: there is no run, and a stage loads its own. */
  readonly tables?: Tables;
  /** What has loaded modules before, where there was one. */
  readonly modules?: ModuleLoader;
}

/** Opens all stages of a thread, in their order. @throws {MillraceError} When one of them cannot be opened. */
export async function openStages({
  later,
  laterFrom = 1,
  modules = [],
  hashKey,
  tables,
}: Stages): Promise<RunningStage[]> {
  const loader = later.some(({ kind }) => kind === 'use')
    ? new (await import('./module-loader.ts')).ModuleLoader()
    : null;
  // What a module's hash covers depends on what was loaded before it.
  for (const module of modules) await loader?.load(module, 'default');
  // A run has loaded all tables that its stages want: none loads one of its own.
  const room = { hashKey, tables: tables ?? {}, ...(loader && { modules: loader }) };
  const stages: RunningStage[] = [];
  for (const [i, spec] of later.entries())
    stages.push(await openStage(spec, `${i + laterFrom} ${kindOf(spec)}`, room));
  return stages;
}

/** What a stage is called. */
function kindOf(spec: StageSpec): string {
  return spec.kind === 'use' ? (spec.part?.kind ?? spec.kind) : spec.kind;
}

/** @throws {MillraceError} When the stage cannot be opened. */
export async function openStage(spec: StageSpec, label: string, room: StageRoom): Promise<RunningStage> {
  switch (spec.kind) {
    case 'use': {
      const { openModule } = await import('./use.ts');
      return openModule(spec, label, room);
    }
    case 'where':
      return (await import('./where-stage.ts')).openWhere(spec, label);
    case 'sample':
      return (await import('./sample-stage.ts')).openSample(spec, label);
    case 'drop':
    case 'set':
    case 'rename':
    case 'hash':
      return (await import('./edit-stages.ts')).openEdit(spec, label, room);
    case 'pick':
      return (await import('./pick.ts')).openPick(spec, label);
    case 'coerce':
      return (await import('./coerce.ts')).openCoerce(spec, label);
    case 'format':
      return (await import('./format.ts')).openFormat(spec, label);
    case 'enrich':
      return (await import('./enrich.ts')).openEnrich(spec, label, room);
  }
}
