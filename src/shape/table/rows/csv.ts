/**
 * CSV: rows of a table whose first line names its columns. Every value is a text.
 * Read by `csv-parse`, which is kept, has no dependencies, and says where a file is malformed.
 * Takes  the content of a file. Gives  rows as JSON, each with its key.
 */
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type CsvError, parse } from 'csv-parse';
import { ENGINE } from '../../../base/limits.ts';
import { type AddRow, columnOf, type KeyColumn } from './rows.ts';
import { TableRowError } from './table-file.ts';
import { tooLong, wholeLines } from './whole-lines.ts';

export async function readCsv(
  content: AsyncIterable<Uint8Array>,
  wanted: KeyColumn,
  delimiter: string,
  add: AddRow,
): Promise<void> {
  let names: readonly string[] | null = null;
  let keyAt = 0;
  let heads: readonly string[] = [];
  const take = (cells: readonly string[]) => {
    if (names === null) {
      names = distinct(cells);
      keyAt = names.indexOf(columnOf(names, wanted));
      heads = names.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
      return;
    }
    let json = '';
    for (let i = 0; i < cells.length; i++) json += heads[i]! + JSON.stringify(cells[i]);
    add(cells[keyAt], `${json}}`);
  };
  const parser = parse({
    delimiter,
    skipEmptyLines: true,
    maxRecordSize: ENGINE.tableRowBytesMax,
    onRecord: (cells: string[]) => {
      take(cells);
      return null;
    },
  });
  const nobody = new Writable({ objectMode: true, write: (_row, _encoding, done) => done() });
  try {
    await pipeline(wholeLines(content), parser, nobody);
  } catch (error) {
    throw isCsvError(error) ? inWords(error) : error;
  }
  if (names === null) throw new TableRowError('it has no first line that names the columns');
}

function distinct(names: readonly string[]): readonly string[] {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new TableRowError(`two of its columns are called ${JSON.stringify(twice)}`);
  return names;
}

function isCsvError(error: unknown): error is CsvError {
  return error instanceof Error && String((error as Partial<CsvError>).code).startsWith('CSV_');
}

/** The parser's own words may quote the file. */
function inWords(error: CsvError): TableRowError {
  if (error.code === 'CSV_MAX_RECORD_SIZE') return tooLong();
  const isUneven = /INCONSISTENT/.test(error.code);
  const why = isUneven ? 'has another number of columns than the first one' : `is no CSV (${error.code})`;
  return new TableRowError(`line ${Number(error.lines)} ${why}`);
}
