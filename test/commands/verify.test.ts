/** What verify, redrive and status say after a run: issue 5, the real command between the embedded services. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { CLICKS_KEY, clicks } from '../../bench/workloads/clicks.ts';
import { dataOf, linesOf, runCommand, STREAM, World } from './fixture.ts';

const LINE_COUNT = 500;
const CLICKS = clicks({ seed: 21, lineCount: LINE_COUNT });

let world: World;
afterEach(() => world?.close());

/** A finished run over `body`. */
async function openAfterRun(body: Uint8Array = CLICKS, exitCode = 0) {
  world = await World.open({ objects: [{ key: 'a.jsonl', body }], shards: 2 });
  const { ended } = await world.report(['--partition-key', CLICKS_KEY]);
  expect([ended.exitCode, ended.stderr]).toEqual([exitCode, '']);
}

function put(PartitionKey: string, Data: Buffer) {
  world.kinesis.call('PutRecord', { StreamName: STREAM, PartitionKey, Data });
}

const endpoints = () => [
  ...['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint],
];
const fromJournal = () => ['--journal', world.journal];
const fromSource = () => [
  ...['s3://bucket/', '--stream', STREAM, '--from', 'trim-horizon', '--partition-key', CLICKS_KEY],
];

async function verify(args: readonly string[]) {
  const flags = ['--json', '--quiet', ...endpoints()];
  const ended = await runCommand(['verify', ...args, ...flags], { cwd: world.folder });
  return {
    exitCode: ended.exitCode,
    ...JSON.parse(ended.stdout || JSON.stringify({ stderr: ended.stderr })),
  };
}

describe('verify', () => {
  it.each([
    { name: 'a journal', args: fromJournal },
    { name: 'a named source', args: fromSource },
  ])('finds a whole stream to match, from $name', async ({ args }) => {
    await openAfterRun();
    // Bytes as the service counts them: data and partition key.
    const bytes = world
      .records()
      .reduce((sum, record) => sum + record.data.length + record.partitionKey.length, 0);
    expect(await verify(args())).toMatchObject({
      ...{ exitCode: 0, status: 'match', error: null, missing: 0, duplicated: 0, foreign: 0 },
      source: { records: LINE_COUNT, bytes },
      streamRecords: { records: LINE_COUNT, shards: 2 },
      examples: { missing: [], foreign: [] },
      durationMs: expect.any(Number),
    });
  });

  it('names the place of a line that the stream has not', async () => {
    await openAfterRun();
    const [user] = [CLICKS.subarray(0, CLICKS.indexOf(10)).toString().replace('{', '{"new":1,')];
    world.s3.put('bucket', { key: 'b.jsonl', body: Buffer.from(`${user}\n`) });
    const place = { bucket: 'bucket', key: 'b.jsonl', offset: 0, length: user!.length };
    const found = { exitCode: 1, status: 'differ', missing: 1, foreign: 0, examples: { missing: [place] } };
    expect(await verify(fromSource())).toMatchObject(found);
  });

  it.each([
    { kind: 'doubled', strict: false, counts: { duplicated: 1, foreign: 0 } },
    { kind: 'doubled', strict: true, counts: { duplicated: 1, foreign: 0 } },
    { kind: 'foreign', strict: false, counts: { duplicated: 0, foreign: 1 } },
    { kind: 'foreign', strict: true, counts: { duplicated: 0, foreign: 1 } },
  ])('counts a $kind record, a difference only if strict: $strict', async ({ kind, strict, counts }) => {
    await openAfterRun();
    const { partitionKey, data } = world.records()[0]!;
    if (kind === 'doubled') put(partitionKey, Buffer.from(data));
    else put('somebody', Buffer.from('{"of":"another producer"}'));
    expect(await verify([...fromJournal(), ...(strict ? ['--strict'] : [])])).toMatchObject({
      ...{ exitCode: strict ? 1 : 0, status: strict ? 'differ' : 'match', missing: 0 },
      ...counts,
    });
  });

  it('does not start without the journal that it was told to read', async () => {
    await openAfterRun();
    expect((await verify(['--journal', join(world.folder, 'no.journal')])).exitCode).toBe(2);
  });
});

it('status tells of a finished run', async () => {
  await openAfterRun();
  const ended = await runCommand(['status', '--journal', world.journal, '--json'], { cwd: world.folder });
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(JSON.stringify(JSON.parse(ended.stdout))).toContain(`${LINE_COUNT}`);
});

it('redrive delivers what was repaired', async () => {
  await openAfterRun(Buffer.concat([CLICKS, Buffer.from('{"broken\n')]), 1);
  const repaired = Buffer.from('{"repaired":true}');
  const letters = world.deadLetters().map((letter) => ({ ...letter, data: repaired.toString('base64') }));
  expect(letters.length).toBe(1);
  const path = join(world.folder, 'repaired.jsonl');
  writeFileSync(path, `${JSON.stringify(letters[0])}\n`);
  const args = ['redrive', path, '--stream', STREAM, '--json', '--quiet', ...endpoints()];
  const ended = await runCommand(args, { cwd: world.folder });
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(dataOf(world.records()).filter((data) => data === repaired.toString())).toHaveLength(1);
  expect(world.records()).toHaveLength(linesOf(CLICKS).length + 1);
});
