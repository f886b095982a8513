/**
 * Parquet: rows of a table, row group by row group. Read by `hyparquet`, as inventories are.
 * Takes  a file that is read by ranges. Gives  rows as JSON, with their keys.
 * Owns   what values that JSON does not know become: integers of 64 bits numbers as they are, times ISO 8601,
 *        bytes of a fixed length base64 (others are read as texts: so many writers mark none of theirs).
 */
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import { MillraceError } from '../../../base/errors.ts';
import { PARQUET_COMPRESSORS } from '../../../inflate/parquet-compressors.ts';
import { type AddRow, columnOf, type KeyColumn, memberOf } from './rows.ts';
import { type TableFile, TableRowError } from './table-file.ts';

/** Node has it, the types do not. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** @param onRead Told how many bytes have been read. */
export async function readParquet(
  tableFile: TableFile,
  wanted: KeyColumn,
  add: AddRow,
  onRead: (bytes: number) => void,
): Promise<void> {
  const file = asyncBufferOf(tableFile, onRead);
  const metadata = await parsed(() => parquetMetadataAsync(file));
  const names = parquetSchema(metadata).children.map(({ element }) => element.name);
  const column = columnOf(names, wanted);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const options = { file, metadata, rowStart, rowEnd, compressors: PARQUET_COMPRESSORS };
    const rows = await parsed(() => parquetReadObjects(options));
    for (const row of rows) add(memberOf(row, column), JSON.stringify(row, asJson));
    rowStart = rowEnd;
  }
}

function asyncBufferOf({ read, sizeBytes }: TableFile, onRead: (bytes: number) => void): AsyncBuffer {
  return {
    byteLength: sizeBytes,
    async slice(start, end = sizeBytes) {
      const bytes = new Uint8Array(end - start);
      let at = 0;
      for await (const part of read(start, end)) {
        bytes.set(part, at);
        at += part.length;
      }
      onRead(at);
      return bytes.buffer;
    },
  };
}

/** The library throws plain errors about what is no Parquet file, or a damaged one. */
async function parsed<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof MillraceError || !(error instanceof Error)) throw error;
    throw new TableRowError(`it is no Parquet that can be read: ${error.message}`);
  }
}

function asJson(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return rawJSON(String(value));
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}
