import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RestoreFile } from '../../src/run/restore-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-restore-'));
  path = join(folder, 'run.restore.csv');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps no more than its buffer in memory: most lines are on the disk before the last one is found', () => {
  const file = new RestoreFile(path);
  for (let i = 0; i < 50_000; i++) file.add({ bucket: 'bucket', key: `archive/${i}.jsonl` });
  const written = statSync(`${path}.new`).size;
  file.finish();
  expect(statSync(path).size - written).toBeLessThan(70_000);
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect([lines.length, lines[0], lines.at(-1)]).toEqual([
    ...[50_000, 'bucket,archive/0.jsonl', 'bucket,archive/49999.jsonl'],
  ]);
});

it('leaves what was there until the listing is complete, and no draft', () => {
  writeFileSync(path, 'bucket,before\n');
  writeFileSync(`${path}.new`, 'bucket,of-a-run-that-was-killed\nbucket,and-a-li');
  const file = new RestoreFile(path);
  for (let i = 0; i < 5_000; i++) file.add({ bucket: 'b', key: `a key that fills the buffer ${i}` });
  file.discard();
  expect([readFileSync(path, 'utf8'), readdirSync(folder)]).toEqual(['bucket,before\n', ['run.restore.csv']]);
  const next = new RestoreFile(path);
  next.add({ bucket: 'b', key: 'k' });
  next.finish();
  next.discard();
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['b,k\n', 0o600]);
});

it('follows no link, neither of its name nor of its draft', () => {
  const elsewhere = join(folder, 'elsewhere');
  writeFileSync(elsewhere, 'mine');
  symlinkSync(elsewhere, path);
  symlinkSync(elsewhere, `${path}.new`);
  const file = new RestoreFile(path);
  file.add({ bucket: 'b', key: 'k' });
  file.finish();
  expect([readFileSync(elsewhere, 'utf8'), lstatSync(path).isFile(), existsSync(`${path}.new`)]).toEqual([
    ...['mine', true, false],
  ]);
});

it.each(['', '.new'])('replaces no file of somebody else in its place%s', (ending) => {
  writeFileSync(path + ending, 'name,age of the children\nAda,7\n');
  const file = new RestoreFile(path);
  expect(() => file.add({ bucket: 'b', key: 'k' })).toThrow(/a file that is no such list stands there/);
  expect([readdirSync(folder), readFileSync(path + ending, 'utf8')]).toEqual([
    ...[[`run.restore.csv${ending}`], 'name,age of the children\nAda,7\n'],
  ]);
});
