/** Runs that are nearly the same, issue 13: nothing that is on the stream is sent again for a slip of the hand. */
import { mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUCKET, linesOf, runCommand, STREAM, World } from './fixture.ts';
import { hasPython, openTerminal, whyNoTerminal } from './terminal.ts';

const LINES = linesOf(
  Buffer.from(Array.from({ length: 300 }, (_, i) => `{"id":${i},"u":"u${i % 7}"}\n`).join('')),
);
const SOURCE = `s3://${BUCKET}/bad/`;
const BODY = Buffer.from(`${LINES.join('\n')}\n`);

let world: World;
beforeEach(async () => {
  world = await World.open({ objects: [{ key: 'bad/a.jsonl', body: BODY }], shards: 2 });
});
afterEach(() => world.close());

const endpoints = () => [
  '--s3-endpoint-url',
  world.s3.endpoint,
  '--kinesis-endpoint-url',
  world.kinesis.endpoint,
];
const argsOf = (source: string, flags: readonly string[]) => [
  'backfill',
  source,
  '--stream',
  STREAM,
  ...endpoints(),
  '--memory',
  '128MiB',
  '--quiet',
  ...flags,
];
const backfill = (source: string, flags: readonly string[] = []) =>
  runCommand(argsOf(source, flags), { cwd: world.folder });
const stored = () => world.records().length;
const journals = () =>
  readdirSync(join(world.folder, '.millrace')).filter((name) => name.endsWith('.journal'));

async function first(flags: readonly string[] = []): Promise<string> {
  const ended = await backfill(SOURCE, flags);
  expect([ended.exitCode, ended.stderr, stored()]).toEqual([0, '', LINES.length]);
  return journals()[0]!.replace('.journal', '');
}

/** What stderr says of the choice. */
const choice = (run: string, how: string, command: string) =>
  [
    'Cannot begin the run without a choice: it might send the same objects again',
    `${run} is about the same objects and the same stream (300 records of it are on the stream): ${how}`,
    `To resume it, with the other flags as they are: ${command}`,
    'To deliver everything in a new run: the same command with --new-run',
  ].map((line) => `millrace: ${line}\n`).join(''); // biome-ignore format: one step a call

it.each([
  {
    name: 'a source without its slash',
    source: SOURCE.slice(0, -1),
    how: `sources was ["${SOURCE}"], is now ["${SOURCE.slice(0, -1)}"]`,
  },
  {
    name: 'another partition key',
    flags: ['--partition-key', '/u'],
    how: 'partitionKey was null, is now "/u"',
  },
  {
    name: 'two other options',
    flags: ['--append-newline', '--compression', 'none'],
    how: 'appendNewline was false, is now true; compression was "auto", is now "none"',
  },
])(
  '$name is named with both commands, sends nothing and ends with 2',
  async ({ source = SOURCE, flags, how }) => {
    const run = await first();
    const ended = await backfill(source, flags);
    const resume = `millrace backfill ${SOURCE} --stream ${STREAM}`;
    expect([ended.exitCode, ended.stdout, ended.stderr]).toEqual([2, '', choice(run, how, resume)]);
    expect([stored(), journals()]).toEqual([LINES.length, [`${run}.journal`]]);
    const json = await backfill(source, [...(flags ?? []), '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({ status: 'failed', exitCode: 2 });

    const isNew = await backfill(source, [...(flags ?? []), '--new-run']);
    expect([isNew.exitCode, isNew.stderr, stored()]).toEqual([0, '', 2 * LINES.length]);
    // From now on each of them resumes its own run, with --new-run or without.
    expect((await backfill(SOURCE)).exitCode).toBe(0);
    expect((await backfill(source, flags)).exitCode).toBe(0);
    expect((await backfill(source, [...(flags ?? []), '--new-run'])).exitCode).toBe(0);
    expect([stored(), journals()]).toEqual([2 * LINES.length, expect.objectContaining({ length: 2 })]);
  },
);

it.each([
  { name: 'another --segment-size', flags: ['--segment-size', '64KiB'] },
  { name: 'other flags of speed', flags: ['--downloads', '2', '--wire', 'json', '--rate', '900/s'] },
])('$name goes on with the same run', async ({ flags }) => {
  await first();
  const { exitCode, stdout } = await backfill(SOURCE, [...flags, '--json']);
  expect([exitCode, stored()]).toEqual([0, LINES.length]);
  expect(JSON.parse(stdout)).toMatchObject({
    resumed: true,
    records: { delivered: 0, deliveredBefore: 300 },
  });
});

it.each([
  { name: 'another prefix', source: `s3://${BUCKET}/bad/a`, flags: [] },
  { name: 'another day', source: SOURCE, flags: ['--modified-after', '2020-01-01'] },
  { name: 'a filter', source: SOURCE, flags: ['--include', '*.jsonl'] },
])('$name is simply another run', async ({ source, flags }) => {
  await first();
  const ended = await backfill(source, flags);
  expect([ended.exitCode, ended.stderr, stored()]).toEqual([0, '', 2 * LINES.length]);
});

it('a run that ended in good order and delivered nothing is no obstacle', async () => {
  const wrong = await backfill(SOURCE, ['--partition-key', '/typo', '--max-rejects', '10']);
  expect([wrong.exitCode, stored()]).toEqual([2, 0]);
  const ended = await backfill(SOURCE, ['--partition-key', '/u']);
  expect([ended.exitCode, ended.stderr, stored()]).toEqual([0, '', LINES.length]);
});

it('a run whose stream was deleted and made again is no obstacle: nothing of it is on the stream', async () => {
  await first();
  world.kinesis.call('DeleteStream', { StreamName: STREAM });
  world.kinesis.call('CreateStream', { StreamName: STREAM, ShardCount: 2 });
  const ended = await backfill(SOURCE, ['--partition-key', '/u']);
  expect([ended.exitCode, ended.stderr, stored()]).toEqual([0, '', LINES.length]);
});

it('--journal and --restart are a choice of their own, and --dry-run sends nothing', async () => {
  await first();
  expect((await backfill(SOURCE, ['--partition-key', '/u', '--dry-run'])).exitCode).toBe(0);
  expect(stored()).toBe(LINES.length);
  expect((await backfill(SOURCE, ['--partition-key', '/u', '--journal', 'own.journal'])).exitCode).toBe(0);
  expect(stored()).toBe(2 * LINES.length);
  expect((await backfill(SOURCE, ['--append-newline', '--restart'])).exitCode).toBe(0);
  expect(stored()).toBe(3 * LINES.length);
});

it('the same run in a journal of another name is named with its file', async () => {
  const run = await first();
  const [from, to] = [`${run}.journal`, 'mine.journal'].map((name) => join(world.folder, '.millrace', name));
  renameSync(from!, to!);
  const ended = await backfill(SOURCE);
  const [file, resume] = [
    '.millrace/mine.journal',
    `millrace backfill ${SOURCE} --stream ${STREAM} --journal `,
  ];
  expect([ended.exitCode, ended.stderr]).toEqual([2, choice(run, `its journal is ${file}`, resume + file)]);
  const resumed = await backfill(SOURCE, ['--journal', file]);
  expect([resumed.exitCode, stored()]).toEqual([0, LINES.length]);
});

it('files of others in the folder of journals are left alone', async () => {
  const folder = join(world.folder, '.millrace');
  mkdirSync(folder);
  writeFileSync(join(folder, 'letter.journal'), 'Dear diary\n');
  writeFileSync(join(folder, 'empty.journal'), '');
  mkdirSync(join(folder, 'folder.journal'));
  const ended = await backfill(SOURCE);
  expect([ended.exitCode, ended.stderr, stored()]).toEqual([0, '', LINES.length]);
});

describe.skipIf(!hasPython)(`on a terminal${whyNoTerminal}`, () => {
  const QUESTION = 'Deliver everything in a new run all the same? [y/N] ';
  async function asked() {
    const run = await first();
    const terminal = openTerminal(argsOf(SOURCE, ['--partition-key', '/u']), world.folder);
    await terminal.until(() => terminal.shown().includes(QUESTION));
    expect(terminal.shown()).toContain(`${run} is about the same objects`);
    expect(terminal.shown()).toContain(`millrace backfill ${SOURCE} --stream ${STREAM}`);
    expect(stored()).toBe(LINES.length);
    return terminal;
  }

  it('a question is asked, and a yes delivers everything in a new run', async () => {
    const terminal = await asked();
    terminal.type('say y');
    expect(await terminal.ended()).toBe('exit 0');
    expect([stored(), journals().length]).toEqual([2 * LINES.length, 2]);
  });

  it.each(['say n', 'say '] as const)('"%s" sends nothing and ends with 2', async (answer) => {
    const terminal = await asked();
    terminal.type(answer);
    expect(await terminal.ended()).toBe('exit 2');
    expect(terminal.shown()).toContain('Nothing was sent: no new run was wanted');
    expect([stored(), journals().length]).toEqual([LINES.length, 1]);
  });

  it('Ctrl-C at the question ends it with 130', async () => {
    const terminal = await asked();
    terminal.type('^C');
    expect(await terminal.ended()).toBe('exit 130');
    expect([stored(), journals().length]).toEqual([LINES.length, 1]);
  });

  it('nobody is asked where standard input holds the objects', async () => {
    const list = await runCommand(argsOf('-', []), { cwd: world.folder, stdin: `${SOURCE}a.jsonl\n` });
    expect([list.exitCode, stored()]).toEqual([0, LINES.length]);
    const terminal = openTerminal(argsOf('-', ['--partition-key', '/u']), world.folder);
    expect(await terminal.ended()).toBe('exit 2');
    expect(terminal.shown()).toContain('Cannot begin the run without a choice');
    expect([terminal.shown().includes(QUESTION), stored()]).toEqual([false, LINES.length]);
  });
});
