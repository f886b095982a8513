/**
 * Table object: a lookup table that is an object of the source.
 * Takes  its name, and the source. Gives  a TableFile, pinned by the object's ETag.
 * Never  knows what a table is: src/shape/table/ does.
 */
import { UNVERSIONED, versionName } from '../aws/etag.ts';
import { MIB } from '../base/limits.ts';
import { type ObjectName, objectUri } from '../base/object-uri.ts';
import { type TableFile, unreadable } from '../shape/table/rows/table-file.ts';
import { isArchived } from './object.ts';
import { rangesOf } from './ranges.ts';
import type { RangeReader, Source } from './source.ts';

/** One request each. */
const RANGE_BYTES = 8 * MIB;

/** @param reader Stays open while the table is read. @throws {MillraceError} It is not there, may not be read, or must be restored first. */
export async function openTableObject(
  name: ObjectName,
  source: Pick<Source, 'find'>,
  reader: RangeReader,
  signal: AbortSignal,
): Promise<TableFile> {
  const uri = objectUri(name);
  const object = await source.find(name, signal);
  if (isArchived(object))
    throw unreadable(uri, `its storage class is ${object.storageClass}: restore it first`);
  const version = versionName(object.etag, object.lastModifiedMs);
  if (version === UNVERSIONED)
    throw unreadable(uri, 'it has neither ETag nor time, so nobody could tell whether it stays the same');
  const readRange = rangesOf({ reader, signal });
  return {
    name: uri,
    version,
    sizeBytes: object.size,
    async *read(start, end) {
      for (let at = start; at < end; at += RANGE_BYTES)
        yield await readRange(object, at, Math.min(end, at + RANGE_BYTES));
    },
  };
}
