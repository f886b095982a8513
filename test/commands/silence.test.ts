/** Endpoints that take a call and never answer it: every call ends in time and is asked again, and signals and --timeout are heeded from the first moment. */

import { existsSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { ENGINE } from '../../src/base/limits.ts';
import { dataOf, differences, linesOf, runCommand, STREAM, World } from './fixture.ts';
import { emptiest, split } from './resharding.ts';

const BODY = clicks({ seed: 7, lineCount: 2_000 });
/** A process that is asked to end while it waits for an answer has nothing to finish. */
const END_MS_MAX = 8_000;

const closers: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function openWorld(): Promise<World> {
  const world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }], shards: 2 });
  closers.push(() => world.close());
  return world;
}

/** A server that accepts, reads and says nothing. */
async function openSilence() {
  const sockets = new Set<Socket>();
  const heard = { bytes: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('data', (chunk) => (heard.bytes += chunk.length)).on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as { port: number };
  return { endpoint: `http://127.0.0.1:${port}`, heard };
}

/** Flags and environment of a process whose calls to one service are never answered. */
async function silenced(world: World, service: 'kinesis' | 's3' | 'credentials' | null) {
  const { endpoint, heard } = await openSilence();
  const kinesis = service === 'kinesis' ? endpoint : world.kinesis.endpoint;
  const s3 = service === 's3' ? endpoint : world.s3.endpoint;
  const env: Record<string, string | undefined> =
    service === 'credentials'
      ? {
          AWS_ACCESS_KEY_ID: undefined,
          AWS_SECRET_ACCESS_KEY: undefined,
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `${endpoint}/credentials`,
        }
      : {};
  return { flags: ['--s3-endpoint-url', s3, '--kinesis-endpoint-url', kinesis, '--quiet'], env, heard };
}

function commandLine(command: 'backfill' | 'verify' | 'redrive', world: World): string[] {
  const letters = join(world.folder, 'letters.jsonl');
  const letter = { bucket: 'b', key: 'k', etag: '"e"', offset: 0, length: 2, code: 'SCHEMA', message: 'no' };
  writeFileSync(letters, `${JSON.stringify({ ...letter, data: 'e30=' })}\n`);
  if (command === 'redrive') return ['redrive', letters, '--stream', STREAM];
  if (command === 'verify') return ['verify', 's3://bucket/', '--stream', STREAM, '--from', 'trim-horizon'];
  return ['backfill', 's3://bucket/', '--stream', STREAM, '--journal', world.journal];
}

it.each([
  { command: 'backfill', service: 'kinesis', signal: 'SIGTERM', exitCode: 143 },
  { command: 'backfill', service: 's3', signal: 'SIGINT', exitCode: 130 },
  { command: 'backfill', service: 'credentials', signal: 'SIGTERM', exitCode: 143 },
  { command: 'verify', service: 'kinesis', signal: 'SIGINT', exitCode: 130 },
  { command: 'verify', service: 's3', signal: 'SIGTERM', exitCode: 143 },
  { command: 'verify', service: 'credentials', signal: 'SIGTERM', exitCode: 143 },
  { command: 'redrive', service: 'kinesis', signal: 'SIGTERM', exitCode: 143 },
] as const)(
  '$command ends with $exitCode at the first $signal while $service does not answer',
  async ({ command, service, signal, exitCode }) => {
    const world = await openWorld();
    const { flags, env, heard } = await silenced(world, service);
    const ended = await runCommand([...commandLine(command, world), ...flags], {
      ...{ env, cwd: world.folder },
      interrupt: { when: () => heard.bytes > 0, signals: [signal] },
    });
    expect(heard.bytes).toBeGreaterThan(0);
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([exitCode, false]);
    expect(ended.stderr).toContain(`Stopped by ${signal}`);
    expect(ended.drainMs).toBeLessThan(END_MS_MAX);
    expect(existsSync(`${world.journal}.lock`)).toBe(false);
  },
);

it.each([{ service: 'kinesis' }, { service: 's3' }, { service: 'credentials' }] as const)(
  'backfill heeds --timeout while $service does not answer, and the same command carries everything once it does',
  async ({ service }) => {
    const world = await openWorld();
    const { flags, env, heard } = await silenced(world, service);
    const args = [...commandLine('backfill', world), '--timeout', '2s'];
    // On a slow machine 2 s may be over before the service is asked.
    do {
      const ended = await runCommand([...args, ...flags], { env, cwd: world.folder, isAlone: true });
      expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([3, false]);
      expect(ended.stderr).toContain('Stopped by --timeout after 2 s; the same command resumes it');
      expect(ended.durationMs).toBeLessThan(2_000 + END_MS_MAX);
    } while (heard.bytes === 0);
    expect((await world.backfill(['--quiet'])).exitCode).toBe(0);
    expect(differences(linesOf(BODY), dataOf(world.records()))).toEqual(new Map());
  },
);

it.each([
  { command: 'backfill', operation: 'ListShards', signal: 'SIGTERM', exitCode: 143 },
  { command: 'backfill', operation: 'PutRecords', signal: 'SIGINT', exitCode: 130 },
  { command: 'verify', operation: 'ListShards', signal: 'SIGTERM', exitCode: 143 },
  { command: 'verify', operation: 'GetShardIterator', signal: 'SIGINT', exitCode: 130 },
  { command: 'verify', operation: 'GetRecords', signal: 'SIGTERM', exitCode: 143 },
] as const)(
  '$command ends with $exitCode at the first $signal while $operation is not answered',
  async ({ command, operation, signal, exitCode }) => {
    const world = await openWorld();
    const { flags } = await silenced(world, null);
    world.kinesis.setFaults([{ kind: 'stall', operation }]);
    const when = () => (world.kinesis.stats().faultsFired.stall ?? 0) > 0;
    const ended = await runCommand([...commandLine(command, world), ...flags], {
      cwd: world.folder,
      interrupt: { when, signals: [signal] },
    });
    expect(when()).toBe(true);
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([exitCode, false]);
    expect(ended.drainMs).toBeLessThan(END_MS_MAX);
  },
);

it.each([{ operation: 'DescribeStreamSummary' }, { operation: 'ListShards' }])(
  'asks again where $operation was not answered',
  async ({ operation }) => {
    const world = await openWorld();
    world.kinesis.setFaults([{ kind: 'stall', operation, times: 1 }]);
    const ended = await world.backfill(['--quiet']);
    expect(world.kinesis.stats().faultsFired.stall).toBe(1);
    expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([0, false]);
    expect(differences(linesOf(BODY), dataOf(world.records()))).toEqual(new Map());
  },
);

/** Splits the shard that has more to come, as soon as records flow; from then on the shards are listed for nobody, so often. */
function splitInSilence(world: World, times: number) {
  const done = { isSplit: false };
  const timer = setInterval(() => {
    if (done.isSplit || world.kinesis.stats().recordsStored === 0) return;
    done.isSplit = true;
    world.kinesis.setFaults([{ kind: 'stall', operation: 'ListShards', times }]);
    split(world, emptiest(world));
  }, 5);
  closers.push(() => clearInterval(timer));
  return { done, hasStalled: () => (world.kinesis.stats().faultsFired.stall ?? 0) > 0 };
}
const PACED = ['--quiet', '--rate', '1000/s', '--publishers', '1'];

it('goes on after a reshard whose shards were not listed at first', async () => {
  const world = await openWorld();
  const { done } = splitInSilence(world, 1);
  const { report, ended } = await world.report(PACED);
  expect([done.isSplit, world.kinesis.stats().faultsFired.stall]).toEqual([true, 1]);
  expect([ended.exitCode, report.requests.reshards], ended.stderr).toEqual([0, 1]);
  expect(differences(linesOf(BODY), dataOf(world.records()))).toEqual(new Map());
});

it('ends at the first signal while the shards of a reshard are not listed, and the same command carries the rest', async () => {
  const world = await openWorld();
  const { done, hasStalled } = splitInSilence(world, Number.POSITIVE_INFINITY);
  const { report, ended } = await world.report(PACED, {
    interrupt: { when: hasStalled, signals: ['SIGTERM'] },
  });
  expect([done.isSplit, ended.exitCode], ended.stderr).toEqual([true, 143]);
  expect(ended.drainMs).toBeLessThan(ENGINE.stopMs);
  world.kinesis.setFaults([]);
  expect((await world.backfill(['--quiet'])).exitCode).toBe(0);
  const counts = [...differences(linesOf(BODY), dataOf(world.records())).values()];
  expect(counts.filter((count) => count < 0)).toEqual([]);
  expect(counts.length).toBeLessThanOrEqual(report.records.repeatable);
});

it.each([
  { name: 'SIGINT', flags: [], signals: ['SIGINT'], exitCode: 130 },
  { name: '--timeout', flags: ['--timeout', '5s'], signals: [], exitCode: 3 },
] as const)(
  '$name ends a run that asks at its end whether the stream is the same, and gets no answer',
  async ({ flags, signals, exitCode }) => {
    const world = await openWorld();
    const when = () => (world.kinesis.stats().faultsFired.stall ?? 0) > 0;
    let delivered = 0;
    // On a slow machine the time may be over before everything is delivered: then the next run asks.
    do {
      world.kinesis.setFaults([{ kind: 'stall', operation: 'DescribeStreamSummary', skip: 1 }]);
      const { report, ended } = await world.report([...flags], { interrupt: { when, signals } });
      expect([ended.exitCode, report.status], ended.stderr).toEqual([exitCode, 'interrupted']);
      expect(ended.durationMs).toBeLessThan(5_000 + END_MS_MAX);
      expect(report.records.repeatable).toBe(0);
      delivered += report.records.delivered;
    } while (!when());
    expect(delivered).toBe(linesOf(BODY).length);
    world.kinesis.setFaults([]);
    const { report: last } = await world.report();
    expect([last.status, last.records.delivered]).toEqual(['delivered', 0]);
  },
);
