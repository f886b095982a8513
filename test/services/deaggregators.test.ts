/**
 * Deaggregators that know no hash ranges, as Lambda functions have them, over a stream that was split and merged while a backfill wrote
 * aggregates to it: they show every record, and twice just those that the report counts as sent again.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { BackfillReport } from '../../src/observe/report.ts';
import { World } from '../commands/fixture.ts';
import { losses, numberedSource } from '../commands/key-order.ts';
import { changeWhileFlowing, merge, split } from '../commands/resharding.ts';
import { numbersOf, shownByGo, shownByPython } from './consumers.ts';
import { describeServices } from './suite.ts';

const SOURCE = numberedSource(72, 10_000, 2_000);

describeServices('a consumer that knows no hash ranges', () => {
  let world: World;
  let report: BackfillReport;
  beforeAll(async () => {
    world = await World.open({ objects: SOURCE.objects, shards: 4 });
    const { stop } = changeWhileFlowing(world, SOURCE.payloadBytes, [split, merge]);
    const flags = ['--partition-key', '/k', '--aggregate', '--batch-bytes', '32KiB', '--rate', '5000/s'];
    const ran = await world.report(flags);
    stop();
    expect([ran.ended.exitCode, ran.ended.stderr]).toEqual([0, '']);
    report = ran.report;
    expect(report.records.resent).toBeGreaterThan(0);
  });
  afterAll(() => world?.close());

  it.each([
    { name: 'boto3, in JSON, and aws_kinesis_agg', shownBy: shownByPython },
    { name: 'the deaggregator for Go', shownBy: shownByGo },
  ])('$name: shows every record, and as many twice as were resent', async ({ shownBy }) => {
    const shown = await shownBy(world);
    expect(losses(SOURCE.counts, numbersOf(shown))).toEqual({
      missingCount: 0,
      repeatCount: report.records.resent,
    });
    expect(shown).toHaveLength(SOURCE.lineCount + report.records.resent);
  });
});
