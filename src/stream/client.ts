/**
 * Stream client: the way to a stream's control plane, for readers.
 * Takes  how Kinesis is reached. Gives  the control plane, and how long records of a stream are kept.
 * Never  reads a record.
 */
import { KinesisControl } from '../aws/kinesis-control.ts';
import { openKinesisWay } from '../aws/kinesis-way.ts';
import type { AwsTarget } from '../aws/target.ts';

export function openStreamClient(target: AwsTarget): KinesisControl {
  return new KinesisControl(openKinesisWay(target));
}

/** @throws As the call. */
export async function retentionHoursOf(
  client: KinesisControl,
  stream: string,
  signal?: AbortSignal,
): Promise<number> {
  return (await client.describe(stream, signal))?.RetentionPeriodHours ?? 24;
}
