/**
 * docs/RELIABILITY.md, rows 8, 9 and 20, at their counts for every commit, with the real command: parts of requests refused, whole
 * requests failed before and after their effect, the stream gone, closed to us or in change. The service checks every signed hash.
 */
import { afterEach, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { readStatus } from '../../src/observe/status.ts';
import { dataOf, differences, linesOf, STREAM, World } from './fixture.ts';

const NOTHING = new Map();
const LINE_COUNT = 40_000;
const LINES = clicks({ seed: 61, lineCount: LINE_COUNT });
/** Of 400 requests and more, from two publishers. */
const FLAGS = ['--partition-key', '/u', '--batch-records', '100', '--parsers', '2', '--publishers', '2'];
const CHECKED = { requireSignature: true, verifyPayloadHash: true };
let world: World;
afterEach(() => world?.close());

async function open(kinesis = {}): Promise<void> {
  const checked = { requireSignature: true, verifyPayloadHash: true };
  world = await World.open({
    objects: [{ key: 'a.jsonl', body: LINES }],
    kinesis: { ...checked, ...kinesis },
  });
}

/** What the stream holds beside what it should: texts by how often. */
const beyond = () => differences(linesOf(LINES), dataOf(world.records()));

// Each shard slows down when it refuses: many shards, and all cases side by side, so that the test is short.
it.concurrent.for([
  { name: 'none', share: 0, lineCount: 40_000, flags: [] },
  { name: 'a tenth', share: 0.1, lineCount: 20_000, flags: [] },
  { name: 'half', share: 0.5, lineCount: 6_000, flags: [] },
  { name: 'nine of ten', share: 0.9, lineCount: 400, flags: [] },
  { name: 'half, in order,', share: 0.5, lineCount: 800, flags: ['--order', 'key'] },
  {
    name: 'half, aggregated,',
    share: 0.5,
    lineCount: 20_000,
    flags: ['--aggregate', '--aggregate-bytes', '2KiB', '--batch-bytes', '32KiB'],
  },
])(
  'row 8: where $name of the records are refused, for both reasons mixed, only those go again',
  async ({ share, lineCount, flags }, { onTestFinished }) => {
    const lines = clicks({ seed: 61, lineCount });
    const world = await World.open({
      objects: [{ key: 'a.jsonl', body: lines }],
      shards: 64,
      kinesis: CHECKED,
    });
    onTestFinished(() => world.close());
    const refusals: KinesisFault[] = [
      { kind: 'throttle', probability: share / 2 },
      { kind: 'internal-failure', probability: share / 2 },
    ];
    // And a while in which everything is refused.
    world.kinesis.setFaults([{ kind: 'throttle', name: 'all', skip: 200, first: 200 }, ...refusals], 62);
    const { report, ended } = await world.report([...FLAGS, ...flags]);
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    expect(report.requests.put).toBeGreaterThan(200);
    const { faultsFired, recordsStored } = world.kinesis.stats();
    expect(faultsFired.all).toBe(200);
    for (const kind of ['throttle', 'internal-failure']) expect(faultsFired[kind]! > 0, kind).toBe(share > 0);
    expect(report.records.delivered).toBe(lineCount);
    // A record that was stored and sent again would be there twice.
    if (flags.includes('--aggregate')) expect(recordsStored).toBeLessThan(lineCount / 4);
    else expect(differences(linesOf(lines), dataOf(world.records()))).toEqual(NOTHING);
  },
);

it('row 9: 200 requests fail with 500, 503, resets on both sides of the write and no answer: all is stored, and what may be twice is counted', async () => {
  await open();
  world.kinesis.setFaults(
    [
      { kind: 'error', name: '500', code: 'InternalFailure', probability: 0.15, times: 60 },
      { kind: 'error', name: '503', code: 'ServiceUnavailable', probability: 0.15, times: 60 },
      { kind: 'reset', name: 'reset before', probability: 0.1, times: 40 },
      { kind: 'reset', name: 'reset after', when: 'after', probability: 0.1, times: 36 },
      { kind: 'stall', name: 'no answer', when: 'after', skip: 100, probability: 0.5, times: 4 },
    ],
    63,
  );
  const { report, ended } = await world.report([...FLAGS, '--batch-records', '50']);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const { faultsFired } = world.kinesis.stats();
  expect(faultsFired).toMatchObject({
    '500': 60,
    '503': 60,
    'reset before': 40,
    'reset after': 36,
    'no answer': 4,
  });
  const repeats = [...beyond().values()];
  expect(repeats.filter((count) => count < 0)).toEqual([]);
  const repeated = repeats.reduce((sum, count) => sum + count, 0);
  expect(repeated).toBeGreaterThan(0);
  expect(repeated).toBeLessThanOrEqual(report.records.ambiguous);
  const { records } = await readStatus(world.journal);
  expect(records).toMatchObject({ ambiguous: report.records.ambiguous, resent: 0 });
  expect(report.records.delivered).toBe(LINE_COUNT);
}, 80_000);

it.each([
  {
    name: 'may not be written to any longer',
    code: 'AccessDeniedException',
    exitCode: 2,
    says: 'kinesis:PutRecords',
  },
  { name: 'is gone', code: 'ResourceNotFoundException', exitCode: 2, says: 'check the stream name' },
  { name: 'cannot use its key any longer', code: 'KMSDisabledException', exitCode: 2, says: 'KMS' },
])(
  'row 20: a stream that $name ends the run with $exitCode and a journal; the same command delivers the rest',
  async ({ code, exitCode, says }) => {
    await open();
    const flags = [...FLAGS, '--segment-size', '64KiB', '--rate', '40000/s'];
    world.kinesis.setFaults([{ kind: 'error', name: 'refused', code, skip: 150 }], 64);
    const first = await world.report(flags, { env: { MILLRACE_AWAY_MS: '2000' } });
    expect(world.kinesis.stats().faultsFired.refused).toBeGreaterThan(0);
    expect([first.ended.exitCode, first.report.status]).toEqual([exitCode, 'failed']);
    expect(first.report.error).toContain(says);
    expect(first.report.records.delivered).toBeGreaterThan(0);

    world.kinesis.setFaults([]);
    const { report, ended } = await world.report(flags);
    expect([ended.exitCode, report.resumed]).toEqual([0, true]);
    expect(report.records.delivered + report.records.deliveredBefore).toBe(LINE_COUNT);
    const counts = [...beyond().values()];
    expect(counts.filter((count) => count < 0)).toEqual([]);
    // What was stored and not yet in the journal goes again, and is no more than the first run delivered.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(first.report.records.delivered);
  },
);

it('row 20: a stream that is deleted under the run, and made anew, gets everything with --restart', async () => {
  await open();
  const flags = [...FLAGS, '--segment-size', '64KiB', '--rate', '20000/s'];
  const timer = setInterval(() => {
    if (world.kinesis.stats().recordsStored < (3 * LINE_COUNT) / 4) return;
    clearInterval(timer);
    world.kinesis.call('DeleteStream', { StreamName: STREAM });
  }, 2);
  const first = await world.report(flags, { env: { MILLRACE_AWAY_MS: '2000' } });
  clearInterval(timer);
  expect([first.ended.exitCode, first.report.status]).toEqual([2, 'failed']);
  expect(first.report.error).toContain('check the stream name');

  world.kinesis.call('CreateStream', { StreamName: STREAM, ShardCount: 4 });
  const { report, ended } = await world.report([...flags, '--restart']);
  expect([ended.exitCode, report.records.delivered]).toEqual([0, LINE_COUNT]);
  expect(beyond()).toEqual(NOTHING);
});

it('row 20: a stream that is UPDATING takes everything', async () => {
  await open({ transitionMs: 1_500 });
  const timer = setInterval(() => {
    if (world.kinesis.stats().recordsStored < LINE_COUNT / 4) return;
    clearInterval(timer);
    const change = { StreamName: STREAM, TargetShardCount: 6, ScalingType: 'UNIFORM_SCALING' };
    world.kinesis.call('UpdateShardCount', change);
  }, 2);
  const { report, ended } = await world.report([...FLAGS, '--rate', '15000/s']);
  clearInterval(timer);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  expect(report.requests.reshards).toBeGreaterThan(0);
  expect(beyond()).toEqual(NOTHING);
});
