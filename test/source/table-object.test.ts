/** A lookup table that is an object: read in ranges, of the version that was found, whatever the network does. */
import { describe, expect, it } from 'vitest';
import { loadTable } from '../../src/shape/table/load.ts';
import { Table } from '../../src/shape/table/table.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';
import { openTableObject } from '../../src/source/table-object.ts';
import { openMemorySource } from './memory-source.ts';

const CSV = `id,name\n${Array.from({ length: 300_000 }, (_, i) => `${i},name of the user with number ${i}\n`).join('')}`;
const NAME = { bucket: 'memory', key: 'users.csv' };
const { signal } = new AbortController();

function open(csv = CSV) {
  const source = openMemorySource(new Map([['users.csv', Buffer.from(csv)]]));
  return { source, file: () => openTableObject(NAME, source, source.openReader(), signal) };
}

describe('a table that is an object', () => {
  it('is read in ranges, resumed where one fails, and named by its ETag', async () => {
    const { source, file } = open();
    source.failures.push(new SourceFailure('transient', 'the connection was cut'));
    const opened = await file();
    expect([opened.name, opened.version]).toEqual(['s3://memory/users.csv', `"${CSV.length}"`]);
    const { memory } = await loadTable(opened, { key: null, member: 'id' }, 1 << 30);
    const table = new Table(memory);
    expect(table.rowCount).toBe(300_000);
    expect(table.find(299_999)).toEqual({ id: '299999', name: 'name of the user with number 299999' });
    const end = 8 << 20;
    expect(source.failures).toEqual([]);
    expect(source.asked).toEqual([
      ...[`users.csv 0-${end}`, `users.csv 0-${end}`],
      `users.csv ${end}-${CSV.length}`,
    ]);
  });

  it('that changes meanwhile ends the reading, and says so', async () => {
    const { source, file } = open();
    const opened = await file();
    source.failures.push(new SourceFailure('changed', 'its ETag was "1" and is "2"'));
    const loading = loadTable(opened, { key: null, member: 'id' }, 1 << 30);
    await expect(loading).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2 });
    await expect(loading).rejects.toThrow(
      /^Cannot read the table s3:\/\/memory\/users\.csv: .*its ETag was "1" and is "2"/,
    );
    expect(source.failures).toEqual([]);
  });

  it('has to be restored first, or to have a version, or it is not read at all', async () => {
    const found = { ...NAME, etag: '"1"', size: 3, lastModifiedMs: 0, storageClass: 'GLACIER' };
    const { source } = open();
    const openAs = (object: object) =>
      openTableObject(NAME, { find: async () => ({ ...found, ...object }) }, source.openReader(), signal);
    await expect(openAs({})).rejects.toThrow('its storage class is GLACIER: restore it first');
    await expect(openAs({ storageClass: 'STANDARD', etag: '' })).rejects.toThrow(
      'it has neither ETag nor time',
    );
    const byTime = await openAs({ storageClass: 'STANDARD', etag: '', lastModifiedMs: 1e12 });
    expect(byTime.version).toBe('last-modified:Sun, 09 Sep 2001 01:46:40 GMT');
    expect(source.asked).toEqual([]);
  });
});
