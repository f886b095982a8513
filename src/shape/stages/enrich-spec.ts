/**
 * Enrich spec: a stage `enrich` as data.
 * Takes  options as people write them. Gives  the spec.
 * Owns   what options are right.
 */
import { fileURLToPath } from 'node:url';
import { OptionsError } from '../../base/errors.ts';
import { formatOfTable } from '../table/format.ts';
import type { EnrichSpec } from '../table/name.ts';
import { isMember, ON_MISSING } from './join-spec.ts';

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
