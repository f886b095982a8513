/**
 * Open stages: what a run asks of its lines, with the key of `--hash` and a condition that can be read.
 * Takes  stage options. Gives  stages that travel to the parser threads, or null where there are none; a fingerprint of the key.
 * Never  keeps anything of the key: the fingerprint is a keyed hash itself.
 */
import { createHmac } from 'node:crypto';
import { OptionsError } from '../base/errors.ts';
import { editsOf, hasStages, type StageOptions } from '../options/stages.ts';
import { hashKeyFrom, refuseWithoutKey } from '../shape/hash-key.ts';
import type { StageSpec } from '../shape/stage.ts';
import { problemsOf, type Stages } from '../shape/stages.ts';

/** @throws {OptionsError} When a condition cannot be read, or there is no key. */
export async function openStages(options: StageOptions): Promise<Stages | null> {
  if (!hasStages(options)) return null;
  const stages = options.stages.length > 0 ? await listed(options.stages) : ofFlags(options);
  // Loaded only here: a start without a condition does not need it.
  if (stages.where !== null) new (await import('../shape/where.ts')).Where(stages.where);
  const hashes = [...stages.edits, ...stages.later].some(({ kind }) => kind === 'hash');
  return hashes ? { ...stages, hashKey: hashKeyFrom(options.hashKeyFile) ?? refuseWithoutKey() } : stages;
}

async function listed(specs: readonly StageSpec[]): Promise<Stages> {
  const stages = (await import('../shape/plan.ts')).planStages(specs);
  const [first] = stages.later;
  if (first === undefined) return stages;
  throw new OptionsError([
    `Cannot run ${first.kind} as stage ${specs.length - stages.later.length + 1}: only a sample, a condition and edits of different places, in this order, can be run.`,
  ]);
}

function ofFlags(options: StageOptions): Stages {
  const { where, samplePercent } = options;
  const onWhereError = options.onWhereError ?? 'dead-letter';
  const edits = editsOf(options);
  const problems = problemsOf(edits);
  if (problems.length > 0) throw new OptionsError(problems);
  const sample = samplePercent === null ? null : samplePercent / 100;
  return { where, onWhereError, edits, hashKey: null, sample, later: [] };
}

/** Tells two keys apart, and nothing else. */
export function printOf(stages: Stages | null): string | null {
  const key = stages?.hashKey ?? null;
  return key && createHmac('sha256', key).update('the key of this run').digest('hex').slice(0, 16);
}
