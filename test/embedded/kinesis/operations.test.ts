import { afterEach, expect, it } from 'vitest';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../../src/embedded/kinesis.ts';
import { ask } from './ask.ts';

let kinesis: LocalKinesis | undefined;
afterEach(() => kinesis?.close());
let nowMs = 0;

async function start(options: LocalKinesisOptions = {}) {
  nowMs = 1_700_000_000_000;
  kinesis = await startLocalKinesis({ nowMs: () => nowMs, ...options });
  const { endpoint } = kinesis;
  return async (operation: string, input: object = {}) => (await ask(endpoint, operation, input)).body;
}

interface Shard {
  ShardId: string;
  ParentShardId?: string;
  AdjacentParentShardId?: string;
  HashKeyRange: { StartingHashKey: string; EndingHashKey: string };
  SequenceNumberRange: { EndingSequenceNumber?: string };
}
const shardsOf = (body: Record<string, unknown>) => body.Shards as Shard[];
const ids = (shards: readonly Shard[]) => shards.map(({ ShardId }) => Number(ShardId.slice(-3)));
const ring = 1n << 128n;

it('gives a new stream equal ranges that cover every hash key', async () => {
  const request = await start({ streams: { s: 7 } });
  const shards = shardsOf(await request('ListShards', { StreamName: 's' }));
  let next = 0n;
  for (const { HashKeyRange } of shards) {
    expect(BigInt(HashKeyRange.StartingHashKey)).toBe(next);
    next = BigInt(HashKeyRange.EndingHashKey) + 1n;
  }
  expect([shards.length, next]).toEqual([7, ring]);
});

it('pages ListShards by token, which comes alone, and expires', async () => {
  const request = await start({ streams: { s: 5 } });
  const first = await request('ListShards', { StreamName: 's', MaxResults: 2 });
  const second = await request('ListShards', { NextToken: first.NextToken, MaxResults: 2 });
  const third = await request('ListShards', { NextToken: second.NextToken, MaxResults: 2 });
  expect([first, second, third].map((page) => ids(shardsOf(page)))).toEqual([[0, 1], [2, 3], [4]]);
  expect(third.NextToken).toBeUndefined();
  const both = await request('ListShards', { StreamName: 's', NextToken: first.NextToken });
  expect(both.__type).toBe('InvalidArgumentException');
  nowMs += 300_001;
  expect((await request('ListShards', { NextToken: first.NextToken })).__type).toBe(
    'ExpiredNextTokenException',
  );
});

it('filters shards as ShardFilter says', async () => {
  const request = await start({ streams: { s: 2 } });
  nowMs += 1000;
  await request('SplitShard', {
    StreamName: 's',
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: '1000',
  });
  const filtered = async (ShardFilter: object) =>
    ids(shardsOf(await request('ListShards', { StreamName: 's', ShardFilter })));
  expect(await filtered({ Type: 'AT_LATEST' })).toEqual([1, 2, 3]);
  expect(await filtered({ Type: 'AT_TRIM_HORIZON' })).toEqual([0, 1]);
  expect(await filtered({ Type: 'FROM_TRIM_HORIZON' })).toEqual([0, 1, 2, 3]);
  expect(await filtered({ Type: 'AFTER_SHARD_ID', ShardId: 'shardId-000000000001' })).toEqual([2, 3]);
  expect(await filtered({ Type: 'AT_TIMESTAMP', Timestamp: (nowMs - 1) / 1000 })).toEqual([0, 1]);
  expect(await filtered({ Type: 'AT_TIMESTAMP', Timestamp: nowMs / 1000 })).toEqual([1, 2, 3]);
  expect(await filtered({ Type: 'FROM_TIMESTAMP', Timestamp: (nowMs + 1) / 1000 })).toEqual([1, 2, 3]);
  const unknown = await request('ListShards', { StreamName: 's', ShardFilter: { Type: 'SOME' } });
  expect(unknown.__type).toBe('ValidationException');
  // The filter travels in the token.
  const page = await request('ListShards', {
    StreamName: 's',
    ShardFilter: { Type: 'AT_LATEST' },
    MaxResults: 2,
  });
  expect(ids(shardsOf(await request('ListShards', { NextToken: page.NextToken })))).toEqual([3]);
});

it('splits and merges: parents close, children name them and cover the same keys', async () => {
  const request = await start({ streams: { s: 1 } });
  await request('SplitShard', {
    StreamName: 's',
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: '1000',
  });
  await request('MergeShards', {
    StreamName: 's',
    ShardToMerge: 'shardId-000000000002',
    AdjacentShardToMerge: 'shardId-000000000001',
  });
  const [zero, one, two, three] = shardsOf(await request('ListShards', { StreamName: 's' }));
  expect(zero!.SequenceNumberRange.EndingSequenceNumber).toMatch(/^\d{56}$/);
  expect([one!.ParentShardId, two!.ParentShardId]).toEqual([zero!.ShardId, zero!.ShardId]);
  expect([one!.HashKeyRange.EndingHashKey, two!.HashKeyRange.StartingHashKey]).toEqual(['999', '1000']);
  expect([three!.ParentShardId, three!.AdjacentParentShardId]).toEqual([two!.ShardId, one!.ShardId]);
  expect(three!.HashKeyRange).toEqual(zero!.HashKeyRange);
  expect(three!.SequenceNumberRange.EndingSequenceNumber).toBeUndefined();
});

it.each([
  {
    operation: 'SplitShard',
    input: { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '1' },
    type: 'InvalidArgumentException',
  },
  {
    operation: 'SplitShard',
    input: { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '2' },
    type: undefined,
  },
  {
    operation: 'SplitShard',
    input: { ShardToSplit: 'shardId-000000000000', NewStartingHashKey: String(ring) },
    type: 'InvalidArgumentException',
  },
  {
    operation: 'SplitShard',
    input: { ShardToSplit: 'shardId-000000000009', NewStartingHashKey: '2' },
    type: 'ResourceNotFoundException',
  },
  {
    operation: 'MergeShards',
    input: { ShardToMerge: 'shardId-000000000000', AdjacentShardToMerge: 'shardId-000000000002' },
    type: 'InvalidArgumentException',
  },
  { operation: 'UpdateShardCount', input: { TargetShardCount: 6 }, type: undefined },
  { operation: 'UpdateShardCount', input: { TargetShardCount: 7 }, type: 'LimitExceededException' },
  { operation: 'UpdateShardCount', input: { TargetShardCount: 1 }, type: 'LimitExceededException' },
  { operation: 'UpdateMaxRecordSize', input: { MaxRecordSizeInKiB: 10_241 }, type: 'ValidationException' },
  { operation: 'UpdateMaxRecordSize', input: { MaxRecordSizeInKiB: 10_240 }, type: undefined },
  { operation: 'IncreaseStreamRetentionPeriod', input: { RetentionPeriodHours: 8760 }, type: undefined },
  {
    operation: 'IncreaseStreamRetentionPeriod',
    input: { RetentionPeriodHours: 23 },
    type: 'ValidationException',
  },
  {
    operation: 'DecreaseStreamRetentionPeriod',
    input: { RetentionPeriodHours: 25 },
    type: 'InvalidArgumentException',
  },
  { operation: 'CreateStream', input: { ShardCount: 1 }, type: 'ResourceInUseException' },
  {
    operation: 'CreateStream',
    input: { StreamName: 'bad name', ShardCount: 1 },
    type: 'ValidationException',
  },
  { operation: 'CreateStream', input: { StreamName: 'new' }, type: 'ValidationException' },
  { operation: 'DescribeStream', input: { StreamName: 'other' }, type: 'ResourceNotFoundException' },
  {
    operation: 'DescribeStream',
    input: { StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/other' },
    type: 'InvalidArgumentException',
  },
  { operation: 'NoSuchThing', input: {}, type: 'UnknownOperationException' },
])('answers $operation $input with $type', async ({ operation, input, type }) => {
  const request = await start({ streams: { s: 3 } });
  expect((await request(operation, { StreamName: 's', ...input })).__type).toBe(type);
});

it.each([
  { from: 4, to: 8 },
  { from: 4, to: 2 },
  { from: 4, to: 6 },
  { from: 5, to: 3 },
])('scales from $from to $to shards of equal ranges', async ({ from, to }) => {
  const request = await start({ streams: { s: from } });
  const { CurrentShardCount, TargetShardCount } = await request('UpdateShardCount', {
    StreamName: 's',
    TargetShardCount: to,
    ScalingType: 'UNIFORM_SCALING',
  });
  expect([CurrentShardCount, TargetShardCount]).toEqual([from, to]);
  const open = shardsOf(await request('ListShards', { StreamName: 's', ShardFilter: { Type: 'AT_LATEST' } }));
  const starts = open
    .map(({ HashKeyRange }) => BigInt(HashKeyRange.StartingHashKey))
    .sort((a, b) => (a < b ? -1 : 1));
  expect(starts).toEqual(Array.from({ length: to }, (_, i) => (ring * BigInt(i)) / BigInt(to)));
});

it('keeps sequence numbers of children above those of their parents', async () => {
  const request = await start({ streams: { s: 1 } });
  const put = async () =>
    BigInt(
      (await request('PutRecord', { StreamName: 's', Data: 'eA==', PartitionKey: 'k' }))
        .SequenceNumber as string,
    );
  const before = await put();
  await request('SplitShard', {
    StreamName: 's',
    ShardToSplit: 'shardId-000000000000',
    NewStartingHashKey: '1000',
  });
  expect(await put()).toBeGreaterThan(before);
});

it('describes a stream: mode, retention, record size, open shards, pages of shards', async () => {
  const request = await start();
  await request('CreateStream', {
    StreamName: 's',
    StreamModeDetails: { StreamMode: 'ON_DEMAND' },
    MaxRecordSizeInKiB: 2048,
  });
  await request('IncreaseStreamRetentionPeriod', { StreamName: 's', RetentionPeriodHours: 48 });
  const { StreamDescriptionSummary } = await request('DescribeStreamSummary', { StreamName: 's' });
  expect(StreamDescriptionSummary).toEqual({
    StreamName: 's',
    StreamARN: 'arn:aws:kinesis:us-east-1:000000000000:stream/s',
    StreamStatus: 'ACTIVE',
    StreamModeDetails: { StreamMode: 'ON_DEMAND' },
    RetentionPeriodHours: 48,
    StreamCreationTimestamp: nowMs / 1000,
    EnhancedMonitoring: [{ ShardLevelMetrics: [] }],
    EncryptionType: 'NONE',
    OpenShardCount: 4,
    ConsumerCount: 0,
    MaxRecordSizeInKiB: 2048,
  });
  const { StreamDescription } = await request('DescribeStream', {
    StreamName: 's',
    Limit: 3,
    ExclusiveStartShardId: 'shardId-000000000000',
  });
  expect(StreamDescription).toMatchObject({ HasMoreShards: false, Shards: [{}, {}, {}] });
});

it('lists streams in order and in pages', async () => {
  const request = await start({ streams: { c: 1, a: 1, b: 1 } });
  const first = await request('ListStreams', { Limit: 2 });
  expect([first.StreamNames, first.HasMoreStreams]).toEqual([['a', 'b'], true]);
  const second = await request('ListStreams', { Limit: 2, NextToken: first.NextToken });
  expect([second.StreamNames, second.HasMoreStreams]).toEqual([['c'], false]);
});

it('keeps a stream CREATING, UPDATING and DELETING for the time that was asked for', async () => {
  const request = await start({ transitionMs: 1000 });
  const status = async () => {
    const { StreamDescriptionSummary } = await request('DescribeStreamSummary', { StreamName: 's' });
    return (StreamDescriptionSummary as { StreamStatus: string } | undefined)?.StreamStatus;
  };
  await request('CreateStream', { StreamName: 's', ShardCount: 1 });
  expect(await status()).toBe('CREATING');
  nowMs += 999;
  expect(await status()).toBe('CREATING');
  nowMs += 1;
  expect(await status()).toBe('ACTIVE');
  const split = { StreamName: 's', ShardToSplit: 'shardId-000000000000', NewStartingHashKey: '1000' };
  await request('SplitShard', split);
  expect([await status(), (await request('SplitShard', split)).__type]).toEqual([
    'UPDATING',
    'ResourceInUseException',
  ]);
  const put = await request('PutRecord', { StreamName: 's', Data: 'eA==', PartitionKey: 'k' });
  expect(put.__type).toBeUndefined();
  nowMs += 1000;
  await request('DeleteStream', { StreamName: 's' });
  expect(await status()).toBe('DELETING');
  nowMs += 1000;
  expect(await status()).toBeUndefined();
});
