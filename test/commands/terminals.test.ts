/** Terminals and scripts: issue 12. Who hears the command, what happens when nobody does any more, and what scripts are told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import {
  BIN,
  CLEAN_ENV,
  dataOf,
  differences,
  linesOf,
  runCommand,
  World,
  type WorldOptions,
} from './fixture.ts';
import { hasPython, openTerminal, whyNoTerminal } from './terminal.ts';

const LINES = Buffer.from(Array.from({ length: 4_000 }, (_, i) => `{"id":${i}}\n`).join(''));
const worlds: World[] = [];
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close();
});
async function open(options: WorldOptions = {}): Promise<World> {
  const world = await World.open({ objects: [{ key: 'a.jsonl', body: LINES }], shards: 2, ...options });
  worlds.push(world);
  return world;
}

/** A stream that takes its time, so that something is on its way when a signal comes. */
const SLOW = { faults: [{ kind: 'delay', delayMs: 400 }] } as const;
const SMALL_STEPS = ['--batch-records', '50', '--in-flight', '2', '--publishers', '1'];
const puts = (world: World) => world.kinesis.stats().requestsByOperation.PutRecords ?? 0;
/** The first PutRecords asks for the encoding. */
const isSending = (world: World) => puts(world) >= 4;

const hasFull = existsSync('/dev/full');
const whyNotFull = hasFull ? '' : ' (not run: no /dev/full)';

/** Runs the command with stdout and stderr where a test wants them. */
async function runInto(
  args: readonly string[],
  { stdout, stderr }: { stdout?: string; stderr?: string },
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const files = [stdout, stderr].map((path) => (path === undefined ? 'pipe' : openSync(path, 'w')));
  const child = spawn(process.execPath, [BIN, ...args], {
    env: CLEAN_ENV,
    stdio: ['ignore', files[0]!, files[1]!] as const,
  });
  for (const file of files) if (typeof file === 'number') closeSync(file);
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
  const [exitCode] = await once(child, 'close');
  return { exitCode, ...said };
}

describe.skipIf(!hasPython)(`a terminal that is closed${whyNoTerminal}`, () => {
  it('stops the run in good order with 129, and the same command resumes it', async () => {
    const bodyOf = (i: number) =>
      Buffer.from(Array.from({ length: 20 }, (_, n) => `{"o":${i},"n":${n}}\n`).join(''));
    const objects = Array.from({ length: 20 }, (_, i) => ({ key: `${i}.jsonl`, body: bodyOf(i) }));
    const world = await open({ objects });
    world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 2_000 }]);
    const terminal = openTerminal(
      ['backfill', 's3://bucket/', ...world.flags, '--downloads', '1'],
      world.folder,
    );
    await terminal.until(() => isSending(world));
    terminal.type('hangup');
    expect(await terminal.ended()).toBe('exit 129');
    const status = JSON.parse((await runCommand(['status', '--journal', world.journal, '--json'])).stdout);
    expect([status.state, status.status]).toEqual(['stopped', 'interrupted']);
    expect(status.objects.done).toBeLessThan(20);
    expect(world.records().length).toBeGreaterThan(0);
    world.s3.setFaults([]);
    expect((await world.backfill()).exitCode).toBe(0);
    const lines = linesOf(...objects.map(({ body }) => body));
    expect(differences(lines, dataOf(world.records()))).toEqual(new Map());
  });

  it('ends verify with 129', async () => {
    const world = await open({ kinesis: { faults: [{ kind: 'stall', operation: 'GetRecords' }] } });
    expect((await world.backfill()).exitCode).toBe(0);
    const endpoints = world.flags.filter((_, i) => ![2, 3, 4, 5].includes(i));
    const terminal = openTerminal(['verify', 's3://bucket/', ...endpoints], world.folder);
    await terminal.until(() => (world.kinesis.stats().requestsByOperation.GetRecords ?? 0) > 0);
    terminal.type('hangup');
    expect(await terminal.ended()).toBe('exit 129');
  });

  it('gets its cursor back when Ctrl-C comes twice', async () => {
    const world = await open({ kinesis: SLOW });
    const terminal = openTerminal(['backfill', 's3://bucket/', ...world.flags, ...SMALL_STEPS], world.folder);
    await terminal.until(() => isSending(world));
    await terminal.until(() => terminal.shown().includes('\x1b[?25l'));
    terminal.type('^C');
    await terminal.until(() => terminal.shown().includes('SIGINT: finishing'));
    terminal.type('^C');
    expect(await terminal.ended()).toBe('exit 130');
    const shown = terminal.shown();
    expect(shown.lastIndexOf('\x1b[?25h')).toBeGreaterThan(shown.lastIndexOf('\x1b[?25l'));
  });
});

it('a hang-up is nothing to a command that never had a terminal, as under nohup', async () => {
  const world = await open({ kinesis: SLOW });
  const ended = await world.backfill([...SMALL_STEPS, '--in-flight', '64'], {
    interrupt: { when: () => isSending(world), signals: ['SIGHUP', 'SIGHUP'] },
  });
  expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([0, false]);
  expect(ended.drainMs).not.toBeNull();
  expect(world.records()).toHaveLength(4_000);
});

describe('stderr that cannot be written', () => {
  it.skipIf(!hasFull)(`because the disk is full ends the progress, not the run${whyNotFull}`, async () => {
    const world = await open();
    const ended = await runInto(['backfill', 's3://bucket/', ...world.flags, '--json'], {
      stderr: '/dev/full',
    });
    expect([ended.exitCode, JSON.parse(ended.stdout).status]).toEqual([0, 'delivered']);
  });

  it.skipIf(!hasFull)(
    `does not change the exit code of a command that cannot start${whyNotFull}`,
    async () => {
      const ended = await runInto(['backfill', 'nonsense'], { stderr: '/dev/full', stdout: '/dev/full' });
      expect(ended.exitCode).toBe(2);
    },
  );

  it.each(['backfill', 'verify'])(
    'because its reader is gone ends the progress of %s, not its work',
    async (name) => {
      const world = await open();
      if (name === 'verify') expect((await world.backfill()).exitCode).toBe(0);
      const flags = name === 'verify' ? world.flags.slice(0, 2).concat(world.flags.slice(6)) : world.flags;
      const child = spawn(process.execPath, [BIN, name, 's3://bucket/', ...flags, '--json'], {
        env: CLEAN_ENV,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child.stderr.destroy();
      let stdout = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      const [exitCode] = await once(child, 'close');
      expect([exitCode, JSON.parse(stdout).status]).toEqual([0, name === 'verify' ? 'match' : 'delivered']);
    },
  );
});

describe('stdout that cannot be written', () => {
  it.skipIf(!hasFull).each([
    { name: 'delivered', body: LINES, says: /Cannot write the report to stdout: ENOSPC/ },
    {
      name: 'with a dead letter',
      body: Buffer.from('nope\n'),
      says: /Cannot write the report to stdout: ENOSPC/,
    },
  ])(
    `loses the report of a run that ended ($name): exit 3, and the same command gives it${whyNotFull}`,
    async ({ body, says }) => {
      const world = await open({ objects: [{ key: 'a.jsonl', body }] });
      const args = ['backfill', 's3://bucket/', ...world.flags, '--json', '--quiet'];
      const ended = await runInto(args, { stdout: '/dev/full' });
      expect([ended.exitCode, ended.stderr]).toEqual([3, expect.stringMatching(says)]);
      const again = await runInto(args, {});
      expect(JSON.parse(again.stdout)).toMatchObject({ resumed: true, exitCode: again.exitCode });
      expect(again.exitCode).toBeLessThan(2);
    },
  );

  it.skipIf(!hasFull)(`keeps the exit code of a run that failed${whyNotFull}`, async () => {
    const ended = await runInto(['status', '--journal', '/no/such', '--json'], { stdout: '/dev/full' });
    expect([ended.exitCode, ended.stderr]).toEqual([2, expect.stringMatching(/Cannot read .*\/no\/such/)]);
  });

  it.skipIf(!hasFull)(`is told of help and version, too${whyNotFull}`, async () => {
    for (const word of ['--help', '--version']) {
      const ended = await runInto([word], { stdout: '/dev/full' });
      expect([ended.exitCode, ended.stderr]).toEqual([
        3,
        expect.stringMatching(/^millrace: Cannot write the help to stdout: ENOSPC[^\n]*gives it again\n$/),
      ]);
    }
  });

  it('because its reader is gone leaves the exit code to the run', async () => {
    const world = await open();
    const child = spawn(process.execPath, [BIN, 'backfill', 's3://bucket/', ...world.flags, '--quiet'], {
      env: CLEAN_ENV,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [exitCode] = await once(child, 'close');
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('Cannot write the report to stdout')]);
    expect(world.records()).toHaveLength(4_000);
  });
});

const ADDON = ['build/millrace.node', 'build/millrace.node.sum'];

describe('an installation that is not whole', () => {
  /** A copy of the program where `damage` was done. */
  async function damaged(damage: (root: string) => void, args: readonly string[]) {
    const world = await open();
    const root = join(BIN, '..', '..');
    const copy = join(world.folder, 'installed');
    // Of what was built the addon alone: a developer's folder has hundreds of megabytes beside it.
    for (const name of ['src', 'workers', 'package.json', ...ADDON])
      if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    damage(copy);
    const bin = join(copy, 'src', 'bin.mjs');
    return runCommand([...args, ...(args[0] === 'backfill' ? world.flags : []), '--json'], { bin });
  }

  it.each([
    {
      name: 'no packages',
      damage: (root: string) => rmSync(join(root, 'node_modules')),
      args: ['backfill', 's3://bucket/'],
    },
    {
      name: 'a missing file',
      damage: (root: string) => rmSync(join(root, 'src/run/engine.ts')),
      args: ['backfill'],
    },
    {
      name: 'a file that is cut off',
      damage: (root: string) => {
        const path = join(root, 'src/run/engine.ts');
        const text = readFileSync(path, 'utf8');
        writeFileSync(path, text.slice(0, text.lastIndexOf('}')));
      },
      args: ['backfill'],
    },
    {
      name: 'a thread without its file',
      damage: (root: string) => rmSync(join(root, 'src/parse/thread.ts')),
      args: ['backfill', 's3://bucket/'],
    },
  ])('ends with 2 and says so: $name', async ({ damage, args }) => {
    const ended = await damaged(damage, args);
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([2, false]);
    const { exitCode, status, error } = JSON.parse(ended.stdout);
    expect([exitCode, status, error]).toEqual([2, 'failed', expect.stringContaining('install it again')]);
    expect(ended.stderr).not.toMatch(/^ {4}at /m);
  });
});

describe('--json gives one document whatever fails', () => {
  it.each([
    ['backfill'],
    ['backfill', 's3://bucket/', '--stream', 's', '--kinesis-endpoint-url', 'http://127.0.0.1:1'],
    ['backfill', 's3://bucket/', '--frobnicate'],
    ['verify'],
    ['verify', '--journal', '/no/such/journal'],
    ['redrive', '/no/such/letters', '--stream', 's', '--endpoint-url', 'http://127.0.0.1:1'],
    ['status', '--journal='],
    ['status', '--journal', '/no/such/journal'],
    ['bench', '--size', 'large'],
    ['bench', '--config', '/no/such/file'],
    ['frobnicate'],
    [],
  ])('%s %s %s', async (...args) => {
    const ended = await runCommand([...args, '--json'], { env: { AWS_PROFILE: undefined } });
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([2, false]);
    const document = JSON.parse(ended.stdout);
    expect(document).toEqual({ status: 'failed', exitCode: 2, error: expect.any(String) });
    for (const line of document.error.split('\n')) expect(ended.stderr).toContain(`millrace: ${line}\n`);
  });

  it('also where a configuration file wants it', async () => {
    const world = await open();
    const config = join(world.folder, 'flags.json');
    writeFileSync(config, '{"json":true,"downloads":0}');
    const ended = await world.backfill(['--config', config]);
    expect([ended.exitCode, JSON.parse(ended.stdout).exitCode]).toEqual([2, 2]);
  });

  it('also where the time is up before anything has begun', async () => {
    const world = await open({
      kinesis: { faults: [{ kind: 'stall', operation: 'DescribeStreamSummary' }] },
    });
    const ended = await world.backfill(['--json', '--timeout', '1s']);
    expect([ended.exitCode, JSON.parse(ended.stdout)]).toEqual([
      3,
      { status: 'interrupted', exitCode: 3, error: expect.stringContaining('--timeout') },
    ]);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('also where a second %s ends it at once', async (signal) => {
    const world = await open({ kinesis: { faults: [{ kind: 'stall' }] } });
    const exitCode = signal === 'SIGINT' ? 130 : 143;
    const ended = await world.backfill(['--wire', 'json', '--json', '--quiet'], {
      interrupt: { when: () => puts(world) > 0, signals: [signal, signal] },
    });
    const report = JSON.parse(ended.stdout);
    expect([ended.exitCode, report.status, report.exitCode]).toEqual([exitCode, 'interrupted', exitCode]);
  });
});

describe('a machine whose name service is not up yet', () => {
  const preload = pathToFileURL(join(import.meta.dirname, 'late-names.mjs')).href;
  const late = (atMs: number) => ({
    NODE_OPTIONS: `--import ${preload}`,
    LATE_NAMES_AT: String(atMs),
  });
  const named = (world: World, service: 's3' | 'kinesis') => [
    ...[`--${service}-endpoint-url`, `http://${service}.late.test:${new URL(world[service].endpoint).port}`],
    '--insecure-endpoint',
  ];

  it.each(['s3', 'kinesis'] as const)('is waited for by backfill and verify: %s', async (service) => {
    const world = await open();
    const ended = await world.backfill([...named(world, service), '--json'], {
      env: late(Date.now() + 4_000),
    });
    expect([ended.exitCode, JSON.parse(ended.stdout).status], ended.stderr).toEqual([0, 'delivered']);
    expect(ended.stderr).toContain(`${service}.late.test has no address (ENOTFOUND)`);
    const flags = [...world.flags.slice(0, 2), ...world.flags.slice(6), ...named(world, service)];
    const args = ['verify', 's3://bucket/', ...flags, '--json'];
    const verified = await runCommand(args, { env: late(Date.now() + 3_000) });
    expect([verified.exitCode, JSON.parse(verified.stdout).status], verified.stderr).toEqual([0, 'match']);
    expect(verified.stderr).toContain(`${service}.late.test has no address (ENOTFOUND)`);
  });

  it.each(['s3', 'kinesis'] as const)('or a host that nobody knows: %s is named, exit 2', async (service) => {
    const world = await open();
    const ended = await world.backfill(named(world, service), { env: late(Number.MAX_VALUE) });
    const lines = ended.stderr.trim().split('\n');
    expect([ended.exitCode, lines], ended.stderr).toEqual([
      2,
      [
        `millrace: ${service}.late.test has no address (ENOTFOUND); asking again for 20 s`,
        expect.stringMatching(`^millrace: Cannot .*ENOTFOUND.*${service}\\.late\\.test`),
      ],
    ]);
    expect(ended.durationMs).toBeGreaterThan(15_000);
  });
});

it('demo that is stopped leaves no folder behind, and tells a script', async () => {
  const world = await open();
  const ended = await runCommand(['demo', '--json', '--quiet'], {
    cwd: world.folder,
    env: { TMPDIR: world.folder, HOME: world.folder },
    interrupt: {
      when: () => readdirSync(world.folder).some((name) => name.startsWith('millrace-demo-')),
      signals: ['SIGINT'],
    },
  });
  expect([ended.exitCode, JSON.parse(ended.stdout).status]).toEqual([130, 'interrupted']);
  expect(readdirSync(world.folder).filter((name) => name.startsWith('millrace-'))).toEqual([]);
});
