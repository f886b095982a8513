/**
 * JSON: rows of a table that is JSONL, an array of objects, or an object whose names are the keys.
 * Takes  the content of a file.
 * Gives  rows as they are written, on one line each, with their keys.
 * Owns   where the key stands. An integer that a double would round is taken as it is written.
 */
import { locate } from '../../../scan/pointer.ts';
import { JsonValues } from './json-values.ts';
import { type AddRow, type KeyColumn, memberOf } from './rows.ts';
import { TableRowError } from './table-file.ts';
import { wholeLines } from './whole-lines.ts';

const LINE_END = 0x0a;

export async function readJsonl(
  content: AsyncIterable<Uint8Array>,
  { key, member }: KeyColumn,
  add: AddRow,
): Promise<void> {
  const name = key ?? member;
  let line = 0;
  for await (const lines of wholeLines(content)) {
    for (let from = 0; from < lines.length; ) {
      const found = lines.indexOf(LINE_END, from);
      const end = found < 0 ? lines.length : found;
      const text = lines.toString('utf8', from, end).trim();
      from = end + 1;
      line++;
      if (text !== '') add(keyIn(text, objectOf(text, line), name), text);
    }
  }
}

function objectOf(text: string, line: number): object {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch {
    throw new TableRowError(`line ${line} is no JSON`);
  }
  if (typeof row === 'object' && row !== null && !Array.isArray(row)) return row;
  throw new TableRowError(`line ${line} is no object`);
}

export async function readJson(
  content: AsyncIterable<Uint8Array>,
  { key, member }: KeyColumn,
  add: AddRow,
): Promise<void> {
  let row = 0;
  const values = new JsonValues((text, value, name) => {
    row++;
    const json = onOneLine(text);
    // An object by key has its keys outside, unless a column is named.
    if (name !== null && key === null) add(name, json);
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      add(keyIn(text, value, key ?? member), json);
    else throw new TableRowError(`value ${row} of it is no object`);
  });
  for await (const chunk of content) values.add(chunk);
  values.finish();
}

/** The value of a member. */
function keyIn(text: string, row: object, name: string): unknown {
  const value = memberOf(row, name);
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const at = locate(text, [name])!;
  const written = text.slice(at.start, at.end);
  return /^-?\d+$/.test(written) ? BigInt(written) : value;
}

/** White space between the parts of a value goes where it has line ends: a row becomes part of a record's one line. */
function onOneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/("(?:[^"\\]|\\.)*")|[ \t\r\n]+/g, '$1') : text;
}
