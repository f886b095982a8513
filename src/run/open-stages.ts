/**
 * Open stages: what a run asks of its lines, with the key of `--hash` and a condition that can be read.
 * Takes  stage options. Gives  stages that travel to the parser threads, or null where there are none; a fingerprint of the key.
 * Never  keeps anything of the key: the fingerprint is a keyed hash itself.
 */
import { createHash, createHmac } from 'node:crypto';
import { resolve } from 'node:path';
import { OptionsError } from '../base/errors.ts';
import { editsOf, hasStages, moduleOf, type StageOptions } from '../options/stages.ts';
import type { StageSpec } from '../shape/stage.ts';
import { hashKeyFrom, refuseWithoutKey } from '../shape/stages/hash-key.ts';
import { assertLast } from '../shape/stages/spec-reader.ts';
import { problemsOf, type Stages } from '../shape/stages.ts';
import { probeModules } from './probe-modules.ts';

const NONE: Stages = {
  ...{ where: null, onWhereError: 'dead-letter', edits: [] },
  ...{ hashKey: null, sample: null, later: [] },
};

/** @throws {OptionsError} When a condition or a module cannot be read, or there is no key. */
export async function openStages(options: StageOptions): Promise<Stages | null> {
  if (!hasStages(options)) return null;
  const flags = ofFlags(options);
  const { specs, modules } = await probeModules(options.stages.length > 0 ? options.stages : flags.later);
  const { transformTimeoutMs: timeoutMs, isVolatile } = options;
  const stages = { ...(await planned(flags, specs)), modules, timeoutMs, isVolatile };
  await assertConditions(stages);
  const hashes = [...stages.edits, ...stages.later].some(({ kind }) => kind === 'hash');
  if (!hashes) return stages;
  return { ...stages, hashKey: (await hashKeyFrom(options.hashKeyFile)) ?? refuseWithoutKey() };
}

/** What flags say goes before the list. */
async function planned(flags: Stages, specs: readonly StageSpec[]): Promise<Stages> {
  assertLast(specs.map(({ kind }) => kind));
  if (specs.length === 0 || flags.where !== null || flags.sample !== null || flags.edits.length > 0)
    return { ...flags, later: specs };
  const stages = (await import('../shape/prefix/plan.ts')).planStages(specs);
  return { ...stages, laterFrom: specs.length - stages.later.length + 1 };
}

/** What reads conditions is loaded only where there is one. */
async function assertConditions({ where, later }: Stages): Promise<void> {
  const conditions = later.flatMap((spec) => (spec.kind === 'where' ? [spec.expression] : []));
  if (where === null && conditions.length === 0) return;
  const { Where } = await import('../shape/prefix/where.ts');
  if (where !== null) new Where(where);
  for (const condition of conditions) new Where(condition, 'where');
}

function ofFlags(options: StageOptions): Stages {
  const { where, samplePercent } = options;
  const onWhereError = options.onWhereError ?? 'dead-letter';
  const edits = editsOf(options);
  const problems = problemsOf(edits);
  if (problems.length > 0) throw new OptionsError(problems);
  const sample = samplePercent === null ? null : samplePercent / 100;
  return { where, onWhereError, edits, hashKey: null, sample, later: options.transform.map(useOf) };
}

/** Tells stages apart by what they are, wherever modules lie; null where flags say it all. */
export function laterPrintOf(stages: Stages | null): string | null {
  const { where, onWhereError, edits, sample, later, modules = [] } = stages ?? NONE;
  if (later.length === 0 && modules.length === 0) return null;
  const specs = later.map((spec) => (spec.kind === 'use' ? { ...spec, module: null } : spec));
  const all = JSON.stringify({ where, onWhereError, edits, sample, specs });
  return createHash('sha256').update(all).digest('hex').slice(0, 32);
}

function useOf(transform: string): StageSpec {
  const { path, name } = moduleOf(transform);
  const module = path.startsWith('file:') ? path : resolve(path);
  return { kind: 'use', module, name, hash: '' };
}

/** Tells two keys apart, and nothing else. */
export function printOf(stages: Stages | null): string | null {
  const key = stages?.hashKey ?? null;
  return key && createHmac('sha256', key).update('the key of this run').digest('hex').slice(0, 16);
}
