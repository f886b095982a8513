/**
 * Enrich: a stage that puts a row of a lookup table into each record.
 * Takes  options as people write them; the tables that the run has loaded.
 * Gives  the stage as data; the stage at work.
 * Owns   what options are right. Where the row goes and what becomes of a record without one: join.ts.
 */
import { fileURLToPath } from 'node:url';
import { OptionsError } from '../base/errors.ts';
import { isObjectUri } from '../base/object-uri.ts';
import { Carried } from './carried.ts';
import { isMember, Join, ON_MISSING } from './join.ts';
import type { StageRoom } from './open-stage.ts';
import type { RunningStage } from './stage.ts';
import { formatOfTable } from './table/format.ts';
import { type EnrichSpec, tableName, wishOf } from './table/name.ts';
import { Table } from './table/table.ts';

export interface EnrichOptions {
  /**
   * URI of an object, or path or URL of a file: .csv, .tsv, .jsonl, .ndjson, .json or .parquet, also compressed (.gz, .zst). A module names one
   * that lies beside it with `new URL('./users.csv', import.meta.url)`.
   */
  readonly table: string | URL;
  /** JSON Pointer to the key in the record: a text, a number or a boolean. */
  readonly on: string;
  /** JSON Pointer to where the row goes. */
  readonly into: string;
  /** The table's column that holds the key. Default: the one called like the last name of `on`; of an object by key its names. */
  readonly key?: string;
  /** What becomes of a record without a row: `into` is null there, or it is dropped, or it is a dead letter. Default `null`. */
  readonly onMissing?: EnrichSpec['onMissing'];
}

/** @throws {OptionsError} For what cannot work, all of it at once. */
export function enrichSpec({ table: given, on, into, key, onMissing = 'null' }: EnrichOptions): EnrichSpec {
  const table = placeOf(given);
  const problems: string[] = [];
  const expected = (name: string, what: string, received: unknown) =>
    problems.push(`Expected \`${name}\` of enrich to be ${what}, but received ${JSON.stringify(received)}.`);
  if (!isMember(on)) expected('on', 'a JSON Pointer like /user/id', on);
  if (!isMember(into)) expected('into', 'a JSON Pointer like /user/profile', into);
  if (!ON_MISSING.includes(onMissing)) expected('onMissing', ON_MISSING.join(', '), onMissing);
  if (key !== undefined && typeof key !== 'string') expected('key', 'the name of a column', key);
  try {
    formatOfTable(table);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    problems.push(...error.problems);
  }
  if (problems.length > 0) throw new OptionsError(problems);
  return { kind: 'enrich', table, on, into, key: key ?? null, onMissing };
}

function placeOf(table: string | URL): string {
  const text = String(table);
  return text.startsWith('file:') ? fileURLToPath(text) : text;
}

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
    import('./table/local-file.ts'),
    import('./table/load.ts'),
  ]);
  const { memory } = await loadTable(await openLocalTable(spec.table), wishOf(spec), CALLS_BYTES_MAX);
  return memory;
}
