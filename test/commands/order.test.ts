/** Order: `--order key` keeps the lines of each partition key in source order whatever the stream does. The real command. */
import { describe, expect, it } from 'vitest';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { STREAM, World } from './fixture.ts';
import { breaches, consume, losses, numberedSource } from './key-order.ts';

/** Of each kind that may befall a request or a record, so many that each fires in every run. */
const WEATHER: readonly KinesisFault[] = [
  { kind: 'throttle', probability: 0.02 },
  { kind: 'internal-failure', probability: 0.01 },
  { kind: 'reset', name: 'reset before', when: 'before', probability: 0.03 },
  { kind: 'reset', name: 'reset after', when: 'after', probability: 0.05 },
  { kind: 'error', probability: 0.03 },
];
/** Aggregated, a request is one record: fewer are asked, so more must be refused. */
const AGGREGATED_WEATHER = WEATHER.map((fault) => ({
  ...fault,
  probability: fault.kind === 'throttle' || fault.kind === 'internal-failure' ? 0.1 : 0.06,
}));
const ORDERED = ['--order', 'key', '--partition-key', '/k', '--parsers', '8', '--segment-size', '64KiB'];

describe('the judge', () => {
  it.each([
    { name: 'source order', seen: [0, 1, 2, 3], broken: 0 },
    { name: 'one record twice', seen: [0, 1, 1, 2, 3], broken: 0 },
    { name: 'a request that was repeated as a whole', seen: [0, 1, 2, 1, 2, 3], broken: 0 },
    { name: 'a record that overtook', seen: [0, 2, 1, 3], broken: 2 },
    { name: 'a repeat that skips', seen: [0, 1, 2, 0, 2, 3], broken: 1 },
    { name: 'a repeat that ends early', seen: [0, 1, 2, 3, 2], broken: 1 },
    { name: 'a lost record', seen: [0, 1, 3], broken: 1 },
    { name: 'a lost end', seen: [0, 1, 2], broken: 1 },
    { name: 'nothing at all', seen: [], broken: 1 },
  ])('of $name finds $broken breaches', ({ seen, broken }) => {
    expect(breaches(new Map([['k', 4]]), new Map([['k', seen]]))).toHaveLength(broken);
  });

  it('of a key that is not in the source finds a breach', () => {
    expect(breaches(new Map(), new Map([['k', [0]]]))).toHaveLength(1);
  });
});

// They wait for the stream most of the time, so they wait together.
it.concurrent.for([
  { name: 'alone', seed: 31, flags: [], faults: WEATHER },
  {
    name: 'aggregated',
    seed: 32,
    flags: ['--aggregate', '--aggregate-bytes', '16KiB'],
    faults: AGGREGATED_WEATHER,
  },
])(
  'records that travel $name keep the order of their key through throttles, failures and lost answers (seed $seed)',
  async ({ seed, flags, faults }, { onTestFinished }) => {
    const source = numberedSource(seed, 6_000, 2_000);
    const world = await World.open({ objects: source.objects });
    onTestFinished(() => world.close());
    world.kinesis.setFaults(faults, seed);
    const { report, ended } = await world.report([...ORDERED, ...flags]);
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    const seen = consume(world);
    expect(breaches(source.counts, seen.numbers)).toEqual([]);
    expect([seen.droppedCount, seen.aggregateCount > 0]).toEqual([0, flags.length > 0]);
    const { missingCount, repeatCount } = losses(source.counts, seen.numbers);
    expect([missingCount, report.records.delivered]).toEqual([0, source.lineCount]);
    expect(repeatCount).toBeLessThanOrEqual(report.records.ambiguous);
    const { faultsFired } = world.kinesis.stats();
    for (const { name, kind } of faults) expect([kind, faultsFired[name ?? kind]! > 0]).toEqual([kind, true]);
    expect(repeatCount).toBeGreaterThan(0);
  },
);

it('a stream that distributes records by itself is refused with --order key and with --aggregate', async ({
  onTestFinished,
}) => {
  const world = await World.open({ objects: numberedSource(33, 200, 50).objects });
  onTestFinished(() => world.close());
  world.kinesis.call('UpdateStreamRecordDistributionStrategy', {
    StreamARN: world.kinesis.streamArn(STREAM),
    RecordDistributionStrategy: 'AUTO',
  });
  const ended = await world.backfill(['--quiet', '--order', 'key', '--aggregate']);
  expect(ended.exitCode).toBe(2);
  expect(ended.stderr).toMatch(/Expected --order none: .*RecordDistributionStrategy AUTO/);
  expect(ended.stderr).toMatch(/Expected no --aggregate: .*RecordDistributionStrategy AUTO/);
  expect(world.records()).toEqual([]);
});
