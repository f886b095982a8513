import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ArchivedObjects } from '../../src/run/archived-objects.ts';
import type { SourceObject } from '../../src/source/object.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'archived-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const objectOf = (key: string): SourceObject => ({
  ...{ bucket: 'b', key, etag: '"e"', size: 1, lastModifiedMs: 0, storageClass: 'GLACIER' },
});

it('names the first, counts all, and lists them beside the journal', () => {
  const archived = new ArchivedObjects(join(folder, 'run.journal'));
  for (const key of ['one', 'two']) archived.add(objectOf(key));
  const path = join(folder, 'run.restore.csv');
  expect(archived.finish()).toBe(
    `2 objects are archived (GLACIER: s3://b/one, ...): ${path} is a manifest for S3 Batch Operations; restore them and run the same command again`,
  );
  archived.discard();
  expect(readFileSync(path, 'utf8')).toBe('b,one\nb,two\n');
});

it('says nothing where there are none, and writes nothing where there is no journal', () => {
  expect(new ArchivedObjects(join(folder, 'run.journal')).finish()).toBeNull();
  const archived = new ArchivedObjects(null);
  archived.add(objectOf('one'));
  expect(archived.finish()).toBe(
    '1 objects are archived (GLACIER: s3://b/one, ...): restore them and run the same command again',
  );
  expect(existsSync(join(folder, 'run.restore.csv'))).toBe(false);
});

it('leaves no draft behind when the run ends before the listing does', () => {
  const archived = new ArchivedObjects(join(folder, 'run.journal'));
  for (let i = 0; i < 20_000; i++) archived.add(objectOf(`key-${i}`));
  expect(existsSync(join(folder, 'run.restore.csv.new'))).toBe(true);
  archived.discard();
  expect(existsSync(join(folder, 'run.restore.csv.new'))).toBe(false);
});
