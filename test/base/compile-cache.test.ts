/** Where compiled code is kept: whoever can write there runs code with the user's AWS keys. By the real command. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand } from '../commands/fixture.ts';

let root: string;
let cache: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'millrace-cache-')));
  cache = join(root, 'home', '.cache', 'millrace', 'compiled');
  for (const name of ['home', 'tmp', 'elsewhere']) mkdirSync(join(root, name), { mode: 0o700 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function start(env: Record<string, string> = {}): Promise<void> {
  const ended = await runCommand(['--version'], {
    env: { HOME: join(root, 'home'), TMPDIR: join(root, 'tmp'), ...env },
  });
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(readdirSync(join(root, 'tmp')), 'nothing is kept where others could have been first').toEqual([]);
}
const isUsed = (folder = cache) => existsSync(folder) && readdirSync(folder).length > 0;

it('is a folder of the user alone, below the home folder', async () => {
  await start();
  expect(isUsed()).toBe(true);
  for (const folder of [cache, join(cache, '..')]) expect(statSync(folder).mode & 0o777).toBe(0o700);
});

it('is below XDG_CACHE_HOME where that is set', async () => {
  await start({ XDG_CACHE_HOME: join(root, 'elsewhere') });
  expect(isUsed(join(root, 'elsewhere', 'millrace', 'compiled'))).toBe(true);
  expect(existsSync(join(root, 'home', '.cache'))).toBe(false);
});

it.each(['millrace', 'millrace/compiled'])('follows no link in the place of %s', async (name) => {
  const path = join(root, 'home', '.cache', name);
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  symlinkSync(join(root, 'elsewhere'), path);
  await start();
  expect(readdirSync(join(root, 'elsewhere'))).toEqual([]);
});

it('is not a folder that others may write to', async () => {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  chmodSync(cache, 0o770);
  await start();
  expect(isUsed()).toBe(false);
});

it('is not below a folder in which others could put another one in its place', async () => {
  chmodSync(join(root, 'home'), 0o777);
  await start();
  expect(existsSync(cache)).toBe(false);
});

const isRoot = process.getuid?.() === 0;
const whyNot = isRoot ? '' : ' (not run: only root gives folders away)';
it.skipIf(!isRoot)(`is not a folder that somebody else has made${whyNot}`, async () => {
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  chownSync(cache, 12_345, 12_345);
  await start();
  expect(isUsed()).toBe(false);
});

it.each([
  ['NODE_DISABLE_COMPILE_CACHE', '1'],
  ['XDG_CACHE_HOME', '/proc/nowhere'],
])('is none, and nothing else changes, with %s=%s', async (name, value) => {
  await start({ [name]: value });
  expect(existsSync(cache)).toBe(false);
});
