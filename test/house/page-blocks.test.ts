/** The blocks of commands of the pages, as they stand there, in a shell, between an embedded S3 and an embedded Kinesis. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';
import { CLEAN_ENV } from '../commands/fixture.ts';
import { blocksOf, ROOT } from './page-commands.ts';

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Readonly<Record<string, string>>;
};
/** What `npm run millrace --` runs, but in the folder of the test: npm would go to that of the repository. */
const MILLRACE = scripts
  .millrace!.replace(/^node/, process.execPath)
  .replace(/src\/\S+/, (path) => join(ROOT, path));

const LINES = Array.from({ length: 2_000 }, (_, n) => `{"user":{"id":"u${n % 50}"},"n":${n}}\n`).join('');
const OBJECTS = [
  { key: 'events/1.jsonl', body: Buffer.from(LINES) },
  { key: 'events/2.jsonl', body: Buffer.from('{"user":{"id":"last"}}\nnot JSON\n') },
  // Cannot be read to its end, so that there is an object that failed.
  { key: 'events/3.jsonl.gz', body: gzipSync(LINES).subarray(0, -100) },
];

/** `.ci/run` installs it. */
const hasJq = spawnSync('jq', ['--version']).status === 0;
const whyNoJq = hasJq ? '' : ' (not run: no jq)';

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let folder: string;
let s3: FastS3;
let kinesis: LocalKinesis;
let demo: ChildProcess | undefined;

async function open(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pages-'));
  s3 = await startFastS3({ buckets: { bucket: OBJECTS } });
  kinesis = await startLocalKinesis({ streams: { events: 4 }, limits: 'off', retainBytes: 64 << 20 });
}
/** Each of them starts several processes one after the other, and the machine may have other work. */
vi.setConfig({ testTimeout: 180_000 });

afterEach(async () => {
  if (demo?.exitCode === null) demo.kill('SIGKILL');
  await Promise.all([s3.close(), kinesis.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function environment(): NodeJS.ProcessEnv {
  return {
    ...{ ...CLEAN_ENV, HOME: folder, XDG_CACHE_HOME: join(tmpdir(), '.cache') },
    ...{ PATH: `${join(process.execPath, '..')}:${process.env.PATH}` },
    ...{ AWS_ENDPOINT_URL_S3: s3.endpoint, AWS_ENDPOINT_URL_KINESIS: kinesis.endpoint },
  };
}

function shell(script: string): Promise<Ended> {
  const settings = { cwd: folder, env: environment(), maxBuffer: 16 << 20 };
  return new Promise((resolve) => {
    execFile('bash', ['--norc', '-uo', 'pipefail', '-c', script], settings, (error, stdout, stderr) =>
      resolve({ code: (error?.code as number | undefined) ?? 0, stdout, stderr }),
    );
  });
}

const block = (page: string, words: string) => blocksOf(page).find((text) => text.includes(words))!;
const real = (script: string) => script.replaceAll('npm run millrace --', MILLRACE);
const journal = () => globSync('.millrace/*.journal', { cwd: folder })[0]!;

describe('README.md', () => {
  it('what "Use it" shows carries, tells, proves, and sends what was repaired', async () => {
    await open();
    const [carry, status, verify, redrive, proof] = real(block('README.md', 'redrive repaired'))
      .trim()
      .split('\n');
    const carried = await shell(carry!);
    expect([carried.code, carried.stdout], carried.stderr).toEqual([
      1,
      expect.stringContaining('1 INVALID_JSON'),
    ]);
    const run = /millrace\/(.+)\.journal$/.exec(journal())![1]!;
    const told = await shell(status!);
    expect([told.code, told.stdout]).toEqual([0, expect.stringContaining(run)]);
    const proven = await shell(verify!.replaceAll('<run>', run));
    expect([proven.code, proven.stdout], proven.stderr).toEqual([1, expect.stringMatching(/dead letters?/)]);
    const [letters] = globSync('.millrace/*.dead-letters.jsonl', { cwd: folder });
    const lines = readFileSync(join(folder, letters!), 'utf8').trim().split('\n');
    const repaired = lines.map((line) => {
      const { data: _, ...letter } = JSON.parse(line);
      return JSON.stringify(
        letter.code === 'INVALID_JSON' ? { ...letter, text: '{"user":{"id":"x"}}' } : letter,
      );
    });
    writeFileSync(join(folder, 'repaired.jsonl'), `${repaired.join('\n')}\n`);
    const sent = await shell(redrive!);
    expect([sent.code, sent.stdout], sent.stderr).toEqual([1, expect.stringMatching(/records +1 delivered/)]);
    const again = await shell(proof!.replaceAll('<run>', run));
    expect([again.code, again.stdout], again.stderr).toEqual([1, expect.stringContaining('redriven')]);
  });

  it('what `npm run demo -- --keep` says to try next works as it stands there', async () => {
    await open();
    demo = spawn(process.execPath, [...MILLRACE.split(' ').slice(1), 'demo', '--keep', '--quiet'], {
      cwd: folder,
      env: { ...environment(), TMPDIR: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = await saying(demo, /status --journal .*\n/);
    const tries = said.split('\n').filter((line) => /^ {2}(export|npm run)/.test(line));
    expect(tries).toHaveLength(4);
    const [variables, ...commands] = tries;
    const ended = await Promise.all(commands.map((command) => shell(`${variables}\n${real(command)}`)));
    // Its dead letters are part of the show.
    expect(
      ended.map(({ code }) => code),
      ended.map(({ stderr }) => stderr).join(),
    ).toEqual([1, 1, 0]);
    expect(ended[1]!.stdout).toMatch(/^Match, except 5 of /);
    expect(ended[2]!.stdout).toContain('finished');
    demo.kill('SIGINT');
    expect((await once(demo, 'exit'))[0]).toBe(130);
  });
});

/** Everything that a process has said on stderr once that is in it. */
async function saying(child: ChildProcess, words: RegExp): Promise<string> {
  let said = '';
  for await (const chunk of child.stderr!) {
    said += String(chunk);
    if (words.test(said)) return said;
  }
  throw new Error(`It never said ${words}: ${said}`);
}

describe('docs/DEBUGGING.md', () => {
  it('a run that is killed at a fault point is told of, and the same command ends it', async () => {
    await open();
    const { code, stdout, stderr } = await shell(real(block('docs/DEBUGGING.md', 'MILLRACE_FAULT=')));
    expect(stdout).toMatch(/^publisher\.after-put kill \d+\n/);
    expect(stdout).toContain('killed');
    expect([code, stdout.slice(stdout.indexOf('killed'))], stderr).toEqual([
      1,
      expect.stringContaining('Delivered, except for the dead letters'),
    ]);
  });
});

describe('docs/JOURNAL.md', () => {
  async function carry(): Promise<void> {
    await open();
    await shell(real(block('README.md', 'redrive repaired')).split('\n')[0]!);
    copyFileSync(join(folder, journal()), join(folder, 'run.journal'));
  }

  it.skipIf(!hasJq)(`its commands with jq read a journal${whyNoJq}`, async () => {
    await carry();
    const looked = await shell(`set -e\n${block('docs/JOURNAL.md', 'jq -r .kind')}`);
    expect([looked.code, looked.stderr]).toEqual([0, '']);
    expect(looked.stdout).toMatch(/ 1 run\n/);
    expect(looked.stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z start \d+$/m);
    expect(looked.stdout).toMatch(/"failed":"OBJECT_UNREADABLE"/);
  });

  it('those without jq do, too, and find the line that is damaged', async () => {
    await carry();
    const plain = block('docs/JOURNAL.md', 'node -e');
    const sound = await shell(plain);
    expect([sound.code, sound.stdout, sound.stderr]).toEqual([
      0,
      expect.stringMatching(/^\d+ events\/3\.jsonl\.gz \d+\n/),
      '',
    ]);
    expect(sound.stdout).not.toContain('damaged');
    const bytes = readFileSync(join(folder, 'run.journal'), 'latin1');
    writeFileSync(join(folder, 'run.journal'), bytes.replace('"kind":"run"', '"kind":"ruN"'), 'latin1');
    expect((await shell(plain)).stdout).toMatch(/^damaged: \{"kind":"ruN"/m);
  });
});
