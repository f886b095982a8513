/** The bench command: real figures from the embedded servers and from the user's own, and a verdict that the figures bear out. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BenchReport } from '../../src/embedded/bench-report.ts';
import { BUCKET, dataOf, type Ended, type RunSettings, runCommand, STREAM, World } from './fixture.ts';

const BODY = Buffer.from(
  Array.from({ length: 2000 }, (_, i) => `{"id":${i},"pad":"${'x'.repeat(180)}"}\n`).join(''),
);
let world: World;
let tmp: string;
beforeAll(async () => {
  world = await World.open({ objects: [{ key: 'events/a.jsonl', body: BODY }], shards: 2 });
  tmp = join(world.folder, 'tmp');
  mkdirSync(tmp);
});
afterAll(() => world.close());

/** Runs `bench`, whose folder is then below `tmp`. No credentials and no region: what is embedded needs none. */
function bench(flags: readonly string[], settings: RunSettings = {}): Promise<Ended> {
  const env = {
    TMPDIR: tmp,
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_REGION: undefined,
  };
  return runCommand(['bench', ...flags], { ...settings, env: { ...env, ...settings.env } });
}

/** With --json --quiet: stdout is one document, stderr is empty, no file is left. */
async function measured(flags: readonly string[], settings: RunSettings = {}): Promise<BenchReport> {
  const ended = await bench([...flags, '--json', '--quiet'], settings);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(readdirSync(tmp).filter((name) => name.startsWith('millrace-bench'))).toEqual([]);
  return JSON.parse(ended.stdout);
}

const own = () => ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', world.kinesis.endpoint];
/** A user who has credentials and a region. */
const USER = {
  env: { AWS_ACCESS_KEY_ID: 'AKIDTEST', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'us-east-1' },
};
const sharesOf = ({ limit }: BenchReport) =>
  Object.values(limit.shares).reduce((sum, share) => sum + share, 0);

describe('bench measures', () => {
  it('the embedded servers: every record is carried, and every figure is one', async () => {
    const report = await measured(['--size', '8MB', '--line-bytes', '500']);
    expect(report).toMatchObject({
      status: 'measured',
      isPartial: false,
      source: { isEmbedded: true },
      stream: { isEmbedded: true, shards: 8, isProvisioned: false },
      rejected: 0,
    });
    // Objects are made of whole lines, so that a little less than the size is carried, and keys of a few bytes more.
    expect(report.records * 500).toBeGreaterThan(7.9e6);
    expect(report.records * 500).toBeLessThanOrEqual(8e6);
    expect(report.bytes).toBeGreaterThan(report.records * 499);
    expect(report.bytes).toBeLessThan(report.records * 510);
    const { durationMs, cpuMs, machine } = report;
    const cpuSeconds = (cpuMs.user + cpuMs.system) / 1000;
    expect(report.mbPerSecond).toBeCloseTo(report.bytes / 1e3 / durationMs);
    expect(report.mbPerCpuSecond).toBeCloseTo(report.bytes / 1e6 / cpuSeconds);
    expect(report.recordsPerCpuSecond).toBeCloseTo(report.records / cpuSeconds);
    expect(report.rssPeakBytes).toBeGreaterThan(50e6);
    expect(report.requests.put).toBeGreaterThanOrEqual(Math.ceil(report.records / 500));
    expect(machine.busyShare).toBeGreaterThan(0);
    expect(machine.cores).toBeGreaterThan(0);
  });

  it('a provisioned stream of one shard, and names the stream as the limit', async () => {
    const report = await measured([
      '--size',
      '3MB',
      '--shards',
      '1',
      '--provisioned',
      '--line-bytes',
      '1000',
    ]);
    // One shard takes 1 MB at once and 1 MB a second: nothing else can have been what took so long.
    expect(report.durationMs).toBeGreaterThan(1_500);
    expect(report.limit.stage).toBe('stream');
    expect(report.limit.shares.stream).toBeGreaterThan(0.5);
    expect(report.limit.means.publishersHeld).toBeGreaterThan(0.5);
    expect(sharesOf(report)).toBeCloseTo(1);
  });

  it('the user’s own source and stream, and names a slow source as the limit', async () => {
    world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 120_000 }]);
    const report = await measured(
      ['--source', `s3://${BUCKET}/events/`, '--stream', STREAM, '--partition-key', '/id', ...own()],
      USER,
    );
    expect(world.s3.stats().faultsFired.slow).toBeGreaterThan(0);
    world.s3.setFaults([]);
    expect(report.source).toEqual({ isEmbedded: false, uris: [`s3://${BUCKET}/events/`] });
    expect(report.stream).toEqual({ isEmbedded: false, name: STREAM, shards: null, isProvisioned: null });
    expect(dataOf(world.records()).sort()).toEqual(BODY.toString().trimEnd().split('\n').sort());
    expect(report.limit.stage).toBe('download');
    expect(report.limit.means.parsersBusy).toBeLessThan(0.5);
  });

  it('the user’s own source into an embedded stream, with bad lines as exit 1 and as text', async () => {
    world.s3.put(BUCKET, { key: 'bad/a.jsonl', body: Buffer.from('{"id":1}\nnope\n') });
    const ended = await bench(['--source', `s3://${BUCKET}/bad/`, ...own().slice(0, 2)], USER);
    expect(ended.exitCode).toBe(1);
    expect(ended.stdout).toMatch(/^Measured\n/);
    expect(ended.stdout).toMatch(/rejected +1 lines/);
    expect(ended.stdout).toContain('an embedded Kinesis');
  });

  it('until the time is up, which is no failure; a dry run sends nothing', async () => {
    // A machine that is busy may need more than a second for the first line.
    let report = await measured(['--size', '16GB', '--timeout', '1s', '--dry-run']);
    for (let seconds = 4; report.records === 0 && seconds <= 16; seconds *= 2)
      report = await measured(['--size', '16GB', '--timeout', `${seconds}s`, '--dry-run']);
    expect([report.status, report.isPartial, report.error]).toEqual(['measured', true, null]);
    expect([report.isDryRun, report.requests.put]).toEqual([true, 0]);
    expect(report.records).toBeGreaterThan(0);
    expect(report.bytes).toBeLessThan(16e9);
    expect(['download', 'scan', null]).toContain(report.limit.stage);
  });
});

describe('bench refuses', () => {
  it('every wrong flag at once', async () => {
    const ended = await bench([
      ...[
        's3://a/',
        '--size',
        '1',
        '--line-bytes',
        '63',
        '--shards',
        '0',
        '--timeout',
        '5',
        '--journal',
        'x',
      ],
      ...['--parsers', '0', '--wire', 'xml', '--frobnicate'],
    ]);
    expect([ended.exitCode, ended.stdout]).toEqual([2, '']);
    const lines = ended.stderr.trimEnd().split('\n');
    for (const name of [
      'size',
      'line-bytes',
      'shards',
      'timeout',
      'journal',
      'parsers',
      'wire',
      'frobnicate',
    ])
      expect(lines.filter((line) => line.includes(`--${name}`))).toHaveLength(1);
    expect(lines[0]).toMatch(/^millrace: /);
    expect(ended.stderr).toContain('--source');
  });

  it('a bucket that does not exist, after the embedded stream was started for it, and leaves nothing', async () => {
    const ended = await bench(['--source', 's3://no-such-bucket/x', '--quiet', ...own().slice(0, 2)], USER);
    expect([ended.exitCode, ended.stdout]).toEqual([2, '']);
    expect(ended.stderr).toMatch(/^millrace: .*no-such-bucket.*\n$/);
    expect(readdirSync(tmp).filter((name) => name.startsWith('millrace-bench'))).toEqual([]);
  });
});

it('ends in good order with a signal, the embedded servers still there, and leaves nothing', async () => {
  const flags = ['--size', '2GB', '--shards', '64', '--provisioned', '--memory', '128MiB', '--json'];
  const isUnderWay = () =>
    readdirSync(tmp, { recursive: true }).some((name) => `${name}`.endsWith('.journal'));
  const ended = await bench(flags, { interrupt: { when: isUnderWay, signals: ['SIGINT'] } });
  expect([ended.exitCode, ended.isTimedOut], ended.stderr).toEqual([130, false]);
  const report: BenchReport = JSON.parse(ended.stdout);
  expect([report.status, report.exitCode, report.isPartial]).toEqual(['interrupted', 130, true]);
  expect(report.requests.putFailed).toBe(0);
  expect(readdirSync(tmp).filter((name) => name.startsWith('millrace-bench'))).toEqual([]);
});
