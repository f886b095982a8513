/** What a redrive leaves for verify. */
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readTrace, tracePath, writeTrace } from '../../src/journal/redrive-trace.ts';

let folder: string;
let deadLetters: string;
let again: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-trace-'));
  deadLetters = join(folder, 'letters.jsonl');
  again = `${deadLetters}.again`;
});
afterEach(() => rmSync(folder, { recursive: true }));

const deadLetter = (offset: number | null, text = '1') => ({
  ...{ bucket: 'b', key: 'k', etag: 'e', offset, length: 1, code: 'SCHEMA', message: '' },
  ...(offset !== null && { text }),
});
const write = (path: string, list: readonly unknown[]) =>
  writeFileSync(path, list.map((one) => `${JSON.stringify(one)}\n`).join(''));
const leave = (stream = 's') => writeTrace({ deadLetters, again, stream, nowMs: 5 });

async function offsetsFor(stream: string): Promise<[number[], number]> {
  const offsets: number[] = [];
  const others = await readTrace(tracePath(deadLetters), stream, ({ offset }) => offsets.push(offset));
  return [offsets, others];
}

it('tells of each letter that was sent and did not fail again, and of no object and no blank line', async () => {
  write(deadLetters, [deadLetter(1), deadLetter(2), deadLetter(null), deadLetter(3, '  '), deadLetter(4)]);
  write(again, [deadLetter(2), deadLetter(null)]);
  await leave();
  expect(await offsetsFor('s')).toEqual([[1, 4], 0]);
  expect(readFileSync(tracePath(deadLetters), 'utf8')).not.toContain('SCHEMA');
  expect(statSync(tracePath(deadLetters)).mode & 0o777).toBe(0o600);
});

it('is gone on with by the next redrive, and tells streams apart; what a kill has cut counts for nothing', async () => {
  write(deadLetters, [deadLetter(1), deadLetter(2)]);
  write(again, [deadLetter(2)]);
  await leave();
  write(again, []);
  await leave('other');
  const whole = readFileSync(tracePath(deadLetters), 'utf8');
  writeFileSync(tracePath(deadLetters), `${whole}{"bucket":"b","ke`);
  expect(await offsetsFor('s')).toEqual([[1], 1]);
  expect(await offsetsFor('other')).toEqual([[1, 2], 1]);
});

it.each([
  {
    name: 'another file',
    make: (path: string) => writeFileSync(path, 'notes\n'),
    says: /no trace of a redrive/,
  },
  { name: 'a link', make: (path: string) => symlinkSync(deadLetters, path), says: /symbolic link/ },
])('is not written over $name', async ({ make, says }) => {
  write(deadLetters, [deadLetter(1)]);
  write(again, []);
  make(tracePath(deadLetters));
  const before = readFileSync(tracePath(deadLetters));
  await expect(leave()).rejects.toThrow(says);
  expect(readFileSync(tracePath(deadLetters))).toEqual(before);
});

it('says nothing where nobody knows what failed again', async () => {
  write(deadLetters, [deadLetter(1)]);
  symlinkSync('/dev/null', again);
  await expect(leave()).rejects.toThrow(/nobody knows which failed again/);
});
