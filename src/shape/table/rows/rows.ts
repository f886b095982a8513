/**
 * Rows: what all forms of tables share.
 * Takes  the names of columns. Gives  the one that holds the key.
 * Owns   the choice where a stage names no column, and the words in which another one is asked for.
 */
import { TableRowError } from './table-file.ts';

/** Takes one row. @param key The value of its key column. @param json The whole row. */
export type AddRow = (key: unknown, json: string) => void;

/** `key`: as the stage names it, or null. `member`: what the column is called where it names none. */
export interface KeyColumn {
  readonly key: string | null;
  readonly member: string;
}

const SHOWN_COLUMNS_MAX = 10;

/** @throws {TableRowError} No such column. */
export function columnOf(names: readonly string[], { key, member }: KeyColumn): string {
  const name = key ?? member;
  if (names.includes(name)) return name;
  const shown = names.slice(0, SHOWN_COLUMNS_MAX).map((one) => JSON.stringify(one));
  if (names.length > SHOWN_COLUMNS_MAX) shown.push(`and ${names.length - SHOWN_COLUMNS_MAX} more`);
  const advice = `it has ${shown.join(', ')}; say with \`key\` which one holds what \`on\` leads to`;
  throw new TableRowError(`it has no column ${JSON.stringify(name)}: ${advice}`);
}

/** Of a row of JSON: an integer that `JSON.parse` rounds is taken as it is written. @param json The row's text, or null. */
export function memberOf(row: unknown, name: string): unknown {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) return undefined;
  return Object.hasOwn(row, name) ? (row as Record<string, unknown>)[name] : undefined;
}
