/** The programs of examples/, as they stand there, against the embedded S3 and Kinesis. */
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { BUCKET, CLEAN_ENV, differences, linesOf, STREAM, World } from '../commands/fixture.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LINES = clicks({ seed: 15, lineCount: 3_000 });

/** Each of them starts a program or two, and the machine may have other work. */
vi.setConfig({ testTimeout: 180_000 });

let world: World;
beforeAll(async () => {
  const objects = [
    { key: 'events/good.jsonl', body: LINES },
    { key: 'events/bad.jsonl', body: Buffer.from('{"id":1}\nnot JSON\n') },
  ];
  world = await World.open({ objects, shards: 4 });
});
afterAll(() => world.close());

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(program: string, ...words: string[]): Promise<Ended> {
  const hook = join(import.meta.dirname, 'library.mjs');
  const args = ['--import', hook, join(ROOT, 'examples', program), ...words];
  const services = {
    AWS_ENDPOINT_URL_S3: world.s3.endpoint,
    AWS_ENDPOINT_URL_KINESIS: world.kinesis.endpoint,
  };
  const settings = { cwd: world.folder, env: { ...CLEAN_ENV, ...services }, maxBuffer: 64 << 20 };
  return promisify(execFile)(process.execPath, args, settings).then(
    (output) => ({ code: 0, ...output }),
    (error: Ended) => error,
  );
}

it('has a table with every program, and no other', () => {
  const programs = globSync('examples/*.ts', { cwd: ROOT }).map((path) => path.slice('examples/'.length));
  const table = readFileSync(join(ROOT, 'examples', 'README.md'), 'utf8');
  expect(
    [...table.matchAll(/^\| `node examples\/([\w-]+\.ts)/gm)].map(([, name]) => name).toSorted(),
  ).toEqual(programs.toSorted());
});

describe('a program', () => {
  it('carries objects, says what became of them, and sends nothing twice when it is run again', async () => {
    const first = await run('carry.ts', `s3://${BUCKET}/events/`, STREAM);
    expect([first.code, first.stdout], first.stderr).toEqual([
      1,
      expect.stringMatching(
        /^delivered-with-rejects: 3001 records now, 0 before, at most 0 of them twice\n1 lines are in /,
      ),
    ]);
    const again = await run('carry.ts', `s3://${BUCKET}/events/`, STREAM);
    expect([again.code, again.stdout], again.stderr).toEqual([
      1,
      expect.stringContaining('0 records now, 3001 before'),
    ]);
  });

  it('reads every record, and nothing behind its checkpoint', async () => {
    const first = await run('follow.ts', STREAM, 'checkpoint.json');
    expect(first.code, first.stderr).toBe(0);
    const lines = linesOf(Buffer.from(first.stdout)).map((line) => line.replace(/^\S+ \S+ /, ''));
    expect(differences([...linesOf(LINES), '{"id":1}'], lines)).toEqual(new Map());
    const again = await run('follow.ts', STREAM, 'checkpoint.json');
    expect([again.code, again.stdout, again.stderr]).toEqual([0, '', '0 records\n']);
  });

  it('tells of a run from its journal', async () => {
    const [journal] = globSync('.millrace/*.journal', { cwd: world.folder });
    const told = await run('watch.ts', journal!);
    expect([told.code, told.stdout], told.stderr).toEqual([
      0,
      expect.stringMatching(/ is finished: 2 of 2 objects, 3001 records\n/),
    ]);
  });

  it.each([
    { program: 'carry.ts', words: ['bucket/events', ''], says: /^MILLRACE_OPTIONS: .*s3:\/\// },
    { program: 'watch.ts', words: ['no.journal'], says: /no\.journal/ },
    { program: 'follow.ts', words: ['no-stream'], says: /^MILLRACE_STREAM: .*no-stream[^\n]*\n$/ },
  ])('$program ends with 2 and the reason where it cannot work', async ({ program, words, says }) => {
    const { code, stderr } = await run(program, ...words);
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
  });
});
