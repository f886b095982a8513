/**
 * Enrich: a stage that puts a row of a lookup table into each record.
 * Takes  the stage as data (enrich-spec.ts); the tables that the run has loaded.
 * Gives  the stage at work.
 * Owns   the table of a stage that is called by itself. Where the row goes and what becomes of a record without one: join.ts.
 */
import { OptionsError } from '../../base/errors.ts';
import { isObjectUri } from '../../base/object-uri.ts';
import { Carried } from '../carried.ts';
import type { RunningStage } from '../stage.ts';
import { type EnrichSpec, tableName, wishOf } from '../table/name.ts';
import { Table } from '../table/table.ts';
import { Join } from './join.ts';
import type { StageRoom } from './open-stage.ts';

/** @throws {MillraceError} Of a plain call: the table cannot be read. */
export function openEnrich(
  spec: EnrichSpec,
  label: string,
  { tables }: Pick<StageRoom, 'tables'>,
): RunningStage | Promise<RunningStage> {
  if (tables === undefined)
    return loadForCalls(spec).then((memory) => stageOf(spec, label, new Table(memory)));
  const memory = tables[tableName(wishOf(spec))];
  if (memory === undefined) throw new RangeError(`The table ${spec.table} was not loaded`);
  return stageOf(spec, label, new Table(memory));
}

function stageOf(spec: EnrichSpec, label: string, table: Table): RunningStage {
  const join = new Join(spec, `the table ${spec.table}`);
  const runText = ({ text }: { readonly text: string }) =>
    join.outcome(text, table.findJson(join.keyIn(text)));
  const run = (value: unknown) => {
    const text = runText(Carried.ofValue(value));
    return text === null ? null : JSON.parse(text);
  };
  return { label, run, runText };
}

/** No run, no `--memory`: a bound against mistakes. */
const CALLS_BYTES_MAX = 2 ** 32;

/** A stage that is called by itself has no run that loads its table. */
async function loadForCalls(spec: EnrichSpec): Promise<SharedArrayBuffer> {
  if (isObjectUri(spec.table))
    throw new OptionsError([
      `Expected a file as the table of a stage that is called by itself, but received ${spec.table}: only a run reads objects.`,
    ]);
  const [{ openLocalTable }, { loadTable }] = await Promise.all([
    import('../table/local-file.ts'),
    import('../table/load.ts'),
  ]);
  const { memory } = await loadTable(await openLocalTable(spec.table), wishOf(spec), CALLS_BYTES_MAX);
  return memory;
}
