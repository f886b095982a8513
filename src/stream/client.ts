/**
 * Stream client: the way to a stream's control plane, for readers.
 * Takes  how Kinesis is reached. Gives  the SDK's client, and how long records of a stream are kept.
 * Never  reads a record.
 */
import { DescribeStreamSummaryCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { createKinesisClient } from '../aws/kinesis-client.ts';
import type { AwsTarget } from '../aws/target.ts';
import { streamInput } from './list-shards.ts';

export function openStreamClient(target: AwsTarget): KinesisClient {
  return createKinesisClient(target);
}

/** @throws The SDK's errors, as they are. */
export async function retentionHoursOf(
  client: KinesisClient,
  stream: string,
  signal?: AbortSignal,
): Promise<number> {
  const command = new DescribeStreamSummaryCommand(streamInput(stream));
  const { StreamDescriptionSummary: summary } = await client.send(command, { abortSignal: signal });
  return summary?.RetentionPeriodHours ?? 24;
}
