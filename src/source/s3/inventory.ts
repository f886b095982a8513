/**
 * Inventory: objects from an S3 Inventory report in place of a listing.
 * Takes  the URI of a `manifest.json` (beside it lies `manifest.checksum`).
 * Gives  the current version of each object, in the order of the report, which is not S3's listing order.
 * Owns   the trust in the report: manifest and files are checked against their MD5s before their first row is used, and read under
 *        If-Match afterwards.
 * Never  holds a whole file: a report has many of them, and rows by the million.
 *
 * Parquet is read by `hyparquet`, which is kept, has no dependencies and reads single row groups by range; CSV (gzip) and ORC here (orc.ts),
 * because npm holds no maintained reader of ORC. Source of the layout: S3UG, "Locating your inventory list".
 */
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { type AsyncBuffer, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import type { CredentialProvider } from '../../aws/credentials.ts';
import { isSameEtag, preconditionOf } from '../../aws/etag.ts';
import { MillraceError } from '../../base/errors.ts';
import { decompress } from '../../inflate/decompress.ts';
import { PARQUET_COMPRESSORS } from '../../inflate/parquet-compressors.ts';
import type { SourceObject } from '../object.ts';
import {
  type Clock,
  RETRY_POLICY_DEFAULT,
  Retry,
  type RetryPolicy,
  retrying,
  systemClock,
} from '../retry.ts';
import { type FailureKind, SourceFailure } from '../source-failure.ts';
import { failureOf } from './failure.ts';
import { decodeListedKey } from './list-page.ts';
import { openOrc } from './orc.ts';
import { renewCredentials } from './renewal.ts';
import { formatS3Uri, parseS3Uri, type S3Location } from './uri.ts';

export interface InventoryOptions {
  readonly requesterPays?: boolean;
  readonly retry?: RetryPolicy;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

interface Manifest {
  readonly sourceBucket: string;
  readonly fileFormat: string;
  readonly fileSchema: string;
  readonly files: readonly { readonly key: string; readonly size: number; readonly MD5checksum: string }[];
}

/** A row of a report, by the column names of Parquet; those of CSV are brought to the same form. */
type Row = Readonly<Record<string, unknown>>;

/** CSV says `LastModifiedDate`, Parquet `last_modified_date`. */
const columnName = (name: string) => name.toLowerCase().replaceAll('_', '');
const COLUMNS_NEEDED = ['key', 'size', 'etag'];
const COLUMNS_USED: ReadonlySet<string> = new Set([
  ...COLUMNS_NEEDED,
  ...['islatest', 'isdeletemarker', 'lastmodifieddate', 'storageclass'],
]);
const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

/**
 * The objects that a report names, without delete markers and versions that are not the latest.
 * @param manifestUri `s3://bucket/.../manifest.json`.
 * @throws {MillraceError} MILLRACE_SOURCE (exit 2): no manifest, a wrong checksum, another format, a column that is missing.
 */
export async function* readInventory(
  s3: S3Client,
  manifestUri: string,
  options: InventoryOptions = {},
): AsyncGenerator<SourceObject> {
  const reports = new Reports(s3, options);
  const manifestAt = parseS3Uri(manifestUri);
  const manifest = await reports.manifest(manifestAt);
  for (const file of manifest.files) {
    const location = { bucket: manifestAt.bucket, key: file.key };
    const etag = await reports.verify(location, file.MD5checksum);
    for await (const row of reports.rows(manifest, location, etag, file.size)) {
      const object = toObject(location, manifest.sourceBucket, row);
      if (object !== null) yield object;
    }
  }
}

class Reports {
  readonly #s3: S3Client;
  readonly #options: InventoryOptions;
  #isAnswered = false;

  constructor(s3: S3Client, options: InventoryOptions) {
    this.#s3 = s3;
    this.#options = options;
  }

  async manifest(location: S3Location): Promise<Manifest> {
    const uri = formatS3Uri(location);
    if (!location.key.endsWith('manifest.json')) {
      throw problem(`Expected the URI of an S3 Inventory manifest.json, but received ${uri}`);
    }
    const bytes = await this.#small(location);
    const checksumAt = { ...location, key: location.key.replace(/json$/, 'checksum') };
    const expected = (await this.#small(checksumAt)).toString().trim().toLowerCase();
    const actual = createHash('md5').update(bytes).digest('hex');
    if (expected !== actual) throw wrongChecksum(uri, expected, actual);
    const manifest = parseManifest(uri, bytes);
    if (['CSV', 'ORC', 'Parquet'].includes(manifest.fileFormat)) return manifest;
    throw problem(
      `Cannot read ${uri}: its format is ${manifest.fileFormat}; have the inventory written as CSV, ORC or Parquet`,
    );
  }

  rows(manifest: Manifest, location: S3Location, etag: string, size: number): AsyncGenerator<Row> {
    if (manifest.fileFormat === 'CSV') return this.#csvRows(location, etag, size, manifest.fileSchema);
    return manifest.fileFormat === 'ORC'
      ? this.#orcRows(location, etag, size)
      : this.#parquetRows(location, etag, size);
  }

  /** Reads a file once for its MD5. @returns Its ETag, under which it is read again for its rows. */
  async verify(location: S3Location, md5: string): Promise<string> {
    return this.#retrying(location, async () => {
      const { body, etag } = await this.#get(location);
      const hash = createHash('md5');
      for await (const chunk of body) hash.update(chunk as Uint8Array);
      const actual = hash.digest('hex');
      if (actual !== md5.toLowerCase()) throw wrongChecksum(formatS3Uri(location), md5, actual);
      return etag;
    });
  }

  async *#csvRows(location: S3Location, etag: string, size: number, schema: string): AsyncGenerator<Row> {
    const names = schema.split(',').map((name) => columnName(name.trim()));
    requireColumns(location, names);
    const content = decompress('gzip', this.#stored(location, etag, size));
    const input = Readable.from(content, { objectMode: false });
    try {
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
        if (line === '') continue;
        const cells = parseCsvLine(line);
        const row: Record<string, unknown> = {};
        names.forEach((name, i) => {
          row[name] = name === 'key' ? decodeListedKey(cells[i] ?? '') : cells[i];
        });
        yield row;
      }
    } catch (error) {
      throw asSourceError(location, error);
    }
  }

  /** A file's bytes, resumed at the byte reached when the connection is cut. */
  async *#stored(location: S3Location, etag: string, size: number): AsyncGenerator<Uint8Array> {
    const retry = this.#retry(location);
    for (let position = 0; position < size; ) {
      try {
        const { body } = await this.#get(location, etag, `bytes=${position}-${size - 1}`);
        for await (const chunk of body as AsyncIterable<Uint8Array>) {
          position += chunk.length;
          yield chunk;
          retry.progressed();
        }
      } catch (error) {
        await retry.failed(failureOf(error), this.#options.signal);
      }
    }
  }

  /** Row group by row group: only one is in memory. */
  async *#parquetRows(location: S3Location, etag: string, size: number): AsyncGenerator<Row> {
    const file: AsyncBuffer = {
      byteLength: size,
      slice: async (start, end = size) => {
        const bytes = await this.#range(location, etag, start, end);
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
      },
    };
    const metadata = await parquetMetadataAsync(file);
    const names = metadata.schema.slice(1).map(({ name }) => columnName(name));
    requireColumns(location, names);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({
        file,
        metadata,
        rowStart,
        rowEnd,
        compressors: PARQUET_COMPRESSORS,
      });
      for (const row of rows) {
        yield Object.fromEntries(Object.entries(row).map(([name, value]) => [columnName(name), value]));
      }
      rowStart = rowEnd;
    }
  }

  /** Stripe by stripe: only the streams of one are in memory, as they are stored. */
  async *#orcRows(location: S3Location, etag: string, size: number): AsyncGenerator<Row> {
    try {
      const file = await openOrc((start, end) => this.#range(location, etag, start, end), size);
      requireColumns(location, file.columns.map(columnName));
      const wanted = new Set(file.columns.filter((name) => COLUMNS_USED.has(columnName(name))));
      for await (const row of file.rows(wanted))
        yield Object.fromEntries(Object.entries(row).map(([name, value]) => [columnName(name), value]));
    } catch (error) {
      if (error instanceof MillraceError || !(error instanceof Error)) throw error;
      throw new MillraceError('MILLRACE_SOURCE', `Cannot read ${formatS3Uri(location)}: ${error.message}`, {
        cause: error,
      });
    }
  }

  #range(location: S3Location, etag: string, start: number, end: number): Promise<Buffer> {
    return this.#retrying(location, async () => {
      const { body } = await this.#get(location, etag, `bytes=${start}-${end - 1}`);
      return collect(body, end - start);
    });
  }

  #retry(location: S3Location): Retry {
    const { retry = RETRY_POLICY_DEFAULT, clock = systemClock } = this.#options;
    const mayPass = (kind: FailureKind) => this.#isAnswered && (kind === 'identity' || kind === 'denied');
    return new Retry(retry, clock, `read the inventory ${formatS3Uri(location)}`, mayPass);
  }

  #small(location: S3Location): Promise<Buffer> {
    return this.#retrying(location, async () =>
      collect((await this.#get(location)).body, MANIFEST_BYTES_MAX),
    );
  }

  async #get(location: S3Location, etag?: string, range?: string): Promise<{ body: Readable; etag: string }> {
    const { signal, requesterPays } = this.#options;
    const ifMatch = preconditionOf(etag ?? '')['if-match'];
    const command = new GetObjectCommand({
      Bucket: location.bucket,
      Key: location.key,
      ...(requesterPays && { RequestPayer: 'requester' as const }),
      ...(ifMatch !== undefined && { IfMatch: ifMatch }),
      ...(range !== undefined && { Range: range }),
    });
    const output = await this.#s3.send(command, signal === undefined ? {} : { abortSignal: signal });
    this.#isAnswered = true;
    const found = output.ETag ?? '';
    if (etag !== undefined && !isSameEtag(etag, found))
      throw new SourceFailure('changed', `its ETag was ${etag} and is ${found}`);
    return { body: output.Body as Readable, etag: found };
  }

  async #retrying<T>(location: S3Location, work: () => Promise<T>): Promise<T> {
    try {
      const renew = (failure: SourceFailure) =>
        renewCredentials(this.#s3.config.credentials as CredentialProvider, failure);
      return await retrying(this.#retry(location), work, failureOf, this.#options.signal, renew);
    } catch (error) {
      throw asSourceError(location, error);
    }
  }
}

function parseManifest(uri: string, bytes: Buffer): Manifest {
  let manifest: Partial<Manifest> | null;
  try {
    manifest = JSON.parse(bytes.toString());
  } catch (error) {
    throw new MillraceError('MILLRACE_SOURCE', `Cannot read ${uri}: it is no JSON`, { cause: error });
  }
  const isWhole =
    typeof manifest?.sourceBucket === 'string' &&
    typeof manifest.fileFormat === 'string' &&
    typeof manifest.fileSchema === 'string' &&
    Array.isArray(manifest.files) &&
    manifest.files.every((file) => isFileEntry(file));
  if (!isWhole) throw problem(`Cannot read ${uri}: it is no manifest of S3 Inventory`);
  return manifest as Manifest;
}

function isFileEntry(file: Partial<Manifest['files'][number]> | null): boolean {
  return (
    typeof file?.key === 'string' && typeof file.MD5checksum === 'string' && typeof file.size === 'number'
  );
}

/** Cells are quoted, a quote within one is doubled; no cell holds a newline, because keys are URL-encoded. */
export function parseCsvLine(line: string): string[] {
  const cells: string[] = [];
  for (const match of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
  }
  return cells;
}

function requireColumns(location: S3Location, names: readonly string[]): void {
  const missing = COLUMNS_NEEDED.filter((name) => !names.includes(name));
  if (missing.length === 0) return;
  const shown = missing.map((name) => ({ key: 'Key', size: 'Size', etag: 'ETag' })[name]).join(', ');
  throw problem(
    `Cannot use the inventory ${formatS3Uri(location)}: it lacks the fields ${shown}; add them to its configuration`,
  );
}

/** Null: a reader of the bucket would not see it. */
function toObject(location: S3Location, sourceBucket: string, row: Row): SourceObject | null {
  if (String(row.islatest ?? 'true') === 'false' || String(row.isdeletemarker ?? 'false') === 'true')
    return null;
  const size = Number(row.size === '' ? Number.NaN : (row.size ?? Number.NaN));
  if (!Number.isSafeInteger(size))
    throw problem(
      `Cannot use the inventory ${formatS3Uri(location)}: a row does not say how large its object is`,
    );
  const etag = String(row.etag ?? '').replaceAll('"', '');
  const modified = row.lastmodifieddate;
  const lastModifiedMs = modified instanceof Date ? modified.getTime() : Date.parse(String(modified ?? ''));
  return {
    bucket: sourceBucket,
    key: String(row.key),
    etag: etag === '' ? '' : `"${etag}"`, // a report gives it without the quotes that If-Match wants
    size,
    lastModifiedMs: Number.isNaN(lastModifiedMs) ? 0 : lastModifiedMs,
    storageClass: String(row.storageclass || 'STANDARD'),
  };
}

async function collect(body: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > bytesMax) throw problem(`Cannot use the inventory: a file of it is over ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function problem(message: string): MillraceError {
  return new MillraceError('MILLRACE_SOURCE', message);
}

function wrongChecksum(uri: string, expected: string, actual: string): MillraceError {
  return problem(`Cannot trust ${uri}: its MD5 should be ${expected} and is ${actual}`);
}

/** A report that cannot be read concerns the whole run, not one object. */
function asSourceError(location: S3Location, error: unknown): unknown {
  if (!(error instanceof MillraceError)) return error;
  if (error.code === 'MILLRACE_SOURCE' || error.code === 'MILLRACE_SERVICE_AWAY') return error;
  const where = formatS3Uri(location);
  return new MillraceError('MILLRACE_SOURCE', `${error.message} (inventory ${where})`, { cause: error });
}
