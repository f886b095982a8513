/** A stream that was deleted and made again has the same name and ARN, and nothing of what was put before: it is named, and nothing is called delivered. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { LocalKinesisOptions } from '../../src/embedded/kinesis.ts';
import {
  BUCKET,
  dataOf,
  differences,
  linesOf,
  type RunSettings,
  runCommand,
  STREAM,
  World,
} from './fixture.ts';

const LINE_COUNT = 6_000;
const BODY = clicks({ seed: 12, lineCount: LINE_COUNT });
const SHARDS = 2;

let world: World;
afterEach(() => world?.close());

const open = async (kinesis: LocalKinesisOptions = {}) => {
  world = await World.open({ objects: [{ key: 'a.jsonl', body: BODY }], shards: SHARDS, kinesis });
};

function create(): void {
  const StreamModeDetails = { StreamMode: 'ON_DEMAND' };
  world.kinesis.call('CreateStream', { StreamName: STREAM, ShardCount: SHARDS, StreamModeDetails });
}

function isThere(): boolean {
  const { StreamNames } = world.kinesis.call('ListStreams', {}) as { StreamNames: string[] };
  return StreamNames.includes(STREAM);
}

function makeAgain(): void {
  world.kinesis.call('DeleteStream', { StreamName: STREAM });
  create();
}

const ANOTHER = /stream orders was deleted and made again: .*; .*--restart/;
const GOING = /stream orders.* is being deleted, with what was put to it/;

function either(one: RegExp, other: RegExp): RegExp {
  return new RegExp(`${one.source}|${other.source}`);
}

/** The stream holds every line once. */
const expectAll = () => expect(differences(linesOf(BODY), dataOf(world.records()))).toEqual(new Map());

const verify = (interrupt?: RunSettings['interrupt']) =>
  runCommand(
    [
      ...['verify', '--journal', world.journal, '--quiet', '--json', '--s3-endpoint-url', world.s3.endpoint],
      ...['--kinesis-endpoint-url', world.kinesis.endpoint],
    ],
    { cwd: world.folder, interrupt },
  );

it('names a stream that was made again after a run, calls nothing delivered, and delivers everything with --restart', async () => {
  await open();
  expect((await world.report()).report.status).toBe('delivered');
  makeAgain();

  const again = await world.backfill(['--quiet']);
  expect([again.exitCode, again.stdout]).toEqual([2, '']);
  expect(again.stderr).toMatch(ANOTHER);
  expect(world.records()).toEqual([]);
  const verified = await verify();
  expect(verified.exitCode).toBe(2);
  expect(verified.stdout + verified.stderr).toMatch(ANOTHER);

  const { report, ended } = await world.report(['--restart']);
  expect([ended.exitCode, report.status, report.records.delivered]).toEqual([0, 'delivered', LINE_COUNT]);
  expectAll();
  expect((await verify()).exitCode).toBe(0);
});

it('names a stream that was made again after a run was killed', async () => {
  await open();
  world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 60_000 }]);
  const stored = () => world.kinesis.stats().recordsStored > 0;
  const flags = ['--quiet', '--segment-size', '64KiB', '--downloads', '2'];
  const killed = await world.backfill(flags, { interrupt: { when: stored, signals: ['SIGKILL'] } });
  expect(killed.exitCode).toBe(null);
  makeAgain();
  world.s3.setFaults([]);
  const again = await world.backfill(flags);
  expect([again.exitCode, again.stdout]).toEqual([2, '']);
  expect(again.stderr).toMatch(ANOTHER);
  expect(world.records()).toEqual([]);
});

it.each([
  { name: 'at once', transitionMs: 0, said: ANOTHER },
  // A run that asks while the old one is going says so.
  { name: 'after a while without it', transitionMs: 400, said: either(ANOTHER, GOING) },
])(
  'names a stream that is made again $name while records are put, calls nothing delivered, and says so again the next time',
  async ({ transitionMs, said }) => {
    await open({ transitionMs });
    // Piece by piece, and so slow that the stream is deleted long before the last one, also where this process seldom gets its turn.
    const pieces = ['--segment-size', '64KiB', '--downloads', '2'];
    world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 40_000 }]);
    let phase = 'before' as 'before' | 'deleted' | 'made again';
    const when = () => {
      if (phase === 'before' && world.kinesis.stats().recordsStored > 0) {
        world.kinesis.call('DeleteStream', { StreamName: STREAM });
        phase = 'deleted';
      }
      if (phase === 'deleted' && !isThere()) {
        create();
        phase = 'made again';
      }
      return false;
    };
    const { report, ended } = await world.report(pieces, { interrupt: { when, signals: [] } });
    expect(phase).not.toBe('before');
    expect(world.records().length).toBeLessThan(LINE_COUNT);
    expect([ended.exitCode, report.status], ended.stderr).toEqual([2, 'failed']);
    expect(report.error).toMatch(said);
    if (phase === 'deleted') {
      await vi.waitUntil(() => !isThere(), 60_000);
      create();
    }
    const status = await runCommand(['status', '--journal', world.journal, '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'stopped', status: 'failed' });

    world.s3.setFaults([]);
    const again = await world.backfill(['--quiet', ...pieces]);
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toMatch(ANOTHER);
    const { ended: last } = await world.report(['--restart', ...pieces]);
    expect(last.exitCode).toBe(0);
    const verified = await verify();
    expect([verified.exitCode, JSON.parse(verified.stdout).missing]).toEqual([0, 0]);
  },
);

it('names a stream that is deleted while the last records are put', async () => {
  await open();
  world.kinesis.setFaults([{ kind: 'delay', operation: 'PutRecords', delayMs: 300, when: 'after' }]);
  let isDeleted = false;
  const when = () => {
    if (isDeleted || world.kinesis.stats().recordsStored < LINE_COUNT) return false;
    world.kinesis.call('DeleteStream', { StreamName: STREAM });
    isDeleted = true;
    return false;
  };
  const { report, ended } = await world.report([], { interrupt: { when, signals: [] } });
  expect(isDeleted).toBe(true);
  expect([ended.exitCode, report.status]).toEqual([2, 'failed']);
  expect(report.error).toMatch(/^Cannot call anything delivered: stream orders was deleted, .*--restart$/);
});

it('names a stream that is made again while dead letters are sent', async () => {
  await open();
  const letters = linesOf(BODY).map((line, n) => ({
    ...{ bucket: BUCKET, key: 'a.jsonl', etag: '"e"', offset: n, length: line.length, code: 'SCHEMA' },
    ...{ message: 'no', data: Buffer.from(line, 'latin1').toString('base64') },
  }));
  const path = join(world.folder, 'letters.jsonl');
  writeFileSync(path, letters.map((letter) => `${JSON.stringify(letter)}\n`).join(''));
  world.kinesis.setFaults([{ kind: 'delay', operation: 'PutRecords', delayMs: 300 }]);
  let isMadeAgain = false;
  const when = () => {
    if (isMadeAgain || world.kinesis.stats().recordsStored === 0) return false;
    makeAgain();
    isMadeAgain = true;
    return false;
  };
  const args = ['redrive', path, '--stream', STREAM, '--kinesis-endpoint-url', world.kinesis.endpoint];
  const ended = await runCommand([...args, '--in-flight', '1', '--publishers', '1', '--json', '--quiet'], {
    cwd: world.folder,
    interrupt: { when, signals: [] },
  });
  expect(isMadeAgain).toBe(true);
  expect(ended.exitCode, ended.stdout).toBe(2);
  expect(JSON.parse(ended.stdout).error).toMatch(/stream orders was deleted and made again/);
});

it('calls it no match when the stream is made again while the source is still read', async () => {
  await open();
  expect((await world.report()).ended.exitCode).toBe(0);
  world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 100_000 }]);
  const quiet = { calls: 0, looks: 0 };
  let isMadeAgain = false;
  const when = () => {
    const { recordsRead, requestsByOperation } = world.kinesis.stats();
    const calls = requestsByOperation.GetRecords ?? 0;
    quiet.looks = calls === quiet.calls ? quiet.looks + 1 : 0;
    quiet.calls = calls;
    // A hundred looks without a call: the stream is read to its tip, which is asked for four times a second.
    if (isMadeAgain || recordsRead < LINE_COUNT || quiet.looks < 100) return false;
    makeAgain();
    isMadeAgain = true;
    return false;
  };
  const ended = await verify({ when, signals: [] });
  expect(isMadeAgain).toBe(true);
  expect([ended.exitCode, JSON.parse(ended.stdout).status]).toEqual([3, 'failed']);
  expect(ended.stderr).toMatch(
    /Cannot call it a match: stream orders was deleted and made again: .*verify again/,
  );
});
