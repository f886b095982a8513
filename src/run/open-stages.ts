/**
 * Open stages: what a run asks of its lines, with the key of `--hash` and a condition that can be read.
 * Takes  stage options. Gives  stages that travel to the parser threads, or null where there are none; a fingerprint of the key.
 * Never  keeps anything of the key: the fingerprint is a keyed hash itself.
 */
import { createHash, createHmac } from 'node:crypto';
import { resolve } from 'node:path';
import { OptionsError } from '../base/errors.ts';
import { editsOf, hasStages, moduleOf, type StageOptions } from '../options/stages.ts';
import { hashKeyFrom, refuseWithoutKey } from '../shape/hash-key.ts';
import type { StageSpec } from '../shape/stage.ts';
import { problemsOf, type Stages } from '../shape/stages.ts';
import { probeModules } from './probe-modules.ts';

/** @throws {OptionsError} When a condition cannot be read, or there is no key. */
export async function openStages(options: StageOptions): Promise<Stages | null> {
  if (!hasStages(options)) return null;
  const planned = options.stages.length > 0 ? await listed(options.stages) : ofFlags(options);
  const { transformTimeoutMs: timeoutMs, isVolatile } = options;
  const { specs: later, lookups } = await probeModules(planned.later);
  const stages = { ...planned, later, lookups, timeoutMs, isVolatile };
  // Loaded only here: a start without a condition does not need it.
  if (stages.where !== null) new (await import('../shape/where.ts')).Where(stages.where);
  const hashes = [...stages.edits, ...stages.later].some(({ kind }) => kind === 'hash');
  return hashes ? { ...stages, hashKey: hashKeyFrom(options.hashKeyFile) ?? refuseWithoutKey() } : stages;
}

async function listed(specs: readonly StageSpec[]): Promise<Stages> {
  const stages = (await import('../shape/plan.ts')).planStages(specs);
  return { ...stages, laterFrom: specs.length - stages.later.length + 1 };
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

/** Tells stages in JavaScript apart by what they are, wherever modules lie; null where there are none. */
export function laterPrintOf(stages: Stages | null): string | null {
  if (stages === null || stages.later.length === 0) return null;
  const specs = stages.later.map((spec) => (spec.kind === 'use' ? { ...spec, module: null } : spec));
  return createHash('sha256').update(JSON.stringify(specs)).digest('hex').slice(0, 32);
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
