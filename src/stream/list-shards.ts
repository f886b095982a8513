/**
 * List shards: all shards of a stream within its retention, page by page.
 * Takes  the control plane. Gives  ShardInfo. Never retries: that is the caller's, with the retries of each call below.
 */
import type { KinesisControl } from '../aws/kinesis-control.ts';
import type { ShardInfo } from './lineage.ts';

/** Name of a stream that is given by name or ARN. */
export function streamNameOf(stream: string): string {
  return stream.startsWith('arn:') ? stream.slice(stream.lastIndexOf('/') + 1) : stream;
}

/**
 * @param stream Name or ARN.
 * @throws As the call.
 */
export async function listShards(
  control: KinesisControl,
  stream: string,
  signal?: AbortSignal,
): Promise<ShardInfo[]> {
  const shards = await control.shards(stream, {}, signal);
  return shards.map((shard) => ({
    shardId: shard.ShardId!,
    parentIds: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
    startingHashKey: shard.HashKeyRange!.StartingHashKey!,
    endingHashKey: shard.HashKeyRange!.EndingHashKey!,
    isClosed: shard.SequenceNumberRange?.EndingSequenceNumber !== undefined,
  }));
}
