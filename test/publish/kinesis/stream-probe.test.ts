import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KinesisControl } from '../../../src/aws/kinesis-control.ts';
import { openKinesisWay } from '../../../src/aws/kinesis-way.ts';
import { MillraceError } from '../../../src/base/errors.ts';
import {
  type KinesisFault,
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../../src/embedded/kinesis.ts';
import { listOpenShards, probeStream, STREAM_TRAITS } from '../../../src/publish/kinesis/stream-probe.ts';

const closers: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  process.env.AWS_ACCESS_KEY_ID = 'a';
  process.env.AWS_SECRET_ACCESS_KEY = 'b';
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function controlOf(endpoint: string): KinesisControl {
  const control = new KinesisControl(openKinesisWay({ region: 'us-east-1', profile: null, endpoint }));
  closers.push(() => control.close());
  return control;
}

async function start(
  options: LocalKinesisOptions = {},
): Promise<{ kinesis: LocalKinesis; control: KinesisControl; arn: string }> {
  const kinesis = await startLocalKinesis({ streams: { s: 2 }, ...options });
  closers.push(() => kinesis.close());
  return { kinesis, control: controlOf(kinesis.endpoint), arn: kinesis.streamArn('s') };
}

/** What a call ends with. */
async function failureOf(call: Promise<unknown>): Promise<MillraceError> {
  const error = await call.then(
    () => expect.unreachable('the call succeeded'),
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MillraceError);
  return error as MillraceError;
}

describe('probeStream', () => {
  it('tells what a plain stream takes, by name and by ARN', async () => {
    const createdAtMs = 1_795_671_759_938;
    const { control, arn } = await start({ nowMs: () => createdAtMs });
    const facts = {
      name: 's',
      arn,
      birth: { createdAtMs, streamId: null },
      retentionHours: 24,
      traits: { ...STREAM_TRAITS, isOnDemand: false, isAutoDistributed: false, recordBytesMax: 1_048_576 },
    };
    expect(await probeStream(control, 's')).toEqual({ ...facts, id: 's' });
    expect(await probeStream(control, arn)).toEqual({ ...facts, id: arn });
  });

  it.each([
    { kind: 'error', code: 'InternalFailure' },
    { kind: 'error', code: 'LimitExceededException' },
    { kind: 'reset' },
  ] satisfies KinesisFault[])('asks again where the service is busy ($kind $code)', async (fault) => {
    const { kinesis, control, arn } = await start();
    kinesis.setFaults([{ ...fault, operation: '*', times: 2 }]);
    expect(await probeStream(control, 's')).toMatchObject({ arn });
    expect(kinesis.stats().faultsFired[fault.kind]).toBe(2);
  });

  it('tells mode, distribution, record size and retention of one that was changed', async () => {
    const { kinesis, control, arn } = await start();
    kinesis.call('UpdateStreamMode', { StreamARN: arn, StreamModeDetails: { StreamMode: 'ON_DEMAND' } });
    kinesis.call('UpdateStreamRecordDistributionStrategy', {
      StreamARN: arn,
      RecordDistributionStrategy: 'AUTO',
    });
    kinesis.call('UpdateMaxRecordSize', { StreamARN: arn, MaxRecordSizeInKiB: 10_240 });
    kinesis.call('IncreaseStreamRetentionPeriod', { StreamARN: arn, RetentionPeriodHours: 48 });
    expect(await probeStream(control, 's')).toMatchObject({
      retentionHours: 48,
      traits: { isOnDemand: true, isAutoDistributed: true, recordBytesMax: 10_485_760 },
    });
  });

  it('takes a stream that is being resharded, and none that is not there yet', async () => {
    const { kinesis, control } = await start({ transitionMs: 60_000, streams: {} });
    kinesis.call('CreateStream', { StreamName: 'new', ShardCount: 1 });
    const error = await failureOf(probeStream(control, 'new'));
    expect([error.code, error.exitCode]).toEqual(['MILLRACE_STREAM', 2]);
    expect(error.message).toContain('it is CREATING; wait until it is ACTIVE');
    const other = await start();
    other.kinesis.call('UpdateShardCount', {
      StreamName: 's',
      TargetShardCount: 4,
      ScalingType: 'UNIFORM_SCALING',
    });
    expect((await probeStream(other.control, 's')).name).toBe('s');
  });

  it.each([
    { code: 'AccessDeniedException', says: 'allow kinesis:DescribeStreamSummary on it', exitCode: 2 },
    { code: 'UnrecognizedClientException', says: 'check the credentials and the clock', exitCode: 2 },
    { code: 'ExpiredTokenException', says: 'check the credentials and the clock', exitCode: 2 },
    { code: 'LimitExceededException', says: 'LimitExceededException', exitCode: 3 },
  ])('says what to do about $code', async ({ code, says, exitCode }) => {
    const { control } = await start({
      faults: [{ kind: 'error', operation: 'DescribeStreamSummary', code, status: 400 }],
    });
    const error = await failureOf(probeStream(control, 's'));
    expect([error.exitCode, error.message]).toEqual([exitCode, expect.stringContaining(says)]);
    expect(error.message).toMatch(/^Cannot use stream s: /);
  });

  it('says what to do about a stream that is not there', async () => {
    const { control } = await start();
    const error = await failureOf(probeStream(control, 'other'));
    expect(error.message).toBe(
      'Cannot use stream other: no such stream; check the name and the region (--region), or create it',
    );
  });

  it('says what to do about an endpoint where nobody answers', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
    });
    await new Promise((resolve) => server.close(resolve));
    const error = await failureOf(probeStream(controlOf(`http://127.0.0.1:${port}`), 's'));
    expect([error.exitCode, error.message]).toEqual([
      2,
      expect.stringContaining(`(ECONNREFUSED 127.0.0.1:${port})`),
    ]);
    expect(error.message).toContain('check --kinesis-endpoint-url');
  });
});

describe('listOpenShards', () => {
  it('gives the shards that are open, by hash key, after splits and merges', async () => {
    const { kinesis, control, arn } = await start();
    const middle = String(1n << 126n);
    const shardId = 'shardId-000000000000';
    kinesis.call('SplitShard', { StreamName: 's', ShardToSplit: shardId, NewStartingHashKey: middle });
    const shards = await listOpenShards(control, arn);
    expect(shards.map((shard) => [Number(shard.shardId.slice(-2)), shard.start])).toEqual([
      [2, 0n],
      [3, 1n << 126n],
      [1, 1n << 127n],
    ]);
    expect(shards.at(-1)!.end).toBe((1n << 128n) - 1n);
  });

  it('reads every page', async () => {
    const { kinesis, control } = await start();
    kinesis.call('CreateStream', { StreamName: 'wide', ShardCount: 2_001 });
    const shards = await listOpenShards(control, kinesis.streamArn('wide'));
    expect(shards).toHaveLength(2_001);
    expect(kinesis.stats().requestsByOperation.ListShards).toBe(3);
  });

  it('says which action it needs', async () => {
    const { control, arn } = await start({
      faults: [{ kind: 'error', operation: 'ListShards', code: 'AccessDeniedException' }],
    });
    const error = await failureOf(listOpenShards(control, arn));
    expect(error.message).toContain('allow kinesis:ListShards on it');
  });
});
