/**
 * Resharding: splits, merges and new shard counts of a world's stream while a run puts records to it.
 * Takes  a world, how much will be put, the changes.
 * Gives  the shards that each change opened.
 * Owns   the moments: a change comes when so many bytes are stored and the shards of the change before have taken records, whatever the
 *        clock says.
 */
import { STREAM, type World } from './fixture.ts';

export interface Shard {
  readonly ShardId: string;
  readonly HashKeyRange: { readonly StartingHashKey: string; readonly EndingHashKey: string };
}

/** Open shards by hash range. */
export function openShards(world: World): Shard[] {
  const { Shards } = world.kinesis.call('ListShards', {
    StreamName: STREAM,
    ShardFilter: { Type: 'AT_LATEST' },
  }) as { Shards: Shard[] };
  const start = ({ HashKeyRange }: Shard) => BigInt(HashKeyRange.StartingHashKey);
  return Shards.sort((a, b) => (start(a) < start(b) ? -1 : 1));
}

const widthOf = ({ HashKeyRange: { StartingHashKey, EndingHashKey } }: Shard) =>
  BigInt(EndingHashKey) - BigInt(StartingHashKey);

/** Of all open shards the first one that has taken the fewest records. */
export function emptiest(world: World): Shard {
  const { shards } = world.kinesis.stats().streams[STREAM]!;
  const taken = ({ ShardId }: Shard) => shards[ShardId]!.records;
  return openShards(world).reduce((least, shard) => (taken(shard) < taken(least) ? shard : least));
}

/** Of all open shards the first one with the largest range. */
const widest = (world: World): Shard =>
  openShards(world).reduce((most, shard) => (widthOf(shard) > widthOf(most) ? shard : most));

/** Splits a shard in its middle; by default the widest. */
export function split(world: World, { ShardId, HashKeyRange } = widest(world)): void {
  const middle = (BigInt(HashKeyRange.StartingHashKey) + BigInt(HashKeyRange.EndingHashKey)) / 2n;
  world.kinesis.call('SplitShard', {
    StreamName: STREAM,
    ShardToSplit: ShardId,
    NewStartingHashKey: String(middle),
  });
}

/** Merges the shards on both sides of the middle, where one publisher's hash keys end and the other's begin. */
export function merge(world: World): void {
  const middle = 1n << 127n;
  const shards = openShards(world);
  const right = shards.findIndex(({ HashKeyRange }) => BigInt(HashKeyRange.StartingHashKey) >= middle);
  world.kinesis.call('MergeShards', {
    StreamName: STREAM,
    ShardToMerge: shards[right - 1]!.ShardId,
    AdjacentShardToMerge: shards[right]!.ShardId,
  });
}

/** Six shards of equal width. */
export function update(world: World): void {
  world.kinesis.call('UpdateShardCount', {
    StreamName: STREAM,
    TargetShardCount: 6,
    ScalingType: 'UNIFORM_SCALING',
  });
}

/** Makes the changes one after the other, none in the run's first and last part. @returns For each that was made, the shards that it opened; and how to end it. */
export function changeWhileFlowing(
  world: World,
  payloadBytes: number,
  changes: readonly ((world: World) => void)[],
) {
  const opened: string[][] = [];
  const storedIn = (shardId: string) => world.kinesis.stats().streams[STREAM]!.shards[shardId]!.records;
  const timer = setInterval(() => {
    const { bytesStored } = world.kinesis.stats();
    const isDue = bytesStored >= (payloadBytes * (1 + 2 * opened.length)) / (2 * changes.length + 2);
    if (opened.length === changes.length || !isDue) return;
    if (opened.at(-1)?.every((shardId) => storedIn(shardId) === 0)) return;
    const before = new Set(openShards(world).map(({ ShardId }) => ShardId));
    changes[opened.length]!(world);
    opened.push(
      openShards(world)
        .map(({ ShardId }) => ShardId)
        .filter((shardId) => !before.has(shardId)),
    );
  }, 2);
  return { opened, stop: () => clearInterval(timer) };
}
