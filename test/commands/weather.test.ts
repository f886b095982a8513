/** A run in bad weather, stopped runs and finished runs: issue 2, items 7 and 8, the real command. */

import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { ENGINE } from '../../src/base/limits.ts';
import { dataOf, differences, linesOf, World, type WorldOptions } from './fixture.ts';

const NOTHING = new Map();
let world: World;
afterEach(() => world?.close());

async function open(contents: Readonly<Record<string, Uint8Array>>, options: WorldOptions = {}) {
  const objects = Object.entries(contents).map(([key, body]) => ({ key, body }));
  world = await World.open({ objects, ...options });
}

it('100,000 records, of which 30 % are refused at random and 5 % of the requests fail: all arrive, none altered, and the sums agree', async () => {
  const lines = clicks({ seed: 21, lineCount: 100_000 });
  // Each shard slows down when it refuses: many shards, so that the test is short.
  await open({ 'a.jsonl': lines }, { shards: 64 });
  world.kinesis.setFaults(
    [
      { kind: 'throttle', name: 'throttled', probability: 0.3 },
      { kind: 'error', name: 'failed', code: 'InternalFailure', probability: 0.05 },
    ],
    77,
  );
  const { report, ended } = await world.report(['--parsers', '1', '--publishers', '2']);
  expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
  const records = world.records();
  expect(differences(linesOf(lines), dataOf(records))).toEqual(NOTHING);
  const { faultsFired, requestsByOperation } = world.kinesis.stats();
  expect(faultsFired.throttled).toBeGreaterThan(10_000);
  expect(faultsFired.failed).toBeGreaterThan(0);
  expect(report.lines).toEqual({ read: 100_000, blank: 0, filtered: 0, rejected: 0, rejectedByCode: {} });
  expect(report.records.delivered).toBe(records.length);
  expect(report.requests.throttledRecords).toBe(faultsFired.throttled);
  expect(report.requests.putFailed).toBe(faultsFired.failed);
  // One request more than the report counts: the empty one that asks whether the endpoint reads CBOR.
  expect(Math.abs(requestsByOperation.PutRecords! - report.requests.put)).toBeLessThanOrEqual(1);
});

describe('a run that is stopped', () => {
  const LINES = clicks({ seed: 22, lineCount: 20_000 });
  const FLAGS = ['--segment-size', '64KiB', '--partition-key', '/u'];
  /** So slow that it is still on its way when it is stopped: downloads as `slowly` lets them, the stream slower still. */
  const SLOW = [...FLAGS, '--downloads', '1', '--rate', '2000/s'];
  const slowly = () => world.s3.setFaults([{ kind: 'slow', bytesPerSecond: 200_000 }]);

  it.each([
    { signals: ['SIGINT'], exitCode: 130 },
    { signals: ['SIGTERM'], exitCode: 143 },
    { signals: ['SIGTERM', 'SIGTERM'], exitCode: 143 },
  ] as const)(
    'by $signals ends with $exitCode within 20 s, and the same command delivers the rest',
    async ({ signals, exitCode }) => {
      await open({ 'a.jsonl': LINES });
      const isOrderly = signals.length === 1;
      // Where the end is not orderly, much is on its way to the stream: an orderly end would take seconds.
      if (isOrderly) slowly();
      // Segments are in the journal, so that even a run that ends at once leaves something to skip.
      const isOnItsWay = () =>
        existsSync(world.journal) && readFileSync(world.journal, 'utf8').includes('"kind":"segment"');
      const stopped = await world.backfill([...SLOW, '--json', '--quiet'], {
        interrupt: { when: isOnItsWay, signals },
      });
      expect([stopped.exitCode, stopped.isTimedOut], stopped.stderr).toEqual([exitCode, false]);
      expect(stopped.drainMs).toBeLessThan(ENGINE.stopMs);
      expect(JSON.parse(stopped.stdout)).toMatchObject({ status: 'interrupted', exitCode });
      await expectRest(isOrderly);
    },
  );

  it('by --timeout ends with 3, and the same command delivers the rest', async () => {
    await open({ 'a.jsonl': LINES });
    slowly();
    // On a slow machine 5 s may be over before anything is delivered.
    for (let delivered = 0; delivered === 0; ) {
      const { report, ended } = await world.report([...SLOW, '--timeout', '5s']);
      expect([ended.exitCode, report.status]).toEqual([3, 'interrupted']);
      expect(report.error).toContain('--timeout');
      delivered = report.records.delivered;
    }
    await expectRest(true);
  });

  /** @param isExact Whether nothing may have been sent twice. */
  async function expectRest(isExact: boolean): Promise<void> {
    world.s3.setFaults([]);
    const { report, ended } = await world.report(FLAGS);
    expect([ended.exitCode, ended.stderr, report.resumed]).toEqual([0, '', true]);
    expect(report.records.delivered + report.records.deliveredBefore).toBe(20_000);
    expect(report.records.deliveredBefore).toBeGreaterThan(0);
    expect(report.records.delivered).toBeGreaterThan(0);
    const left = [...differences(linesOf(LINES), dataOf(world.records()))];
    if (isExact) expect(left).toEqual([]);
    else expect(left.filter(([, count]) => count < 0)).toEqual([]);
  }
});

describe('a finished run', () => {
  it.each([
    { name: 'without dead letters', body: '{"a":1}\n{"a":2}', exitCode: 0 },
    { name: 'with a dead letter', body: '{"a":1}\nnope', exitCode: 1 },
  ])('$name, run again, sends nothing and ends with $exitCode', async ({ body, exitCode }) => {
    await open({ 'a.jsonl': Buffer.from(body) });
    const first = await world.report();
    expect(first.report.rssMaxBytes).toBeGreaterThan(10e6);
    const stored = world.records().length;
    const second = await world.report();
    expect([first.ended.exitCode, second.ended.exitCode]).toEqual([exitCode, exitCode]);
    expect(second.report).toMatchObject({
      resumed: true,
      records: { delivered: 0, deliveredBefore: stored },
      objects: { listed: 1, done: 0, skipped: 1 },
    });
    expect(world.records()).toHaveLength(stored);
    expect(world.deadLetters()).toHaveLength(exitCode);
  });

  it('is carried again with --restart', async () => {
    await open({ 'a.jsonl': Buffer.from('{"a":1}') });
    await world.report();
    const { report } = await world.report(['--restart']);
    expect([report.resumed, world.records().length]).toEqual([false, 2]);
  });
});

describe('a thread', () => {
  it.each(
    ['parser.task', 'publisher.before-put'].flatMap((point) =>
      ['throw', 'exit', 'oom', 'hang'].map((action) => ({ fault: `${point}:2:${action}` })),
    ),
  )(
    'that fails ($fault) ends the run with exit 3 and a message, and the same command finishes it',
    async ({ fault }) => {
      const lines = clicks({ seed: 23, lineCount: 4_000 });
      await open({ 'a.jsonl': lines });
      const flags = ['--segment-size', '64KiB', '--parsers', '1', '--publishers', '1'];
      // The heap is small so that running out of it is quick and harms nobody else on the machine.
      const env = {
        MILLRACE_FAULT: fault,
        MILLRACE_HANG_MS: '2500',
        NODE_OPTIONS: '--max-old-space-size=160',
      };
      const { report, ended } = await world.report(flags, { env });
      expect([ended.exitCode, report.status], ended.stderr).toEqual([3, 'failed']);
      expect(report.error).toMatch(/thread/);
      expect(ended.stdout + ended.stderr).not.toMatch(/^ {4}at /m);
      const rest = await world.report(flags);
      expect(rest.ended.exitCode).toBe(0);
      const left = [...differences(linesOf(lines), dataOf(world.records()))];
      expect(left.filter(([, count]) => count < 0)).toEqual([]);
    },
  );
});
