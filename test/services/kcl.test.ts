/**
 * The Kinesis Client Library reads a stream that is split and merged eight times while a backfill writes to it: live, with its leases in
 * moto's DynamoDB, and by its AggregatorUtil over all raw records. It drops an aggregate as a whole when one part lies outside the shard's range.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { STREAM, World } from '../commands/fixture.ts';
import { breaches, consume, losses, numberedSource } from '../commands/key-order.ts';
import { changeWhileFlowing, merge, openShards, split } from '../commands/resharding.ts';
import { KclApplication, numbersOf, type ShownRecord, shownByAggregatorUtil } from './consumers.ts';
import { startMoto } from './installed.ts';
import type { Service } from './service.ts';
import { describeServices } from './suite.ts';

const CHANGES = [split, merge, split, merge, split, merge, split, merge];
const LAST = 'the last record of its shard';

describeServices('the Kinesis Client Library', () => {
  let moto: Service;
  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto?.close());

  // What takes long is the library's own waits, so the cases go side by side.
  it.concurrent.for([
    { name: 'aggregated', flags: ['--aggregate', '--batch-bytes', '32KiB'], isOrdered: false },
    { name: 'in order', flags: ['--order', 'key'], isOrdered: true },
    {
      name: 'aggregated and in order',
      flags: ['--order', 'key', '--aggregate', '--aggregate-bytes', '8KiB'],
      isOrdered: true,
    },
  ])(
    'shows an application every record of a stream that is split and merged eight times while records are put $name',
    { timeout: 240_000 },
    async ({ name, flags, isOrdered }, { onTestFinished }) => {
      const source = numberedSource(71, 20_000, 3_000);
      const world = await World.open({ objects: source.objects, shards: 4 });
      onTestFinished(() => world.close());
      const application = new KclApplication(name.replaceAll(' ', '-'), world, moto.endpoint);
      onTestFinished(() => application.close());
      const { opened, stop } = changeWhileFlowing(world, source.payloadBytes, CHANGES);
      onTestFinished(stop);
      const { report, ended } = await world.report([
        ...['--partition-key', '/k', '--segment-size', '64KiB', '--rate', '4000/s'],
        ...['--parsers', '2', '--publishers', '2', ...flags],
      ]);
      expect([ended.exitCode, ended.stderr]).toEqual([0, '']);
      expect(opened).toHaveLength(CHANGES.length);
      expect(report.records.resent > 0).toBe(flags.includes('--aggregate'));

      const raw = losses(source.counts, numbersOf(await shownByAggregatorUtil(world)));
      expect(raw.missingCount).toBe(0);
      // Our own rule of what the library drops is the library's.
      const { droppedCount, numbers } = consume(world);
      expect(losses(source.counts, numbers)).toEqual(raw);
      expect(droppedCount + raw.repeatCount).toBe(report.records.resent);

      // A record at the end of each open shard: when all are shown, so is everything that stands before them.
      for (const { HashKeyRange } of openShards(world))
        world.kinesis.call('PutRecord', {
          ...{ StreamName: STREAM, PartitionKey: LAST, Data: Buffer.from(LAST) },
          ExplicitHashKey: HashKeyRange.StartingHashKey,
        });
      const isLast = ({ partitionKey }: ShownRecord) => partitionKey === LAST;
      const openCount = openShards(world).length;
      await application.until(
        (shown) => new Set(shown.filter(isLast).map(({ shardId }) => shardId)).size === openCount,
      );
      const live = numbersOf(application.shown.filter((record) => !isLast(record)));
      // It may show records again where a lease was lost for a while: at least once is its promise, too.
      expect(losses(source.counts, live).missingCount).toBe(0);
      if (isOrdered) expect(breaches(source.counts, live)).toEqual([]);
    },
  );
});
