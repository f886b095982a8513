/** Repaired dead letters on their way back: issue 5, item 4, the real command. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { coordinateOf } from '../../src/run/parse-pool.ts';
import { undocumentedFields } from './documented.ts';
import { type DeadLetter, runCommand, STREAM, World } from './fixture.ts';

const ETAG = '"etag-of-the-object"';
const GOOD = ['{"u":"one"}', '{"u":"two"}'];
/** Lines that a backfill cannot carry, among others that it can. */
const BROKEN = ['{"broken":', '{"u":tru}', '{"no":"key"}'];
const BODY = Buffer.from([GOOD[0], ...BROKEN, GOOD[1]].map((line) => `${line}\n`).join(''));

let world: World;
afterEach(() => world?.close());

/** Runs a backfill. @returns Its dead letters, in the order of their lines. */
async function deadLettersOf(flags: readonly string[] = [], body: Buffer = BODY): Promise<DeadLetter[]> {
  world = await World.open({ objects: [{ key: 'a.jsonl', etag: ETAG, body }], shards: 2 });
  const { ended } = await world.report(flags);
  expect([ended.exitCode, ended.stderr]).toEqual([1, '']);
  return world.deadLetters().sort((one, other) => one.offset! - other.offset!);
}

const repaired = (letter: DeadLetter, data: string) => ({
  ...letter,
  data: Buffer.from(data).toString('base64'),
});

function write(name: string, letters: readonly unknown[]): string {
  const path = join(world.folder, name);
  const lines = letters.map((letter) => (typeof letter === 'string' ? letter : JSON.stringify(letter)));
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

const readDeadLetters = (path: string): DeadLetter[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

async function redrive(args: readonly string[]) {
  const endpoints = [
    '--s3-endpoint-url',
    world.s3.endpoint,
    '--kinesis-endpoint-url',
    world.kinesis.endpoint,
  ];
  const flags = ['--stream', STREAM, '--json', '--quiet', ...endpoints];
  const ended = await runCommand(['redrive', ...args, ...flags], { cwd: world.folder });
  return { ...ended, report: ended.stdout === '' ? null : JSON.parse(ended.stdout) };
}

const rows = () =>
  world.records().map(({ partitionKey, data }) => ({ partitionKey, data: data.toString('latin1') }));

it('delivers repaired letters under the keys that their lines would have had; what fails again goes to <file>.again', async () => {
  const letters = await deadLettersOf();
  expect(letters.map(({ code }) => code)).toEqual(['INVALID_JSON', 'INVALID_JSON']);
  const [first, second] = letters as [DeadLetter, DeadLetter];
  const file = write('repaired.jsonl', [
    repaired(first, '{"now":"whole"}'),
    repaired(second, '{"still":broken}'),
  ]);
  const { exitCode, stderr, report } = await redrive([file]);
  expect([exitCode, stderr]).toEqual([1, '']);
  expect(report).toMatchObject({
    ...{ status: 'delivered-with-rejects', exitCode: 1, error: null, journal: null },
    lines: { read: 2, rejected: 1, rejectedByCode: { INVALID_JSON: 1 } },
    records: { delivered: 1 },
    deadLetter: `${file}.again`,
  });
  expect(undocumentedFields(report)).toEqual([]);
  const coordinate = coordinateOf({ bucket: 'bucket', key: 'a.jsonl', etag: ETAG });
  const partitionKey = `${coordinate}:${first.offset}`;
  expect(rows()).toHaveLength(GOOD.length + 2); // Of the broken lines one is well-formed: it only has no /u.
  expect(rows()).toContainEqual({ partitionKey, data: '{"now":"whole"}' });
  const again = readDeadLetters(`${file}.again`);
  expect(again).toEqual([
    { ...repaired(second, '{"still":broken}'), length: 16, message: expect.any(String) },
  ]);
  // And once more, from the new file.
  const last = await redrive([write('again.jsonl', [repaired(again[0]!, '{"still":"not"}')])]);
  expect([last.exitCode, last.report.status, last.report.lines.rejected]).toEqual([0, 'delivered', 0]);
  expect(rows()).toContainEqual({ partitionKey: `${coordinate}:${second.offset}`, data: '{"still":"not"}' });
  expect(rows()).toHaveLength(GOOD.length + 3);
});

it('takes keys out of repaired data as the backfill does, and text in place of base64', async () => {
  const letters = await deadLettersOf(['--partition-key', '/u']);
  expect(letters.map(({ code }) => code)).toEqual(['INVALID_JSON', 'INVALID_JSON', 'MISSING_KEY']);
  const [one, , keyless] = letters as [DeadLetter, DeadLetter, DeadLetter];
  const { data: _, ...unsaid } = keyless;
  const file = write('repaired.jsonl', [
    repaired(one, '{"u":"öne"}'),
    { ...unsaid, text: '{"u":3,"no":"key"}' },
  ]);
  const other = join(world.folder, 'elsewhere.jsonl');
  const { exitCode, report } = await redrive([file, '--partition-key', '/u', '--dead-letter', other]);
  expect([exitCode, report.deadLetter, readDeadLetters(other)]).toEqual([0, null, []]);
  const sent = rows().filter(({ data }) => !GOOD.includes(data));
  expect(sent.map(({ partitionKey }) => partitionKey).sort()).toEqual(['3', 'öne']);
});

it('gives letters about whole objects on: there is nothing in them that could be sent', async () => {
  const [first] = await deadLettersOf();
  const whole = {
    ...{ bucket: 'bucket', key: 'b.jsonl', etag: ETAG, offset: null, length: null },
    ...{ code: 'OBJECT_CHANGED', message: 'The object was changed' },
  };
  const file = write('letters.jsonl', [
    whole,
    repaired(first!, '[]'),
    { ...whole, code: 'OBJECT_UNREADABLE' },
  ]);
  const { exitCode, report } = await redrive([file]);
  expect([exitCode, report.status]).toEqual([1, 'delivered-with-rejects']);
  expect(report.records.delivered).toBe(1);
  expect(readDeadLetters(`${file}.again`)).toEqual([whole, { ...whole, code: 'OBJECT_UNREADABLE' }]);
});

describe('a file that is not what it should be', () => {
  it('is refused as a pipe: it is read once to be checked and once more to be sent, and there would be nothing left', async () => {
    world = await World.open({ shards: 1 });
    const pipe = join(world.folder, 'pipe.jsonl');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const ended = await redrive([pipe]);
    expect([ended.exitCode, ended.stderr]).toEqual([
      2,
      `millrace: Cannot read ${pipe}: it is no regular file, and is read more than once; write it to a file first.\n`,
    ]);
  });

  it('is not sent at all: every problem is named, exit 2', async () => {
    const letters = await deadLettersOf();
    const before = rows();
    const file = write('broken.jsonl', [
      repaired(letters[0]!, '{"fine":1}'),
      'not JSON',
      { bucket: 'bucket', key: 'a.jsonl' },
      { ...letters[0]!, data: '{"raw":"JSON"}' },
      '',
      { ...letters[1]!, offset: -1 },
      { ...letters[1]!, text: '[]' },
      {
        ...letters[1]!,
        code: 'RECORD_TOO_LARGE',
        length: 3_000_000,
        data: Buffer.alloc(65_536, '1').toString('base64'),
      },
    ]);
    const { exitCode, stdout, stderr } = await redrive([file]);
    expect([exitCode, JSON.parse(stdout)]).toEqual([
      2,
      { status: 'failed', exitCode: 2, error: expect.any(String) },
    ]);
    const problems = stderr.trim().split('\n');
    expect(problems.map((text) => text.replace(`millrace: ${file}: `, ''))).toEqual([
      'Line 2 is no dead letter: it is not JSON.',
      'Line 3 is no dead letter: etag, code must be strings.',
      'Line 4 is no dead letter: data must be base64.',
      'Line 6 is no dead letter: offset must be a number of bytes.',
      'Line 7 is no dead letter: it has both data and text: keep the one that is right.',
      'Line 8 holds only the beginning of a line that was too long: put the whole record there, or take the letter out.',
    ]);
    expect(rows()).toEqual(before);
  });

  it.each([
    { name: 'that is not there', args: ['nowhere.jsonl'], says: 'Cannot read nowhere.jsonl: ENOENT' },
    { name: 'that is not named', args: [], says: 'Expected one dead-letter file, but received 0' },
    { name: 'that is one of two', args: ['a', 'b'], says: 'Expected one dead-letter file, but received 2' },
  ])('$name ends with 2', async ({ args, says }) => {
    world = await World.open({});
    const { exitCode, stderr } = await redrive(args);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(says)]);
  });
});
