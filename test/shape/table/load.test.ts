/** Files that become lookup tables: each format gives the rows that it holds; what is malformed is named by its place. */
import { hash } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatOfTable } from '../../../src/shape/table/format.ts';
import { loadTable } from '../../../src/shape/table/load.ts';
import { openLocalTable } from '../../../src/shape/table/local-file.ts';
import { JsonValues } from '../../../src/shape/table/rows/json-values.ts';
import type { TableFile } from '../../../src/shape/table/rows/table-file.ts';
import { Table } from '../../../src/shape/table/table.ts';

const BYTES_MAX = 64 << 20;
const BY_ID = { key: null, member: 'id' };

/** A file that comes in pieces of so many bytes, each of them overwritten once the next one is asked for. */
function fileOf(name: string, content: string | Uint8Array, pieceBytes = 7): TableFile {
  const bytes = Buffer.from(content as string);
  return {
    name,
    version: 'v',
    sizeBytes: bytes.length,
    async *read(start, end) {
      for (let at = start; at < end; at += pieceBytes) {
        const piece = Uint8Array.from(bytes.subarray(at, Math.min(end, at + pieceBytes)));
        yield piece;
        piece.fill(0x3f);
      }
    },
  };
}

async function rowsOf(
  file: TableFile,
  keys: readonly unknown[],
  column: { key: string | null; member: string } = BY_ID,
) {
  const { memory, notice } = await loadTable(file, column, BYTES_MAX);
  const table = new Table(memory);
  return { rows: keys.map((key) => table.find(key)), notice, table };
}

/** Columns id (of 64 bits, one beyond 2^53), name, at, score, raw (two bytes); three rows in two row groups; written by hyparquet-writer 0.17.0. */
const PARQUET = Buffer.from(
  [
    'UEFSMRUGFSAVJFwVBBUAFQQVABUAFQAAABA8AQAAAAAAAAABAAAAAAAgABUGFRwVIFwVBBUAFQQVABUAFQAAAA40AwAAAEFkYQMAAABCw7YVBh',
    'UgFRpcFQQVABUEFQAVABUAAAAQAAARARhcJgUAAAAAFQYVIBUgXBUEFQAVBBUAFQAVAAAAEAAABQEk4D8AAAAAAADwPxUGFQgVDFwVBBUAFQQV',
    'ABUAFQAAAAQMAQIDBBUGFRAVFFwVAhUAFQIVABUAFQAAAAgcAwAAAAAAAAAVBhUMFRBcFQIVABUCFQAVABUAAAAGFAIAAABDeRUGFRAVFFwVAh',
    'UAFQIVABUAFQAAAAgcABCl1OgAAAAVBhUQFRRcFQIVABUCFQAVABUAAAAIHAAAAAAAAABAFQYVBBUIXBUCFQAVAhUAFQAVAAAAAgQF/xUEGWxI',
    'BHJvb3QVCgAVBCUAGAJpZAAVDCUAGARuYW1lJQAAFQQlABgCYXQlEgAVCiUAGAVzY29yZQAVDhUEFQAYA3JhdwAWBhksGVwmCBwVBBkVABkYAm',
    'lkFQIWBBZKFk4mCDw2ACgIAQAAAAAAIAAYCAEAAAAAAAAAABkcFQYVABUCAAAAJlYcFQwZFQAZGARuYW1lFQIWBBZGFkomVjw2ACgDQsO2GANB',
    'ZGEAGRwVBhUAFQIAAAAmoAEcFQQZFQAZGAJhdBUCFgQWShZEJqABPDYAKAgAXCYFAAAAABgIAAAAAAAAAAAAGRwVBhUAFQIAAAAm5AEcFQoZFQ',
    'AZGAVzY29yZRUCFgQWShZKJuQBPDYAKAgAAAAAAADwPxgIAAAAAAAA4D82AAAZHBUGFQAVAgAAACauAhwVDhkVABkYA3JhdxUCFgQWMhY2Jq4C',
    'PDYAKAIDBBgCAQIAGRwVBhUAFQIAAAAW1gIWBDbcAgAZXCbkAhwVBBkVABkYAmlkFQIWAhY6Fj4m5AI8NgAoCAMAAAAAAAAAGAgDAAAAAAAAAA',
    'AZHBUGFQAVAgAAACaiAxwVDBkVABkYBG5hbWUVAhYCFjYWOiaiAzw2ACgCQ3kYAkN5ABkcFQYVABUCAAAAJtwDHBUEGRUAGRgCYXQVAhYCFjoW',
    'PibcAzw2ACgIABCl1OgAAAAYCAAQpdToAAAAABkcFQYVABUCAAAAJpoEHBUKGRUAGRgFc2NvcmUVAhYCFjoWPiaaBDw2ACgIAAAAAAAAAEAYCA',
    'AAAAAAAABANgAAGRwVBhUAFQIAAAAm2AQcFQ4ZFQAZGANyYXcVAhYCFi4WMibYBDw2ACgCBf8YAgX/ABkcFQYVABUCAAAAFpICFgI2pgIAKAlo',
    'eXBhcnF1ZXQZXBwAABwAABwAABwAABwAAACzAgAAUEFSMQ==',
  ].join(''),
  'base64',
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-table-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('a table of CSV', () => {
  it('has the names of its first line, texts as values, quotes and line ends within them', async () => {
    const csv = '\ufeffid,name,"the note"\r\n1,Ada,"says ""hi"""\r\n2,"Bö\nb",\r\n\r\n';
    const { rows, notice } = await rowsOf(fileOf('users.csv', csv), [1, '2', 3]);
    expect(rows).toEqual([
      { id: '1', name: 'Ada', 'the note': 'says "hi"' },
      { id: '2', name: 'Bö\nb', 'the note': '' },
      undefined,
    ]);
    expect(notice).toMatch(/^table users\.csv: 2 rows in [\d.]+ kB for all threads$/);
  });

  it('may be divided by tabs, and compressed, whatever its name says of that', async () => {
    const tsv = 'code\tland\nCH\tSwitzerland\n';
    const column = { key: 'code', member: 'id' };
    for (const file of [
      fileOf('lands.tsv', tsv),
      fileOf('lands.tsv', zlib.gzipSync(tsv)),
      fileOf('lands.tsv.gz', zlib.gzipSync(tsv), 1),
      fileOf('lands.tsv.zst', zlib.zstdCompressSync(Buffer.from(tsv))),
    ])
      expect((await rowsOf(file, ['CH'], column)).rows).toEqual([{ code: 'CH', land: 'Switzerland' }]);
  });

  it('has any texts, as they were', async () => {
    const cell = fc.string({ unit: 'grapheme', maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, cell), { maxLength: 10 }), async (pairs) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const csv = `id,value\n${pairs.map((pair) => `${pair.map(quoted).join(',')}\n`).join('')}`;
        const { table } = await rowsOf(fileOf('t.csv', csv), []);
        const map = new Map(pairs);
        expect(table.rowCount).toBe(map.size);
        for (const [id, value] of map) expect(table.find(id)).toEqual({ id, value });
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    ['', 'it has no first line that names the columns'],
    [
      'name\nAda\n',
      'it has no column "id": it has "name"; say with `key` which one holds what `on` leads to',
    ],
    ['id,id\n1,2\n', 'two of its columns are called "id"'],
    ['id,name\n1,Ada\n2\n', 'line 3 has another number of columns than the first one'],
    ['id,name\n1,"secret"x\n', /line 2 is no CSV \(CSV_INVALID_CLOSING_QUOTE\)$/],
    [Buffer.from('id,name\n1,\xe4\n', 'latin1'), 'it is not UTF-8'],
    [`id,name\n1,${'x'.repeat(11 << 20)}\n`, 'a row is longer than 10.5 MB'],
  ])('is refused where it is malformed: %#', async (csv, why) => {
    const failure = rowsOf(fileOf('users.csv', csv, 1 << 20), []);
    await expect(failure).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2 });
    await expect(failure).rejects.toThrow(why);
    await expect(failure).rejects.toThrow(/^Cannot read the table users\.csv: (?!.*secret)/);
  });

  it('leaves out what comes twice, and says so', async () => {
    const { rows, notice } = await rowsOf(fileOf('users.csv', 'id,n\n1,a\n1,b\n'), ['1']);
    expect(rows).toEqual([{ id: '1', n: 'b' }]);
    expect(notice).toMatch(/1 rows in .*; 1 others are left out, because their key comes again$/);
  });
});

describe('a table of JSON', () => {
  it('is JSONL: rows as they are written, also numbers that no double holds', async () => {
    const jsonl =
      ' {"id":9007199254740993,"big":9007199254740995}\n\n{"id":"b","n":1.0}\r\n{"id":null}\n{"name":"x"}';
    const { table, notice } = await rowsOf(fileOf('t.jsonl.gz', zlib.gzipSync(jsonl)), []);
    expect(table.findJson('9007199254740993')).toBe('{"id":9007199254740993,"big":9007199254740995}');
    expect(table.findJson('b')).toBe('{"id":"b","n":1.0}');
    expect(notice).toMatch(/2 others are left out, because they have no key$/);
  });

  it('is an array of objects, or an object by key, each row on one line', async () => {
    const array = '\ufeff [ {"id": 1,\n "text": "a \\" ], { \\\\"} , {"id":"2","in":[{"deep":[1, 2]}]} ]\n';
    const first = await rowsOf(fileOf('t.json', array), []);
    expect(first.table.findJson('1')).toBe('{"id":1,"text":"a \\" ], { \\\\"}');
    expect(first.table.find('2')).toEqual({ id: '2', in: [{ deep: [1, 2] }] });
    const object = '{"CH": {"name":"Switzerland"}, "\\u0061:": "plain", "none": null, "": [1]}';
    const keys = ['CH', 'a:', 'none', '', 'id'];
    expect((await rowsOf(fileOf('t.json', object, 1), keys)).rows).toEqual([
      ...[{ name: 'Switzerland' }, 'plain', null, [1], undefined],
    ]);
    const named = await rowsOf(fileOf('t.json', '{"x":{"code":"CH"}}'), ['CH', 'x'], {
      key: 'code',
      member: 'id',
    });
    expect(named.rows).toEqual([{ code: 'CH' }, undefined]);
    expect((await rowsOf(fileOf('t.ndjson', ''), ['a'])).rows).toEqual([undefined]);
    expect((await rowsOf(fileOf('t.json', '[ ]'), ['a'])).rows).toEqual([undefined]);
  });

  it('is cut where JSON.parse would cut it, and refused where that refuses', () => {
    const valuesOf = (text: string): unknown => {
      const found: [string | null, unknown][] = [];
      const values = new JsonValues((_text, value, name) => found.push([name, value]));
      for (let at = 0; at < text.length; at += 3) values.add(Buffer.from(text.slice(at, at + 3)));
      values.finish();
      return found;
    };
    const expected = (value: object) =>
      Array.isArray(value) ? value.map((one) => [null, one]) : Object.entries(value);
    const root = fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue()));
    fc.assert(
      fc.property(root, fc.nat(2), fc.nat(), fc.constantFrom(...'[]{},:" 1a'), (given, space, at, char) => {
        const text = JSON.stringify(given, null, space);
        expect(valuesOf(text.toWellFormed())).toEqual(expected(JSON.parse(text.toWellFormed()) as object));
        // One character more or another one: both take it, or none of both.
        const place = at % (text.length + 1);
        const changed = text.slice(0, place) + char + text.slice(place + (at & 1));
        let parsed: unknown = null;
        try {
          parsed = JSON.parse(changed);
        } catch {}
        const isTable = typeof parsed === 'object' && parsed !== null;
        // Names that come twice are two values here, and one for JSON.parse.
        if (!isTable) expect(() => valuesOf(changed)).toThrow();
        else
          expect(new Map(valuesOf(changed) as [string, unknown][])).toEqual(
            new Map(expected(parsed as object) as [string, unknown][]),
          );
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['t.jsonl', '{"id":1}\n{"id":', 'line 2 is no JSON'],
    ['t.jsonl', '{"id":1}\n[1]\n', 'line 2 is no object'],
    ['t.json', '[{"id":1},{"id":}]', 'value 2 of it is no JSON'],
    ['t.json', '{"a":1,"b"}', 'value 2 of it is no JSON'],
    ['t.json', '[{"id":1},]', 'value 2 of it is no JSON'],
    ['t.json', '[{"id":1}', 'it ends in the middle of a value'],
    ['t.json', '[{"id":1}] 5', 'something follows behind its value'],
    ['t.json', '"text"', 'it ends in the middle of a value'],
    ['t.json', '5 [', 'it is neither an array of objects nor an object by key'],
    ['t.json', '[5]', 'value 1 of it is no object'],
    ['t.json.gz', zlib.gzipSync('[{"id":1}]').subarray(0, 20), /Cannot decompress the gzip data/],
  ])('is refused where it is malformed: %s %j', async (name, content, why) => {
    const failure = rowsOf(fileOf(name, content), []);
    await expect(failure).rejects.toMatchObject({ code: 'MILLRACE_SOURCE' });
    await expect(failure).rejects.toThrow(why);
  });
});

describe('a table of Parquet', () => {
  it('has its integers as they are, times in ISO 8601, bytes of a fixed length in base64', async () => {
    const { table } = await rowsOf(fileOf('users.parquet', PARQUET), []);
    expect([table.findJson(1), table.findJson('9007199254740993'), table.findJson(3)]).toEqual([
      '{"id":1,"name":"Ada","at":"1970-01-01T00:00:00.000Z","score":0.5,"raw":"AQI="}',
      '{"id":9007199254740993,"name":"Bö","at":"1970-01-02T00:00:00.000Z","score":1,"raw":"AwQ="}',
      '{"id":3,"name":"Cy","at":"2001-09-09T01:46:40.000Z","score":2,"raw":"Bf8="}',
    ]);
    const byName = await rowsOf(fileOf('users.parquet', PARQUET), ['Cy'], { key: 'name', member: 'id' });
    expect(byName.rows).toMatchObject([{ id: 3 }]);
  });

  it('is refused where it is none, or lacks the column', async () => {
    await expect(rowsOf(fileOf('t.parquet', 'id,name\n1,Ada\n'), [])).rejects.toThrow(
      /^Cannot read the table t\.parquet: it is no Parquet that can be read: /,
    );
    await expect(rowsOf(fileOf('t.parquet', PARQUET), [], { key: 'user', member: 'id' })).rejects.toThrow(
      'it has no column "user": it has "id", "name", "at", "score", "raw"',
    );
  });
});

describe('a table of any kind', () => {
  it('is told by the ending of its name', () => {
    const names = ['a.CSV', 's3://b/a.jsonl.zst', 'a.b/c.ndjson', 'x.json.gz', 'x.parquet'];
    expect(names.map(formatOfTable)).toEqual(['csv', 'jsonl', 'jsonl', 'json', 'parquet']);
    expect(() => formatOfTable('users.xlsx')).toThrow(
      'Expected the table of enrich to be named .csv, .tsv, .jsonl, .ndjson, .json, .parquet, and .gz or .zst where it is compressed, but received users.xlsx.',
    );
  });

  it('that is too large for the memory is refused with how much is missing', async () => {
    const csv = `id,text\n${Array.from({ length: 20_000 }, (_, i) => `${i},${'x'.repeat(100)}\n`).join('')}`;
    const failure = loadTable(fileOf('big.csv', csv, 4096), BY_ID, 1_000_000);
    await expect(failure).rejects.toMatchObject({ code: 'MILLRACE_OPTIONS' });
    await expect(failure).rejects.toThrow(
      /^Expected --memory to have room for the table big\.csv, but the other buffers leave 1\.0 MB of it: give more, about [234] MiB more by what was read of it\.$/,
    );
    await expect(loadTable(fileOf('big.csv', csv), BY_ID, -5)).rejects.toThrow('leave 0 B of it: give more.');
  });

  it('on the disk has the hash of its bytes, and may not change while it is read', async () => {
    const path = join(folder, 'users.csv');
    writeFileSync(path, 'id,name\n1,Ada\n');
    const file = await openLocalTable(path);
    expect(file.version).toBe(`sha256:${hash('sha256', 'id,name\n1,Ada\n', 'hex')}`);
    expect((await rowsOf(file, ['1'])).rows).toEqual([{ id: '1', name: 'Ada' }]);
    appendFileSync(path, '2,Bob\n');
    await expect(rowsOf(file, ['1'])).rejects.toThrow(
      `Cannot read the table ${path}: it was changed while it was read; begin again when it is complete`,
    );
    expect((await openLocalTable(path)).version).not.toBe(file.version);
    await expect(openLocalTable(join(folder, 'none.csv'))).rejects.toThrow(
      /Cannot read the table .*none\.csv: ENOENT/,
    );
  });
});
