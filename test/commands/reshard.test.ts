/**
 * Reshards while records flow: split, merge across two publishers, new shard count. The real command; each change comes when so many
 * bytes are stored and the shards of the change before have taken records, whatever the clock says.
 */
import { expect, it } from 'vitest';
import { readStatus } from '../../src/observe/status.ts';
import { runCommand, STREAM, World } from './fixture.ts';
import { breaches, consume, losses, numberedSource } from './key-order.ts';
import { changeWhileFlowing, merge, split, update } from './resharding.ts';

const CHANGES = [split, merge, update];

// They are paced, so they go side by side.
it.concurrent.for([
  { name: 'alone', seed: 41, flags: [], isOrdered: false },
  { name: 'alone, in order', seed: 42, flags: ['--order', 'key'], isOrdered: true },
  { name: 'aggregated', seed: 43, flags: ['--aggregate', '--batch-bytes', '32KiB'], isOrdered: false },
  {
    name: 'aggregated, in order',
    seed: 44,
    flags: ['--order', 'key', '--aggregate', '--aggregate-bytes', '8KiB'],
    isOrdered: true,
  },
])(
  'nothing is lost when shards are split, merged and counted anew under records that travel $name (seed $seed)',
  async ({ seed, flags, isOrdered }, { onTestFinished }) => {
    const source = numberedSource(seed, 10_000, 2_000);
    const isAggregated = flags.includes('--aggregate');
    const world = await World.open({ objects: source.objects, shards: 4 });
    onTestFinished(() => world.close());
    const StreamModeDetails = { StreamMode: 'PROVISIONED' };
    world.kinesis.call('UpdateStreamMode', { StreamARN: world.kinesis.streamArn(STREAM), StreamModeDetails });
    // Some records wait for another try whenever the shards change.
    world.kinesis.setFaults([{ kind: 'throttle', probability: 0.03 }], seed);
    const { opened, stop } = changeWhileFlowing(world, source.payloadBytes, CHANGES);
    onTestFinished(stop);
    const paced = ['--partition-key', '/k', '--segment-size', '64KiB', '--rate', '5000/s'];
    const { report, ended } = await world.report([
      ...paced,
      ...['--parsers', '2', '--publishers', '2'],
      ...flags,
    ]);
    expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
    // Every change was made, and there were still records for the shards that it opened.
    expect(opened).toHaveLength(CHANGES.length);
    const { shards } = world.kinesis.stats().streams[STREAM]!;
    const taken = opened.map((ids) => ids.reduce((sum, id) => sum + shards[id]!.records, 0));
    expect(taken.filter((records) => records === 0)).toEqual([]);
    expect(report.requests.reshards).toBeGreaterThan(0);
    const seen = consume(world);
    const { missingCount, repeatCount } = losses(source.counts, seen.numbers);
    expect([missingCount, report.records.delivered]).toEqual([0, source.lineCount]);
    if (isOrdered) expect(breaches(source.counts, seen.numbers)).toEqual([]);
    // An aggregate that reaches beyond its shard's range is lost to consumers as a whole: each was seen, and sent again.
    expect(seen.aggregateCount > 0).toBe(isAggregated);
    expect(report.records.resent > 0).toBe(isAggregated);
    expect(seen.droppedCount + repeatCount).toBe(report.records.resent);
    expect(report.requests.strayRecords).toBe(report.records.resent);
    expect(world.kinesis.stats().faultsFired.throttle).toBeGreaterThan(0);
    const { records } = await readStatus(world.journal);
    expect(records.resent).toBe(report.records.resent);
    const endpoints = [
      ...['--s3-endpoint-url', world.s3.endpoint],
      ...['--kinesis-endpoint-url', world.kinesis.endpoint],
    ];
    const verified = await runCommand(['verify', '--journal', world.journal, '--json', ...endpoints]);
    expect(JSON.parse(verified.stdout)).toMatchObject({
      ...{ status: 'match', missing: 0, duplicated: repeatCount, outsideHashRange: seen.droppedCount },
      streamRecords: { records: source.lineCount + repeatCount },
    });
  },
);
