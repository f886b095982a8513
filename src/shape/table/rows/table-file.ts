/**
 * Table file: what a lookup table is made of, wherever it lies.
 * Owns  the shape, and the failures that concern it. src/shape/table/local-file.ts is one, src/source/table-object.ts the other.
 */
import { MillraceError } from '../../../base/errors.ts';

export interface TableFile {
  /** URI or path, as it was given. Its ending says what it holds. */
  readonly name: string;
  /** Tells its versions apart: an ETag, or a hash. It is part of the run's identity. */
  readonly version: string;
  readonly sizeBytes: number;
  /** Bytes [start, end) of this very version. @throws {MillraceError} Whatever went wrong. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
  /** To be asked when all is read. @throws {MillraceError} The file is another one than it was. */
  checkUnchanged?(): Promise<void>;
}

/** A row that cannot be read. The message says where, and never what it holds. */
export class TableRowError extends Error {}

export function unreadable(name: string, why: string, cause?: unknown): MillraceError {
  return new MillraceError('MILLRACE_SOURCE', `Cannot read the table ${name}: ${why}`, { cause });
}
