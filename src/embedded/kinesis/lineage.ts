/**
 * Lineage: shards that come from shards.
 * Takes  a stream and a wish: create, split, merge, a target count.
 * Gives  new open shards with their parents; the parents are closed and keep their records.
 */
import { RECORD } from '../../base/limits.ts';
import { parseHashKey } from './hash-key.ts';
import { invalidArgument, ServiceError } from './service-error.ts';
import type { KinesisState } from './state.ts';
import type { Shard, Stream } from './stream-store.ts';

const RING = RECORD.hashKeyMax + 1n;

/** Cuts the ring into equal ranges, as CreateStream does. */
export function createShards(stream: Stream, count: number, nowMs: number): void {
  for (let i = 0; i < count; i++) {
    const [start, next] = [i, i + 1].map((edge) => (RING * BigInt(edge)) / BigInt(count)) as [bigint, bigint];
    stream.addShard(start, next - 1n, [], nowMs);
  }
  stream.reroute();
}

export function findShard(state: KinesisState, stream: Stream, shardId: unknown): Shard {
  const shard = stream.shards.find((candidate) => candidate.shardId === shardId);
  if (shard === undefined) {
    const message = `Could not find shard ${String(shardId)} in ${state.where(stream)}.`;
    throw new ServiceError('ResourceNotFoundException', message);
  }
  return shard;
}

function requireOpen(state: KinesisState, stream: Stream, shard: Shard): void {
  if (shard.closedAtMs === null) return;
  throw new ServiceError(
    'ResourceInUseException',
    `Shard ${shard.shardId} in ${state.where(stream)} is closed.`,
  );
}

export function requireActive(state: KinesisState, stream: Stream): void {
  if (stream.status === 'ACTIVE') return;
  const message = `Stream ${stream.name} under account ${state.options.accountId} not ACTIVE, instead in state ${stream.status}`;
  throw new ServiceError('ResourceInUseException', message);
}

/** @throws {ServiceError} InvalidArgumentException where the new start is not inside the shard. */
export function splitShard(
  state: KinesisState,
  stream: Stream,
  shardId: unknown,
  newStartingHashKey: unknown,
): void {
  requireActive(state, stream);
  const shard = findShard(state, stream, shardId);
  requireOpen(state, stream, shard);
  const middle = parseHashKey(String(newStartingHashKey));
  if (middle === undefined || middle <= shard.startKey + 1n || middle >= shard.endKey) {
    throw invalidArgument(
      `NewStartingHashKey ${String(newStartingHashKey)} used in SplitShard() on shard ${shard.shardId} in ${state.where(stream)} is not both greater than one plus the shard's StartingHashKey ${shard.startKey} and less than the shard's EndingHashKey ${shard.endKey}.`,
    );
  }
  split(stream, shard, middle, state.now());
  stream.reroute();
  state.begin(stream, 'UPDATING');
}

function split(stream: Stream, shard: Shard, middle: bigint, nowMs: number): void {
  stream.addShard(shard.startKey, middle - 1n, [shard], nowMs);
  stream.addShard(middle, shard.endKey, [shard], nowMs);
}

export function mergeShards(
  state: KinesisState,
  stream: Stream,
  shardId: unknown,
  adjacentId: unknown,
): void {
  requireActive(state, stream);
  const shard = findShard(state, stream, shardId);
  const adjacent = findShard(state, stream, adjacentId);
  requireOpen(state, stream, shard);
  requireOpen(state, stream, adjacent);
  const [low, high] = shard.startKey < adjacent.startKey ? [shard, adjacent] : [adjacent, shard];
  if (low.endKey + 1n !== high.startKey) {
    throw invalidArgument(
      `Shards ${shard.shardId} and ${adjacent.shardId} in ${state.where(stream)} are not an adjacent pair of shards eligible for merging`,
    );
  }
  stream.addShard(low.startKey, high.endKey, [shard, adjacent], state.now());
  stream.reroute();
  state.begin(stream, 'UPDATING');
}

/** Uniform scaling as the service does it: by splits and merges, so that there are shards in between that close at once. */
export function updateShardCount(state: KinesisState, stream: Stream, target: number): void {
  requireActive(state, stream);
  const current = stream.openShards.length;
  const message = (edge: string) =>
    `UpdateShardCount cannot scale ${edge} the current open shard count. Current open shard count: ${current} Target shard count: ${target}`;
  if (target > current * 2) throw new ServiceError('LimitExceededException', message('up over double'));
  if (target < current / 2) throw new ServiceError('LimitExceededException', message('down below half'));
  if (target === current) return;
  const nowMs = state.now();
  const edges = Array.from({ length: target }, (_, i) => (RING * BigInt(i)) / BigInt(target));
  for (const edge of edges) {
    const shard = stream.openShards.find(({ startKey, endKey }) => startKey < edge && edge <= endKey);
    if (shard === undefined) continue;
    split(stream, shard, edge, nowMs);
    stream.reroute();
  }
  for (const [i, edge] of edges.entries()) {
    const next = edges[i + 1] ?? RING;
    for (;;) {
      const [low, high] = stream.openShards.filter(({ startKey }) => startKey >= edge && startKey < next);
      if (low === undefined || high === undefined) break;
      stream.addShard(low.startKey, high.endKey, [low, high], nowMs);
      stream.reroute();
    }
  }
  state.begin(stream, 'UPDATING');
}
