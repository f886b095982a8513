import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { assertDistinct, deadLetterFiles, journalFiles } from '../../src/options/distinct-files.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-distinct-'));
  writeFileSync(join(folder, 'there'), 'x');
  linkSync(join(folder, 'there'), join(folder, 'hard'));
  symlinkSync('there', join(folder, 'soft'));
  mkdirSync(join(folder, 'deep'));
  symlinkSync('deep', join(folder, 'door'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const pair = (one: string, other: string) => () =>
  assertDistinct([
    { name: '--one', path: one },
    { name: '--other', path: other },
  ]);

it.each([
  ['the same name', 'there', 'there'],
  ['a detour', 'there', 'deep/../there'],
  ['a hard link', 'there', 'hard'],
  ['a symbolic link', 'soft', 'there'],
  ['one that is not there yet', 'new', './new'],
  ['one that will be behind a linked folder', 'deep/a/new', 'door/a/new'],
])('refuses two names of one file: %s', (_, one, other) => {
  expect(pair(join(folder, one), join(folder, other))).toThrow(
    /Expected --one and --other to be two files, but received .* which are one/,
  );
});

it('knows a relative name from here', () => {
  const path = join(folder, 'new');
  expect(pair(path, relative(process.cwd(), path))).toThrow(/which are one/);
});

it('takes files of one content, of one name in two folders, and devices twice', () => {
  writeFileSync(join(folder, 'twin'), 'x');
  expect(pair(join(folder, 'there'), join(folder, 'twin'))).not.toThrow();
  expect(pair(join(folder, 'there'), join(folder, 'deep/there'))).not.toThrow();
  expect(pair('/dev/null', '/dev/null')).not.toThrow();
});

it.each(['run.journal.lock', 'run.journal.new', 'run.restore.csv', 'run.journal'])(
  'knows what stands beside a journal: dead letters into %s',
  (name) => {
    const files = [...journalFiles(join(folder, 'run.journal')), ...deadLetterFiles(join(folder, name))];
    expect(() => assertDistinct(files)).toThrow(/--dead-letter to be two files/);
  },
);

it('names every pair', () => {
  const names = ['a', 'b', 'c'].map((name) => ({ name, path: join(folder, 'there') }));
  expect(() => assertDistinct(names)).toThrow(/a and b .*\n.*a and c /);
});
