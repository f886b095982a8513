/** Inventory: reports in CSV, ORC and Parquet, trusted only after their checksums. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type FastS3, startFastS3 } from '../../../src/embedded/fast-s3.ts';
import { newListTally } from '../../../src/source/list-tally.ts';
import type { SourceObject } from '../../../src/source/object.ts';
import { parseCsvLine, readInventory } from '../../../src/source/s3/inventory.ts';
import { listObjects } from '../../../src/source/s3/list.ts';
import { hastyClock, testCalls, testClient } from '../source-run.ts';

/** Four rows in two row groups, with the columns of S3 Inventory; written by hyparquet-writer 0.17.0. */
const PARQUET = Buffer.from(
  [
    'UEFSMRUEFRAVFEwVAhUAAAAIHAQAAABkYXRhFQYVCBUMXBUEFQAVBBUQFQQVAAAAAwMCBAADFQYVPBVAXBUEFQAVBBUAFQQVAAAA',
    'AwMcbA0AAABwL2EgYitjLmpzb25sBwAAAHAvJTI1w7wVBhUGFQpcFQQVABUEFQAVBBUAAAADAwEAAxUGFQYVClwVBBUAFQQVABUE',
    'FQAAAAMDAQAAFQYVJBUoXBUEFQAVBBUAFQQVAAAAAwMQPAoAAAAAAAAAFAAAAAAAAAAVBBUQFRRMFQIVAAAACByoN7tMjwEAABUG',
    'FQgVDFwVBBUAFQQVEBUEFQAAAAMDAgQAAxUGFSAVJFwVBBUAFQQVABUEFQAAAAMDDjQCAAAAYWEEAAAAYmItMhUGFTIVNlwVBBUA',
    'FQQVABUEFQAAAAMDF1gIAAAAU1RBTkRBUkQHAAAAR0xBQ0lFUhUEFRAVFEwVAhUAAAAIHAQAAABkYXRhFQYVCBUMXBUEFQAVBBUQ',
    'FQQVAAAAAwMCBAADFQYVKhUuXBUEFQAVBBUAFQQVAAAAAwMTSAUAAABwL29sZAYAAABwL2dvbmUVBhUGFQpcFQQVABUEFQAVBBUA',
    'AAADAwEAAhUGFQYVClwVBBUAFQQVABUEFQAAAAMDAQACFQYVJBUoXBUEFQAVBBUAFQQVAAAAAwMQPB4AAAAAAAAAAAAAAAAAAAAV',
    'BBUQFRRMFQIVAAAACByoN7tMjwEAABUGFQgVDFwVBBUAFQQVEBUEFQAAAAMDAgQAAxUGFRwVIFwVBBUAFQQVABUEFQAAAAMDDCwC',
    'AAAAY2MCAAAAZGQVBBUYFRxMFQIVAAAADCwIAAAAU1RBTkRBUkQVBhUIFQxcFQQVABUEFRAVBBUAAAADAwIEAAMVBBmcSARyb290',
    'FRAAFQwlAhgGYnVja2V0JQAAFQwlAhgDa2V5JQAAFQAlAhgJaXNfbGF0ZXN0ABUAJQIYEGlzX2RlbGV0ZV9tYXJrZXIAFQQlAhgE',
    'c2l6ZQAVBCUCGBJsYXN0X21vZGlmaWVkX2RhdGUlEgAVDCUCGAVlX3RhZyUAABUMJQIYDXN0b3JhZ2VfY2xhc3MlAAAWCBksGYwm',
    'CBwVDBklABAZGAZidWNrZXQVAhYEFlwWZCY2JggcNgAoBGRhdGEYBGRhdGEAGSwVBBUAFQIAFQYVEBUCAAAAJmwcFQwZFQAZGANr',
    'ZXkVAhYEFmYWaiZsPDYAKA1wL2EgYitjLmpzb25sGAdwLyUyNcO8ABkcFQYVABUCAAAAJtYBHBUAGRUAGRgJaXNfbGF0ZXN0FQIW',
    'BBYwFjQm1gE8NgAoAQEYAQEAGRwVBhUAFQIAAAAmigIcFQAZFQAZGBBpc19kZWxldGVfbWFya2VyFQIWBBYwFjQmigI8NgAoAQAY',
    'AQAAGRwVBhUAFQIAAAAmvgIcFQQZFQAZGARzaXplFQIWBBZOFlImvgI8NgAoCBQAAAAAAAAAGAgKAAAAAAAAAAAZHBUGFQAVAgAA',
    'ACaQAxwVBBklABAZGBJsYXN0X21vZGlmaWVkX2RhdGUVAhYEFlwWZCa+AyaQAxw2ACgIqDe7TI8BAAAYCKg3u0yPAQAAABksFQQV',
    'ABUCABUGFRAVAgAAACb0AxwVDBkVABkYBWVfdGFnFQIWBBZKFk4m9AM8NgAoBGJiLTIYAmFhABkcFQYVABUCAAAAJsIEHBUMGRUA',
    'GRgNc3RvcmFnZV9jbGFzcxUCFgQWXBZgJsIEPDYAKAhTVEFOREFSRBgHR0xBQ0lFUgAZHBUGFQAVAgAAABbyBBYENpoFABmMJqIF',
    'HBUMGSUAEBkYBmJ1Y2tldBUCFgQWXBZkJtAFJqIFHDYAKARkYXRhGARkYXRhABksFQQVABUCABUGFRAVAgAAACaGBhwVDBkVABkY',
    'A2tleRUCFgQWVBZYJoYGPDYAKAVwL29sZBgGcC9nb25lABkcFQYVABUCAAAAJt4GHBUAGRUAGRgJaXNfbGF0ZXN0FQIWBBYwFjQm',
    '3gY8NgAoAQEYAQAAGRwVBhUAFQIAAAAmkgccFQAZFQAZGBBpc19kZWxldGVfbWFya2VyFQIWBBYwFjQmkgc8NgAoAQEYAQAAGRwV',
    'BhUAFQIAAAAmxgccFQQZFQAZGARzaXplFQIWBBZOFlImxgc8NgAoCB4AAAAAAAAAGAgAAAAAAAAAAAAZHBUGFQAVAgAAACaYCBwV',
    'BBklABAZGBJsYXN0X21vZGlmaWVkX2RhdGUVAhYEFlwWZCbGCCaYCBw2ACgIqDe7TI8BAAAYCKg3u0yPAQAAABksFQQVABUCABUG',
    'FRAVAgAAACb8CBwVDBkVABkYBWVfdGFnFQIWBBZGFkom/Ag8NgAoAmRkGAJjYwAZHBUGFQAVAgAAACbGCRwVDBklABAZGA1zdG9y',
    'YWdlX2NsYXNzFQIWBBZkFmwm/AkmxgkcNgAoCFNUQU5EQVJEGAhTVEFOREFSRAAZLBUEFQAVAgAVBhUQFQIAAAAW5AQWBDaQBQAo',
    'CWh5cGFycXVldBmMHAAAHAAAHAAAHAAAHAAAHAAAHAAAHAAAAN8EAABQQVIx',
  ].join(''),
  'base64',
);
/** The same rows; written by pyarrow 25.0.1. */
const ORC = Buffer.from(
  [
    'T1JDEQAACgYSBAgEUAA2AADjkuViZQABIREOFiU+LpaUxJJEITApoRDAAABEAADjUuRiZQABIQkOFiUhLvYCfVUj08N7hFgL9PNz',
    'UiTsAhgANAAA45LkYmUAASEBDhYlLi6mMgMhpjJjCYEABgAnAAAKEQoEAAAAABIJCAQqAwoBA1AAJwAAChEKBAAAAAASCQgEKgMK',
    'AQFQACwAAOMS52JngAAhHg5mITYOEQEbiYoARgA4AADjUuBiYwADITEOFi8BiQv3bp5+mawAoQwYAxgANAAA45Ll4mSAASEBDmYl',
    'Li6mxEQhpuRkCYEARgBKAADj0uDiZIABIWkOZiVRLnZ3H0dnT9cgIY7gEEc/F8cgFwm9AEYABQAAAQQQAABLSSxJTEHCAAkAAEYD',
    '11Y/AABwL2EgYitjLmpzb25scC8lMjXDvHAvb2xkcC9nb25lBQAAAQIRAAB2MXYydjB2MwUAAP/QBQAA/xAFAAD/4AsAAE4CFCg8',
    'CwAAGSMn57IFAAABAAUAAP/gCQAARgIkIBEAAGFhYmItMmNjBQAA/+AJAABGAoeAJgAACw5x9HNxDHJx93F09nQNCoZyAfwAAHWN',
    'OwoCQRBEZ3p2fmsyGCyloIIgeBMjM+9/FmtrOhOTftSH6rW0MgIO686Iq2h4iAkXccEmZmfBSbriJjbvdTypjTuZjOS+a9yr0oa7',
    'dPI8KY/cn/0shlFcFzTlVczkzJto/Dt3m3bC6O539zu240I/8NrPnf6/lP1zer0/XzgBAOPazMjFwsESwMAlwsGixMfFkpJYkigE',
    'JiUUgKISQFEhLvYCfVUj08N7hFgL9PNzUiTsgDICQBkuLqYyAyGmMmMJAaAIJweLFjMXIzOCyQhk8nAwC7FxiAjYSFQEMHKJcbB4',
    'CUhcuHfz9MtkBQhlAFIlwMEMMi0xUYgpORloGiOXNFBElIvd3cfR2dM1SIgjOMTRz8UxyEVCL4ARAHgCAH2OT0vDMBiHmyZd07JJ',
    'CFNCvJSBMDxsZeKliFic+AcZY3ovWRtHWWdHU4fz5jfw4GfwS+jNoxevXrz7LcwUtpMSSB6e3+99CYbkGfEahuTRZE/AuwdN1Jjj',
    'KnWACZFVsbHDK8ObeCxLDsdyzt2ZLFSaX0dpwp1URZkopSo50ZjITJYymohiLAuOVHonOc2EKqNJnqRXqUyiRLe5JaNSjHhNlXkh',
    'RjKKdUd5RtPwjQbG9r9kLNMVoaVz/p71UYAw6htBHaPGmov0TwT9uZmnLdOWuva0vdXZfX2h1rSdZwnb1wnRieuaM5+asx1GtHEw',
    '2oYugCsEGqsY0gqukz122wfBBkZnhL1/frx9xd7v4y9aBMPFNiGoGcd6Gwg2tVl37ePz8PD0aEDxxWXY64aDLmv1wcFD7wQMrU5L',
    'n28IvwIQARiAgAQiAgAMKJ8BMAaC9AMDT1JDGQ==',
  ].join(''),
  'base64',
);
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const SCHEMA = 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass';
const CSV = [
  ['data', 'p/a+b%2Bc.jsonl', 'v1', 'true', 'false', '10', '2024-05-06T07:08:09.000Z', 'aa', 'STANDARD'],
  ['data', 'p/%2525%C3%BC', 'v2', 'true', 'false', '20', '2024-05-06T07:08:09.000Z', 'bb-2', 'GLACIER'],
  ['data', 'p/old', 'v0', 'false', 'false', '30', '2024-05-06T07:08:09.000Z', 'cc', 'STANDARD'],
  ['data', 'p/gone', 'v3', 'true', 'true', '', '2024-05-06T07:08:09.000Z', '', ''],
];
const csvBytes = (rows: string[][]) =>
  gzipSync(rows.map((row) => `${row.map((cell) => `"${cell}"`).join(',')}\n`).join(''));
const EXPECTED = ['p/a b+c.jsonl', 'p/%25ü'];

let server: FastS3 | undefined;
afterEach(async () => {
  await server?.close();
});

interface Report {
  format?: string;
  schema?: string;
  files: Uint8Array[];
  /** What the manifest says instead of the truth. */
  fileMd5?: string;
  manifestMd5?: string;
}

async function publish({ format = 'CSV', schema = SCHEMA, files, fileMd5, manifestMd5 }: Report) {
  const manifest = Buffer.from(
    JSON.stringify({
      sourceBucket: 'data',
      destinationBucket: 'arn:aws:s3:::reports',
      version: '2016-11-30',
      fileFormat: format,
      fileSchema: schema,
      files: files.map((bytes, i) => ({
        key: `data/${i}`,
        size: bytes.length,
        MD5checksum: fileMd5 ?? md5(bytes),
      })),
    }),
  );
  server = await startFastS3({
    buckets: {
      reports: [
        { key: 'day/manifest.json', body: manifest },
        { key: 'day/manifest.checksum', body: Buffer.from(manifestMd5 ?? md5(manifest)) },
        ...files.map((body, i) => ({ key: `data/${i}`, body })),
      ],
    },
  });
  return testClient(server);
}

async function collect(objects: AsyncIterable<SourceObject>): Promise<SourceObject[]> {
  const found: SourceObject[] = [];
  for await (const object of objects) found.push(object);
  return found;
}

async function read(report: Report, uri = 's3://reports/day/manifest.json'): Promise<SourceObject[]> {
  return collect(readInventory(await publish(report), uri));
}

describe('readInventory', () => {
  it.each([
    { name: 'CSV', report: { files: [csvBytes(CSV.slice(0, 1)), csvBytes(CSV.slice(1))] } },
    { name: 'ORC', report: { format: 'ORC', schema: 'struct<bucket:string>', files: [ORC] } },
    { name: 'Parquet', report: { format: 'Parquet', schema: 'message s3.inventory { }', files: [PARQUET] } },
  ])('reads $name: current objects, keys decoded, ETags as If-Match wants them', async ({ report }) => {
    const found = await read(report);
    expect(found).toEqual([
      {
        bucket: 'data',
        key: EXPECTED[0],
        etag: '"aa"',
        size: 10,
        lastModifiedMs: Date.UTC(2024, 4, 6, 7, 8, 9),
        storageClass: 'STANDARD',
      },
      {
        bucket: 'data',
        key: EXPECTED[1],
        etag: '"bb-2"',
        size: 20,
        lastModifiedMs: Date.UTC(2024, 4, 6, 7, 8, 9),
        storageClass: 'GLACIER',
      },
    ]);
  });

  it('goes on at the byte reached when a file is cut', async () => {
    const rows = Array.from({ length: 5000 }, (_, i) => [
      'data',
      `k${i}`,
      `${Math.random()}`,
      'true',
      'false',
      '1',
      '',
      'aa',
      '',
    ]);
    const client = await publish({ files: [csvBytes(rows)] });
    server?.setFaults([{ kind: 'truncate', afterBytes: 20_000, target: 'data/0', skip: 1, times: 2 }]);
    const found: string[] = [];
    const inventory = readInventory(client, 's3://reports/day/manifest.json', { clock: hastyClock() });
    for await (const { key } of inventory) found.push(key);
    expect(found).toEqual(rows.map((row) => row[1]));
    expect(Object.values(server?.stats().faultsFired ?? {})).toEqual([2]);
  });

  it('says to S3 that the requester pays', async () => {
    const client = await publish({ files: [csvBytes(CSV)] });
    server?.setFaults([{ kind: 'not-paid', operation: '*' }]);
    const uri = 's3://reports/day/manifest.json';
    const unpaid = collect(readInventory(client, uri));
    await expect(unpaid).rejects.toMatchObject({ message: expect.stringMatching(/access denied/) });
    const paid = await collect(readInventory(client, uri, { requesterPays: true }));
    expect(paid.map(({ key }) => key)).toEqual(EXPECTED);
    expect(server?.stats().faultsFired['not-paid']).toBe(1);
  });

  it('goes through the same filters as a listing', async () => {
    const client = await publish({ files: [csvBytes(CSV)] });
    const inventory = readInventory(client, 's3://reports/day/manifest.json');
    const tally = newListTally();
    const found: string[] = [];
    for await (const { key } of listObjects(testCalls(server!), [], { inventory, tally })) found.push(key);
    expect([found, tally.archived]).toEqual([[EXPECTED[0]], 1]);
  });

  it.each([
    {
      name: 'a wrong manifest.checksum',
      report: { files: [], manifestMd5: '0'.repeat(32) },
      message: /Cannot trust/,
    },
    {
      name: 'a wrong MD5 of a file',
      report: { files: [csvBytes(CSV)], fileMd5: '0'.repeat(32) },
      message: /Cannot trust/,
    },
    {
      name: 'another format',
      report: { files: [], format: 'Avro' },
      message: /format is Avro; have the inventory written as CSV, ORC or Parquet/,
    },
    {
      name: 'an ORC file that is none, whose MD5 is right',
      report: { files: [csvBytes(CSV)], format: 'ORC' },
      message: /Cannot read s3:\/\/reports\/data\/0: it is no ORC file/,
    },
    {
      name: 'a report without sizes',
      report: { files: [csvBytes(CSV)], schema: 'Bucket, Key, ETag' },
      message: /lacks the fields Size/,
    },
    {
      name: 'a row without a size',
      report: { files: [csvBytes(CSV.map((row) => row.with(5, '')))] },
      message: /a row does not say how large its object is/,
    },
    {
      name: 'a damaged file whose MD5 is right',
      report: { files: [csvBytes(CSV).subarray(0, -9)] },
      message: /decompress/,
    },
  ])('refuses $name', async ({ report, message }) => {
    await expect(read(report)).rejects.toMatchObject({
      code: 'MILLRACE_SOURCE',
      exitCode: 2,
      message: expect.stringMatching(message),
    });
  });

  it.each([
    {
      name: 'a URI that is no manifest',
      uri: 's3://reports/data/0',
      message: /Expected the URI of an S3 Inventory/,
    },
    {
      name: 'a manifest that does not exist',
      uri: 's3://reports/other/manifest.json',
      message: /no longer exists|NoSuchKey/,
    },
  ])('refuses $name', async ({ uri, message }) => {
    await expect(read({ files: [] }, uri)).rejects.toMatchObject({
      code: 'MILLRACE_SOURCE',
      message: expect.stringMatching(message),
    });
  });
});

describe('listObjects with an inventory', () => {
  const object = (key: string, storageClass = 'STANDARD'): SourceObject => ({
    bucket: 'data',
    key,
    etag: '"1"',
    size: 3,
    lastModifiedMs: 0,
    storageClass,
  });
  async function* inventoryOf(...objects: SourceObject[]) {
    yield* objects;
  }
  const body = Buffer.from('{}\n');

  it.each([
    { name: 'no SOURCE', sources: [], keys: ['a/1', 'a/2', 'b/1'], filtered: 0 },
    { name: 'one SOURCE', sources: ['s3://data/a/'], keys: ['a/1', 'a/2'], filtered: 1 },
    {
      name: 'overlapping SOURCEs',
      sources: ['s3://data/a/', 's3://data/a/1', 's3://data/b/1'],
      keys: ['a/1', 'a/2', 'b/1'],
      filtered: 0,
    },
    { name: 'a whole bucket', sources: ['s3://data'], keys: ['a/1', 'a/2', 'b/1'], filtered: 0 },
  ])('gives what its SOURCEs name, and lists nothing: $name', async ({ sources, keys, filtered }) => {
    server = await startFastS3({ buckets: {} });
    const tally = newListTally();
    const inventory = inventoryOf(object('a/1'), object('a/2'), object('b/1'));
    const found = await collect(listObjects(testCalls(server), sources, { inventory, tally }));
    expect(found.map(({ key }) => key)).toEqual(keys);
    expect([tally.filtered, server.stats().requests]).toEqual([filtered, 0]);
  });

  it.each(['s3://data/c', 's3://other/a/'])('names a SOURCE that is not in it: %s', async (source) => {
    server = await startFastS3({ buckets: {} });
    const inventory = inventoryOf(object('a/1'));
    const listing = collect(listObjects(testCalls(server), [source], { inventory }));
    const message = `Cannot find any object at ${source} in the inventory; --allow-empty takes that for no failure`;
    await expect(listing).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2, message });
  });

  it('that lists nothing, or nothing that the globs take, is a failure unless that is allowed', async () => {
    server = await startFastS3({ buckets: {} });
    const empty = { inventory: inventoryOf() };
    await expect(collect(listObjects(testCalls(server), [], empty))).rejects.toThrow(
      /the inventory lists none/,
    );
    const filters = { include: ['*.json'] };
    const other = { inventory: inventoryOf(object('a/1')), filters };
    await expect(collect(listObjects(testCalls(server), [], other))).rejects.toThrow(/none of 1 keys/);
    for (const options of [{ inventory: inventoryOf() }, { inventory: inventoryOf(object('a/1')), filters }])
      expect(await collect(listObjects(testCalls(server), [], { ...options, allowEmpty: true }))).toEqual([]);
  });

  it('asks whether archived objects have been restored meanwhile', async () => {
    server = await startFastS3({
      buckets: {
        data: [
          { key: 'cold', body, storageClass: 'GLACIER' },
          { key: 'thawed', body, storageClass: 'DEEP_ARCHIVE', isRestored: true },
          { key: 'moved', body },
          { key: 'warm', body },
        ],
      },
    });
    const archived: string[] = [];
    const cold = ['cold', 'thawed', 'moved', 'gone'].map((key) => object(key, 'GLACIER'));
    const inventory = inventoryOf(...cold, object('warm'));
    const onArchived = ({ key }: SourceObject) => archived.push(key);
    const found = await collect(listObjects(testCalls(server), [], { inventory, onArchived }));
    // What is gone is given: its download says so.
    expect(found.map(({ key }) => key)).toEqual(['thawed', 'moved', 'gone', 'warm']);
    expect(archived).toEqual(['cold']);
    expect(server.stats().requestsByOperation.HeadObject).toBe(4);
  });

  it('gives a row that stands twice once', async () => {
    server = await startFastS3({ buckets: { data: [{ key: 'b', body }] } });
    const tally = newListTally();
    const seen = new Set<string>();
    const options = {
      tally,
      inventory: inventoryOf(object('a'), object('b'), object('a')),
      isRepeated: ({ key }: SourceObject) => seen.has(key) || !seen.add(key),
      stdin: (async function* () {
        yield 's3://data/b';
      })(),
    };
    const found = await collect(listObjects(testCalls(server), ['-'], options));
    expect(found.map(({ key }) => key)).toEqual(['b', 'a']);
    expect([tally.listed, tally.duplicates]).toEqual([2, 2]);
  });
});

it.each([
  ['"a","b"', ['a', 'b']],
  ['"a,b","c""d",""', ['a,b', 'c"d', '']],
  ['a,,c', ['a', '', 'c']],
])('parses the CSV line %j', (line, cells) => {
  expect(parseCsvLine(line)).toEqual(cells);
});
