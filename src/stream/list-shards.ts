/**
 * List shards: all shards of a stream within its retention, page by page.
 * Takes  the SDK's client. Gives  ShardInfo. Never retries: that is the caller's, with the SDK's own retries below.
 */
import { type KinesisClient, ListShardsCommand, type ListShardsCommandOutput } from '@aws-sdk/client-kinesis';
import type { ShardInfo } from './lineage.ts';

/** How a request names the stream: with its ARN where one is known. */
export function streamInput(stream: string): { StreamARN: string } | { StreamName: string } {
  return stream.startsWith('arn:') ? { StreamARN: stream } : { StreamName: stream };
}

/** Name of a stream that is given by name or ARN. */
export function streamNameOf(stream: string): string {
  return stream.startsWith('arn:') ? stream.slice(stream.lastIndexOf('/') + 1) : stream;
}

/**
 * @param stream Name or ARN.
 * @throws The SDK's errors, as they are.
 */
export async function listShards(
  client: KinesisClient,
  stream: string,
  abortSignal?: AbortSignal,
): Promise<ShardInfo[]> {
  const shards: ShardInfo[] = [];
  let nextToken: string | undefined;
  do {
    // A request with a token must not name the stream again; only an ARN may stay.
    const input = nextToken === undefined ? streamInput(stream) : { NextToken: nextToken };
    const page: ListShardsCommandOutput = await client.send(new ListShardsCommand(input), { abortSignal });
    for (const shard of page.Shards ?? []) {
      shards.push({
        shardId: shard.ShardId!,
        parentIds: [shard.ParentShardId, shard.AdjacentParentShardId].filter((id) => id !== undefined),
        startingHashKey: shard.HashKeyRange!.StartingHashKey!,
        endingHashKey: shard.HashKeyRange!.EndingHashKey!,
        isClosed: shard.SequenceNumberRange?.EndingSequenceNumber !== undefined,
      });
    }
    nextToken = page.NextToken;
  } while (nextToken !== undefined);
  return shards;
}
