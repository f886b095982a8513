/**
 * Where stage: the condition of `--where` as a stage.
 * Takes  a CEL expression over `record` and `source`. Gives  the stage; the same at work, which changes no record.
 */

import { Where } from '../prefix/where.ts';
import type { RunningStage, StageSpec } from '../stage.ts';
import { StageFailure } from '../stage-failure.ts';
import { specOf } from './spec-reader.ts';
import { dataStage, type Stage, textStage } from './stage-call.ts';

type WhereSpec = Extract<StageSpec, { kind: 'where' }>;

/**
 * Keeps the records for which a condition is true.
 * @param options `onError`: what becomes of a record for which it has no answer; a dead letter unless it says otherwise.
 */
export function where(expression: string, options: { readonly onError?: WhereSpec['onError'] } = {}): Stage {
  const spec = specOf('where', { expression, ...options });
  new Where(expression, 'where');
  return dataStage(spec, openWhere);
}

/** @throws {OptionsError} When the expression cannot be read. */
export function openWhere({ expression, onError }: WhereSpec, label: string): RunningStage {
  const condition = new Where(expression, 'where');
  return textStage(label, (record, place) => {
    const verdict = condition.judge(record.value, record.text, place);
    if (verdict === 'match') return record.text;
    if (verdict !== 'error' || onError === 'drop') return null;
    if (onError === 'keep') return record.text;
    throw new StageFailure('The condition has no answer', 'FILTER');
  });
}
