/**
 * Reshards while records flow: split, merge across two publishers, new shard count. The real command; each change comes when so many
 * bytes are stored and the shards of the change before have taken records, whatever the clock says.
 */
import { expect, it } from 'vitest';
import { STREAM, World } from './fixture.ts';
import { breaches, consume, losses, numberedSource } from './key-order.ts';

interface Shard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

/** Open shards by hash range. */
function openShards(world: World): Shard[] {
  const { Shards } = world.kinesis.call('ListShards', {
    StreamName: STREAM,
    ShardFilter: { Type: 'AT_LATEST' },
  }) as { Shards: Shard[] };
  const start = ({ HashKeyRange }: Shard) => BigInt(HashKeyRange.StartingHashKey);
  return Shards.sort((a, b) => (start(a) < start(b) ? -1 : 1));
}

function split(world: World): void {
  const { ShardId, HashKeyRange } = openShards(world)[0]!;
  const middle = (BigInt(HashKeyRange.StartingHashKey) + BigInt(HashKeyRange.EndingHashKey)) / 2n;
  world.kinesis.call('SplitShard', {
    StreamName: STREAM,
    ShardToSplit: ShardId,
    NewStartingHashKey: String(middle),
  });
}

/** Merges the shards on both sides of the middle, where one publisher's hash keys end and the other's begin. */
function merge(world: World): void {
  const middle = 1n << 127n;
  const shards = openShards(world);
  const right = shards.findIndex(({ HashKeyRange }) => BigInt(HashKeyRange.StartingHashKey) >= middle);
  world.kinesis.call('MergeShards', {
    StreamName: STREAM,
    ShardToMerge: shards[right - 1]!.ShardId,
    AdjacentShardToMerge: shards[right]!.ShardId,
  });
}

function update(world: World): void {
  world.kinesis.call('UpdateShardCount', {
    StreamName: STREAM,
    TargetShardCount: 6,
    ScalingType: 'UNIFORM_SCALING',
  });
}

const CHANGES = [split, merge, update];

/** Makes the changes one after the other. @returns For each that was made, the shards that it opened; and how to end it. */
function changeWhileFlowing(world: World, payloadBytes: number) {
  const opened: string[][] = [];
  const storedIn = (shardId: string) => world.kinesis.stats().streams[STREAM]!.shards[shardId]!.records;
  const timer = setInterval(() => {
    const { bytesStored } = world.kinesis.stats();
    const isDue = bytesStored >= (payloadBytes * (1 + 2 * opened.length)) / 8;
    if (opened.length === CHANGES.length || !isDue) return;
    if (opened.at(-1)?.every((shardId) => storedIn(shardId) === 0)) return;
    const before = new Set(openShards(world).map(({ ShardId }) => ShardId));
    CHANGES[opened.length]!(world);
    opened.push(
      openShards(world)
        .map(({ ShardId }) => ShardId)
        .filter((shardId) => !before.has(shardId)),
    );
  }, 2);
  return { opened, stop: () => clearInterval(timer) };
}

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
    const { opened, stop } = changeWhileFlowing(world, source.payloadBytes);
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
  },
);
