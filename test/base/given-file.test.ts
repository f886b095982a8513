import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { assertRegularFile, readGivenFile } from '../../src/base/given-file.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-given-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function pipe(): string {
  const path = join(folder, 'pipe');
  expect(spawnSync('mkfifo', [path]).status).toBe(0);
  return path;
}

it.each([
  ['', ''],
  ['\ufeffa: 1\n', 'a: 1\n'],
  ['ä😀', 'ä😀'],
  ['x'.repeat(200_000), 'x'.repeat(200_000)],
])('gives the text of a file, without a byte order mark', async (content, text) => {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  expect(await readGivenFile(path)).toBe(text);
});

it.each([
  ['what is not UTF-8', () => Buffer.from([0x61, 0xe9]), 'it is not UTF-8'],
  ['half of a surrogate pair', () => Buffer.from([0xed, 0xa0, 0x80]), 'it is not UTF-8'],
  ['what is no small file', () => Buffer.alloc((64 << 20) + 1), 'it has more than 67108864 bytes'],
])('refuses %s', async (_, bytes, says) => {
  const path = join(folder, 'file');
  writeFileSync(path, bytes());
  await expect(readGivenFile(path)).rejects.toThrow(says);
});

it('refuses what has no end, and what is no file', async () => {
  await expect(readGivenFile('/dev/zero')).rejects.toThrow('it has more than');
  await expect(readGivenFile(folder)).rejects.toThrow('EISDIR');
  await expect(readGivenFile(join(folder, 'none'))).rejects.toThrow('ENOENT');
});

it('reads a pipe to its end, however slowly it is written', async () => {
  const path = pipe();
  const writer = spawn('sh', ['-c', '{ sleep 0.2; printf a; sleep 0.3; printf b; } > "$0"', path]);
  expect(await readGivenFile(path)).toBe('ab');
  writer.kill();
});

it('does not take a pipe into which nobody writes for an empty file, nor waits for it for long', async () => {
  await expect(readGivenFile(pipe())).rejects.toThrow('nothing was written into this pipe');
}, 20_000);

it('tells a file, which can be read twice, from everything else', () => {
  const path = join(folder, 'file');
  writeFileSync(path, '');
  expect(() => assertRegularFile(path)).not.toThrow();
  for (const other of [folder, pipe(), '/dev/null'])
    expect(() => assertRegularFile(other)).toThrow('it is no regular file');
});
