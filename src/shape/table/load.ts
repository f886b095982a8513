/**
 * Load: a file becomes a lookup table.
 * Takes  a file, the column that rows are found by, and how much memory there is.
 * Gives  the table in shared memory, once for all threads, and what is worth knowing about it.
 * Owns   which reader is for which format. Compression is told by the first bytes, not by the name.
 * Never  holds a file: but for a row group of Parquet, only a few rows are in memory beside the table.
 */
import { MillraceError, OptionsError } from '../../base/errors.ts';
import { MIB } from '../../base/limits.ts';
import { formatBytes, formatCount } from '../../base/quantity.ts';
import { decompress } from '../../inflate/decompress.ts';
import { formatOf } from '../../inflate/magic.ts';
import { TableBuilder, TableFullError } from './build.ts';
import { formatOfTable } from './format.ts';
import { keyTextOf } from './key.ts';
import type { AddRow, KeyColumn } from './rows/rows.ts';
import { type TableFile, TableRowError, unreadable } from './rows/table-file.ts';

export interface LoadedTable {
  readonly memory: SharedArrayBuffer;
  /** One line about it. */
  readonly notice: string;
}

/** Bytes that say how a file is compressed. */
const HEAD_BYTES = 4;

/**
 * @param bytesMax What the table may take.
 * @throws {MillraceError} The file cannot be read, is malformed, lacks the column, or makes too large a table.
 */
export async function loadTable(file: TableFile, column: KeyColumn, bytesMax: number): Promise<LoadedTable> {
  const reading = new Reading(file, column, bytesMax);
  try {
    await reading.run();
    await file.checkUnchanged?.();
    return reading.finish();
  } catch (error) {
    if (error instanceof TableFullError) throw reading.full();
    if (error instanceof TableRowError) throw unreadable(file.name, error.message);
    if (!(error instanceof Error)) throw error;
    // What is no matter of this file alone keeps its code: a service that is away can be asked again.
    if (error instanceof MillraceError && !error.code.startsWith('MILLRACE_OBJECT')) throw error;
    throw unreadable(file.name, error.message, error);
  }
}

class Reading {
  readonly #file: TableFile;
  readonly #column: KeyColumn;
  readonly #bytesMax: number;
  #builder: TableBuilder | null = null;
  #readBytes = 0;
  #keyless = 0;

  constructor(file: TableFile, column: KeyColumn, bytesMax: number) {
    this.#file = file;
    this.#column = column;
    this.#bytesMax = bytesMax;
  }

  async run(): Promise<void> {
    const builder = new TableBuilder(this.#bytesMax);
    this.#builder = builder;
    const add: AddRow = (key, json) => {
      const text = keyTextOf(key);
      if (text === null) this.#keyless++;
      else builder.add(text, json);
    };
    // Readers are loaded only where a table asks for them.
    const format = formatOfTable(this.#file.name);
    if (format === 'parquet') {
      const { readParquet } = await import('./rows/parquet.ts');
      await readParquet(this.#file, this.#column, add, (bytes) => {
        this.#readBytes += bytes;
      });
    } else if (format === 'csv' || format === 'tsv') {
      const { readCsv } = await import('./rows/csv.ts');
      await readCsv(this.#content(), this.#column, format === 'csv' ? ',' : '\t', add);
    } else {
      const { readJson, readJsonl } = await import('./rows/json.ts');
      await (format === 'json' ? readJson : readJsonl)(this.#content(), this.#column, add);
    }
  }

  finish(): LoadedTable {
    const builder = this.#builder!;
    const memory = builder.finish();
    const { repeatedCount, rowCount } = builder;
    const rows = `${formatCount(rowCount - repeatedCount)} rows in ${formatBytes(memory.byteLength)} for all threads`;
    const repeated =
      repeatedCount === 0
        ? ''
        : `; ${formatCount(repeatedCount)} others are left out, because their key comes again`;
    const keyless =
      this.#keyless === 0
        ? ''
        : `; ${formatCount(this.#keyless)} others are left out, because they have no key`;
    return { memory, notice: `table ${this.#file.name}: ${rows}${repeated}${keyless}` };
  }

  full(): OptionsError {
    const { name, sizeBytes } = this.#file;
    const share = this.#readBytes / sizeBytes;
    const needed = this.#builder === null || share === 0 ? null : this.#builder.bytes / Math.min(1, share);
    const more = needed === null ? 0 : Math.ceil((needed - this.#bytesMax) / MIB);
    const about = more > 0 ? `, about ${more} MiB more by what was read of it` : '';
    return new OptionsError([
      `Expected --memory to have room for the table ${name}, but the other buffers leave ${formatBytes(Math.max(0, this.#bytesMax))} of it: give more${about}.`,
    ]);
  }

  async *#content(): AsyncGenerator<Uint8Array> {
    const stored = this.#stored();
    let head: Uint8Array = new Uint8Array(0);
    while (head.length < HEAD_BYTES) {
      const next = await stored.next();
      if (next.done) break;
      head = Buffer.concat([head, next.value]);
    }
    const kind = formatOf(head);
    const all = followedBy(head, stored);
    yield* kind === 'plain' ? all : decompress(kind, all);
  }

  async *#stored(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#file.read(0, this.#file.sizeBytes)) {
      if (chunk.length === 0) continue;
      this.#readBytes += chunk.length;
      yield chunk;
    }
  }
}

async function* followedBy(head: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  yield* rest;
}
