/**
 * Compiled code is kept from start to start, and never trusted more than it deserves. V8 itself looks at little more than the length of a
 * source: a bundle that was changed within its length says what it said before as long as kept code is used, and that is how these tests
 * see who compiled.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-bundled-'));
  for (const name of ['src/base', 'dist']) mkdirSync(join(root, name), { recursive: true });
  const loader = join('src', 'base', 'bundled.mjs');
  copyFileSync(join(import.meta.dirname, '..', '..', loader), join(root, loader));
  bundle('say.cjs', 'exports.say = () => require("./word.cjs").word();');
  bundle('word.cjs', 'exports.word = () => "old";');
  writeFileSync(
    join(root, 'start.mjs'),
    `import { bundled, keepCode } from './src/base/bundled.mjs';
    console.log(bundled('say.cjs', process.argv[2]).say());
    keepCode(process.argv[3] === 'done');`,
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const bundle = (name: string, code: string) => writeFileSync(join(root, 'dist', name), code);
const env = () => ({ PATH: process.env.PATH, NODE_COMPILE_CACHE: join(root, 'cache') });

/** @returns What the bundles say. */
function start(end: 'done' | 'refused', kind = 'one', more: Record<string, string> = {}): string {
  const args = [join(root, 'start.mjs'), kind, end];
  return execFileSync(process.execPath, args, { encoding: 'utf8', env: { ...env(), ...more } }).trim();
}

/** The files of kept code. */
const keptFiles = () =>
  readdirSync(join(root, 'cache'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.includes('.code'))
    .map((name) => join(root, 'cache', name));
const changedAt = (path: string) => statSync(path, { bigint: true }).mtimeNs;
const sayNew = () => bundle('word.cjs', 'exports.word = () => "new";');

it('is what the next start of its kind runs, with all that was called', () => {
  start('done');
  expect(keptFiles()).toEqual([expect.stringMatching(/one-\d+\.code$/)]);
  sayNew();
  expect([start('done'), start('done', 'other')]).toEqual(['old', 'new']);
});

it.each([
  [
    'changed in one bit',
    (bytes: Buffer) => bytes.map((byte, at) => (at === bytes.length - 20 ? byte ^ 1 : byte)),
  ],
  ['cut short', (bytes: Buffer) => bytes.subarray(0, -64)],
  ['empty', (bytes: Buffer) => bytes.subarray(0, 0)],
  ['of zeros', (bytes: Buffer) => bytes.fill(0)],
])('counts as not there where its file is %s, and is written anew', (_how, damage) => {
  start('done');
  const [path] = keptFiles();
  const bytes = readFileSync(path!);
  writeFileSync(path!, damage(Buffer.from(bytes)));
  sayNew();
  expect(start('done')).toBe('new');
  bundle('word.cjs', 'exports.word = () => "old";');
  expect([start('done'), readFileSync(path!).length]).toEqual(['new', bytes.length]);
});

it('of a start that was refused serves until one has done its work', () => {
  start('refused');
  const [path] = keptFiles();
  const before = changedAt(path!);
  sayNew();
  expect([start('refused'), changedAt(path!)]).toEqual(['old', before]);
  start('done');
  expect(changedAt(path!)).not.toBe(before);
  const whole = changedAt(path!);
  start('refused');
  start('done');
  expect(changedAt(path!), 'is left alone from then on').toBe(whole);
});

it('grows by a bundle that no start has loaded before', () => {
  start('done');
  const [path] = keptFiles();
  bundle('more.cjs', 'exports.word = () => "more";');
  bundle('word.cjs', 'exports.word = require("./more.cjs").word;');
  expect(start('done')).toBe('more');
  expect(readFileSync(path!, 'latin1')).toContain('more.cjs');
});

it('of a bundle that has gone is thrown away with the next that comes', () => {
  start('done');
  const [path] = keptFiles();
  bundle('say.cjs', 'exports.say = () => require("./other.cjs").word();');
  bundle('other.cjs', 'exports.word = () => "new";');
  rmSync(join(root, 'dist', 'word.cjs'));
  expect(start('done')).toBe('new');
  const text = readFileSync(path!, 'latin1');
  expect([text.includes('"other.cjs"'), text.includes('"word.cjs"')]).toEqual([true, false]);
});

it('is left to Node where Node keeps none', () => {
  expect(start('done', 'one', { NODE_DISABLE_COMPILE_CACHE: '1' })).toBe('old');
  expect(readdirSync(root)).not.toContain('cache');
});

it('leaves no unfinished file behind', () => {
  start('done');
  expect(keptFiles().filter((name) => !name.endsWith('.code'))).toEqual([]);
});

it('is of no use without the bundle, whose name is in the error', () => {
  rmSync(join(root, 'dist', 'word.cjs'));
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'start.mjs'), 'one', 'done'], {
    ...{ encoding: 'utf8', env: env() },
  });
  expect(status).not.toBe(0);
  expect(stderr).toContain('MODULE_NOT_FOUND');
  expect(stderr).toMatch(/Cannot find .*dist\/word\.cjs/);
});
