import {
  closeSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beginningOf, openOwnFile } from '../../src/base/own-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-own-'));
  path = join(folder, 'file');
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each(['append', 'create', 'replace'] as const)('makes a file that its user alone may read: %s', (mode) => {
  const before = process.umask(0);
  try {
    closeSync(openOwnFile(path, mode));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  } finally {
    process.umask(before);
  }
});

it.each(['read', 'append', 'create', 'replace'] as const)('follows no link: %s', (mode) => {
  const elsewhere = join(folder, 'elsewhere');
  writeFileSync(elsewhere, 'mine');
  symlinkSync(elsewhere, path);
  expect(() => openOwnFile(path, mode)).toThrow(/ELOOP|EEXIST/);
  expect([readFileSync(elsewhere, 'utf8'), lstatSync(path).isSymbolicLink()]).toEqual(['mine', true]);
});

it.each(['create', 'replace'] as const)('takes no file that is there for a new one: %s', (mode) => {
  writeFileSync(path, 'mine');
  expect(() => openOwnFile(path, mode)).toThrow(/EEXIST/);
  expect(readFileSync(path, 'utf8')).toBe('mine');
});

it('looks at the beginning of a file, and says so where there is none', () => {
  expect(beginningOf(path, 4)).toBeNull();
  writeFileSync(path, 'mine alone');
  expect(beginningOf(path, 4)!.toString()).toBe('mine');
});
