/**
 * Plan: a list of stages, in the order written, split into those that the scanner does and those that JavaScript does behind it.
 * Takes  specs. Gives  stages of a run.
 * Owns   how far the scanner's fixed order (sample, condition, edits of the line as it lies in the source) comes to the same bytes as the list does,
 *        one stage after the other.
 * Never  opens a stage.
 */
import { parsePointer } from '../../scan/pointer.ts';
import type { StageSpec } from '../stage.ts';
import type { Edit, Stages } from '../stages.ts';
import { Places } from './places.ts';

/** @returns Stages without the key of `hash`, which is no part of the specs. */
export function planStages(specs: readonly StageSpec[]): Stages {
  let at = 0;
  let percent: number | null = null;
  for (let spec = specs[at]; spec?.kind === 'sample'; spec = specs[++at])
    percent = Math.min(percent ?? spec.percent, spec.percent);
  const first = specs[at];
  const condition = first?.kind === 'where' ? first : null;
  if (condition !== null) at++;
  const edits: Edit[] = [];
  const places = new Places();
  for (let spec = specs[at]; isEdit(spec) && isOneGo(edits, spec); spec = specs[++at]) {
    if (places.add(parsePointer(spec.pointer)) === null) break;
    edits.push(spec);
  }
  return {
    where: condition?.expression ?? null,
    onWhereError: condition?.onError ?? 'dead-letter',
    edits,
    hashKey: null,
    sample: percent === null ? null : percent / 100,
    later: specs.slice(at),
  };
}

function isEdit(spec: StageSpec | undefined): spec is Extract<StageSpec, Edit | { kind: 'drop' | 'hash' }> {
  return spec !== undefined && ['drop', 'set', 'rename', 'hash'].includes(spec.kind);
}

/** Whether an edit behind others comes to the same bytes when all are made at once, each of a place of the line in the source. */
function isOneGo(before: readonly Edit[], edit: Edit): boolean {
  const place = parsePointer(edit.pointer);
  return before.every((other) => isApart(other, parsePointer(other.pointer), edit, place));
}

function isApart(
  before: Edit,
  beforePlace: readonly string[],
  edit: Edit,
  place: readonly string[],
): boolean {
  // A place within another: only a name may change later than what is below it, or what it stands for.
  const isWithin = isStart(beforePlace, place);
  const isAround = isStart(place, beforePlace);
  if (isWithin && isAround) return edit.kind === 'rename' && before.kind === 'hash';
  if (isWithin) return false;
  if (isAround) return edit.kind === 'rename';
  const depth = beforePlace.length - 1;
  if (!isStart(beforePlace.slice(0, depth), place)) return true;
  const [last, next] = [beforePlace[depth]!, place[depth]!];
  // What has a new name is found under it.
  if (before.kind === 'rename') return next !== before.name && next !== before.name.toWellFormed();
  // Elements behind one that is gone have moved.
  return before.kind !== 'drop' || !isIndex(last) || !isIndex(next);
}

function isStart(start: readonly string[], place: readonly string[]): boolean {
  return start.length <= place.length && start.every((name, i) => name === place[i]);
}

function isIndex(name: string): boolean {
  return /^\d+$/.test(name);
}
