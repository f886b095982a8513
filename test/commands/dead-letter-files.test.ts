/** Files that one run must not take for its own: the real command. */
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runCommand, STREAM, World } from './fixture.ts';

const ETAG = '"etag-of-the-object"';
const objectOf = (key: string, lines: readonly string[]) => ({
  key,
  etag: ETAG,
  body: Buffer.from(lines.map((line) => `${line}\n`).join('')),
});

let world: World;
afterEach(() => world?.close());

async function openWorld(): Promise<void> {
  world = await World.open({
    objects: [
      objectOf('a/1.jsonl', ['{"u":1}', 'broken a']),
      objectOf('b/1.jsonl', ['{"u":2}', 'broken b', 'and b']),
    ],
    shards: 1,
  });
}

function run(prefix: 'a' | 'b', flags: readonly string[] = []) {
  const journal = join(world.folder, `${prefix}.journal`);
  return world.backfill(['--journal', journal, '--json', '--quiet', ...flags], {
    sources: [`s3://bucket/${prefix}/`],
  });
}

async function redrive(args: readonly string[]) {
  const endpoints = [
    '--s3-endpoint-url',
    world.s3.endpoint,
    '--kinesis-endpoint-url',
    world.kinesis.endpoint,
  ];
  return runCommand(['redrive', ...args, '--stream', STREAM, '--json', '--quiet', ...endpoints], {
    cwd: world.folder,
  });
}

describe('two runs that are given one dead-letter file', () => {
  it('do not touch each other’s letters: the second is refused, and the first can be run again', async () => {
    await openWorld();
    expect((await run('a')).exitCode).toBe(1);
    const letters = readFileSync(world.letters, 'utf8');
    const refused = await run('b');
    expect([refused.exitCode, refused.stderr]).toEqual([
      ...[2, expect.stringMatching(/holds letters of the run orders-.*Give another --dead-letter/)],
    ]);
    expect(readFileSync(world.letters, 'utf8')).toBe(letters);
    expect((await run('a')).exitCode).toBe(1);
    expect((await run('b', ['--dead-letter', join(world.folder, 'b.dead')])).exitCode).toBe(1);
    expect([
      readFileSync(world.letters, 'utf8'),
      readdirSync(world.folder).filter((name) => /\.\d$/.test(name)),
    ]).toEqual([...[letters, []]]);
    expect(world.records()).toHaveLength(2);
  });

  it('lose no letter where an older version had let them share it, and both go on', async () => {
    await openWorld();
    const other = join(world.folder, 'b.dead');
    await run('a');
    await run('b', ['--dead-letter', other]);
    // What the older version left: the dead letters of both, and nothing that says whose they are.
    const mixed = readFileSync(world.letters, 'utf8') + readFileSync(other, 'utf8');
    writeFileSync(world.letters, mixed);
    for (const name of readdirSync(world.folder))
      if (name.endsWith('.run') || name === 'b.dead') rmSync(join(world.folder, name));
    expect((await run('a')).exitCode).toBe(1);
    const copy = `${world.letters}.1`;
    expect([world.deadLetters().map(({ key }) => key), readFileSync(copy, 'utf8')]).toEqual([
      ['a/1.jsonl'],
      mixed,
    ]);
    expect((await run('b', ['--dead-letter', copy])).exitCode).toBe(1);
    expect(world.deadLettersAt(copy).map(({ key }) => key)).toEqual(['b/1.jsonl', 'b/1.jsonl']);
    expect(world.records()).toHaveLength(2);
  });
});

describe('two names of one file', () => {
  it('redrive F --dead-letter F sends nothing and moves nothing', async () => {
    await openWorld();
    await run('a');
    const before = readFileSync(world.letters, 'utf8');
    linkSync(world.letters, join(world.folder, 'hard'));
    for (const name of [world.letters, './run.dead.jsonl', 'hard']) {
      const { exitCode, stderr } = await redrive([world.letters, '--dead-letter', name]);
      expect([exitCode, stderr]).toEqual([2, expect.stringContaining('which are one')]);
    }
    expect([readFileSync(world.letters, 'utf8'), existsSync(`${world.letters}.1`)]).toEqual([before, false]);
    expect(world.records()).toHaveLength(1);
  });

  it.each([
    ['--dead-letter', './run.journal'],
    ['--dead-letter', 'run.journal.lock'],
    ['--dead-letter', 'run.restore.csv'],
    ['--schema', 'run.journal'],
    ['--config', 'run.journal'],
  ])('%s %s beside --journal run.journal ends with 2, and the journal is untouched', async (flag, path) => {
    await openWorld();
    await world.backfill(['--dead-letter', join(world.folder, 'own.dead')], { sources: ['s3://bucket/a/'] });
    const journal = readFileSync(world.journal);
    const { exitCode, stderr } = await world.backfill([flag, path], { sources: ['s3://bucket/a/'] });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/which are one|Cannot read --(config|schema)|Expected --config/);
    expect(readFileSync(world.journal).equals(journal)).toBe(true);
  });

  it('a file of somebody else in the place of the dead letters stays where it is', async () => {
    await openWorld();
    writeFileSync(world.letters, 'my thesis\n');
    const { exitCode, stderr } = await run('a');
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('is not a dead letter')]);
    expect([readFileSync(world.letters, 'utf8'), existsSync(`${world.letters}.1`)]).toEqual([
      'my thesis\n',
      false,
    ]);
    expect(world.records()).toHaveLength(0);
  });
});

it('a dead-letter file that is a folder is refused with 2: the same command would meet it again', async () => {
  await openWorld();
  const ended = await run('a', ['--dead-letter', world.folder]);
  expect(ended.exitCode, ended.stderr).toBe(2);
  expect(JSON.parse(ended.stdout).error).toBe(
    `Cannot open the dead-letter file ${world.folder}: it is a folder (EISDIR). Nothing was sent; name another one with --dead-letter`,
  );
  expect(world.records()).toEqual([]);
});
