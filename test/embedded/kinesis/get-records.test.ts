import { afterEach, expect, it } from 'vitest';
import { MIB } from '../../../src/base/limits.ts';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../../src/embedded/kinesis.ts';
import { ask } from './ask.ts';

let kinesis: LocalKinesis | undefined;
afterEach(() => kinesis?.close());
let nowMs = 0;

async function start(options: LocalKinesisOptions = {}): Promise<LocalKinesis> {
  nowMs = 1_700_000_000_000;
  kinesis = await startLocalKinesis({ streams: { s: 1 }, nowMs: () => nowMs, ...options });
  return kinesis;
}

const shardId = 'shardId-000000000000';

interface Page {
  Records: {
    SequenceNumber: string;
    Data: unknown;
    PartitionKey: string;
    ApproximateArrivalTimestamp: unknown;
  }[];
  NextShardIterator: string | null;
  MillisBehindLatest: number;
  ChildShards?: { ShardId: string; ParentShards: string[] }[];
  __type?: string;
  message?: string;
}

async function put(keys: readonly string[], dataBytes = 3): Promise<string[]> {
  const Records = keys.map((PartitionKey) => ({ Data: Buffer.alloc(dataBytes, PartitionKey), PartitionKey }));
  const { body } = await ask(kinesis!.endpoint, 'PutRecords', { StreamName: 's', Records }, 'cbor');
  return (body.Records as { SequenceNumber: string }[]).map(({ SequenceNumber }) => SequenceNumber);
}

async function iterator(input: object = { ShardIteratorType: 'TRIM_HORIZON' }): Promise<string> {
  const { body } = await ask(kinesis!.endpoint, 'GetShardIterator', {
    StreamName: 's',
    ShardId: shardId,
    ...input,
  });
  expect(body.__type).toBeUndefined();
  return body.ShardIterator as string;
}

async function get(input: object, wire: 'json' | 'cbor' = 'cbor'): Promise<Page> {
  return (await ask(kinesis!.endpoint, 'GetRecords', input, wire)).body as unknown as Page;
}

const keysOf = (page: Page) => page.Records.map(({ PartitionKey }) => PartitionKey);

it('gives the same records in both wire formats; timestamps are seconds in JSON and milliseconds in CBOR', async () => {
  await start();
  const [first] = await put(['é', 'b'.repeat(250)], 70_000);
  const [cbor, json] = [
    await get({ ShardIterator: await iterator() }),
    await get({ ShardIterator: await iterator() }, 'json'),
  ];
  expect(cbor.Records[0]).toEqual({
    SequenceNumber: first,
    ApproximateArrivalTimestamp: new Date(nowMs),
    Data: Buffer.alloc(70_000, 'é'),
    PartitionKey: 'é',
  });
  expect(json.Records[0]).toMatchObject({
    SequenceNumber: first,
    ApproximateArrivalTimestamp: nowMs / 1000,
    PartitionKey: 'é',
  });
  expect(json.Records[0]!.Data).toBe(Buffer.alloc(70_000, 'é').toString('base64'));
  expect(keysOf(cbor)).toEqual(keysOf(json));
});

it('starts where each iterator type says', async () => {
  await start();
  const [a, , c] = await put(['a', 'b', 'c']);
  nowMs += 1000;
  await put(['d']);
  const from = async (input: object) => keysOf(await get({ ShardIterator: await iterator(input) }));
  expect(await from({ ShardIteratorType: 'TRIM_HORIZON' })).toEqual(['a', 'b', 'c', 'd']);
  expect(await from({ ShardIteratorType: 'LATEST' })).toEqual([]);
  expect(await from({ ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: c })).toEqual([
    'c',
    'd',
  ]);
  expect(await from({ ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', StartingSequenceNumber: a })).toEqual([
    'b',
    'c',
    'd',
  ]);
  expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: nowMs / 1000 })).toEqual(['d']);
  expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: (nowMs - 1000) / 1000 })).toEqual([
    'a',
    'b',
    'c',
    'd',
  ]);
  expect(await from({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 0 })).toEqual(['a', 'b', 'c', 'd']);
});

it('takes a CBOR timestamp as milliseconds', async () => {
  const { endpoint } = await start();
  await put(['a']);
  nowMs += 10;
  await put(['b']);
  const input = {
    StreamName: 's',
    ShardId: shardId,
    ShardIteratorType: 'AT_TIMESTAMP',
    Timestamp: new Date(nowMs - 9),
  };
  const { body } = await ask(endpoint, 'GetShardIterator', input, 'cbor');
  expect(keysOf(await get({ ShardIterator: body.ShardIterator }))).toEqual(['b']);
});

it.each([
  { name: 'an unknown shard', input: { ShardId: 'shardId-000000000009' }, type: 'ResourceNotFoundException' },
  { name: 'an unknown type', input: { ShardIteratorType: 'NOW' }, type: 'ValidationException' },
  {
    name: 'a number of another shard',
    input: { ShardIteratorType: 'AT_SEQUENCE_NUMBER', StartingSequenceNumber: '1' },
    type: 'InvalidArgumentException',
  },
  { name: 'no number', input: { ShardIteratorType: 'AT_SEQUENCE_NUMBER' }, type: 'InvalidArgumentException' },
  {
    name: 'a time to come',
    input: { ShardIteratorType: 'AT_TIMESTAMP', Timestamp: 9e9 },
    type: 'InvalidArgumentException',
  },
])('refuses an iterator at $name', async ({ input, type }) => {
  const { endpoint } = await start();
  const base = { StreamName: 's', ShardId: shardId, ShardIteratorType: 'TRIM_HORIZON' };
  expect((await ask(endpoint, 'GetShardIterator', { ...base, ...input })).body.__type).toBe(type);
});

it('goes on from page to page and says how far behind it is', async () => {
  await start();
  await put(['a', 'b']);
  nowMs += 5000;
  await put(['c', 'd', 'e']);
  const first = await get({ ShardIterator: await iterator(), Limit: 2 });
  expect([keysOf(first), first.MillisBehindLatest]).toEqual([['a', 'b'], 5000]);
  const second = await get({ ShardIterator: first.NextShardIterator, Limit: 2 });
  expect(keysOf(second)).toEqual(['c', 'd']);
  const third = await get({ ShardIterator: second.NextShardIterator });
  expect([keysOf(third), third.MillisBehindLatest]).toEqual([['e'], 0]);
  const fourth = await get({ ShardIterator: third.NextShardIterator });
  expect([keysOf(fourth), typeof fourth.NextShardIterator]).toEqual([[], 'string']);
});

it('returns at most 10 MiB a call, and one record always', async () => {
  const { call, streamArn } = await start();
  call('UpdateMaxRecordSize', { StreamARN: streamArn('s'), MaxRecordSizeInKiB: 10_240 });
  for (let i = 0; i < 3; i++) await put([`${i}`], 4 * MIB);
  await put(['3'], 10 * MIB - 1);
  const pages: string[][] = [];
  for (let next: string | null = await iterator(); pages.length < 3; ) {
    const page: Page = await get({ ShardIterator: next });
    pages.push(keysOf(page));
    next = page.NextShardIterator;
  }
  expect(pages).toEqual([['0', '1'], ['2'], ['3']]);
});

it.each([
  { limit: 0, type: 'ValidationException' },
  { limit: 1, type: undefined },
  { limit: 10_000, type: undefined },
  { limit: 10_001, type: 'ValidationException' },
])('answers a limit of $limit with $type', async ({ limit, type }) => {
  await start();
  expect((await get({ ShardIterator: await iterator(), Limit: limit })).__type).toBe(type);
});

it('lets an iterator expire after five minutes, and not at five minutes', async () => {
  await start();
  const held = await iterator();
  nowMs += 300_000;
  expect((await get({ ShardIterator: held })).__type).toBeUndefined();
  nowMs += 1;
  const expired = await get({ ShardIterator: held });
  expect([expired.__type, expired.message]).toEqual([
    'ExpiredIteratorException',
    expect.stringContaining('Iterator expired.'),
  ]);
});

it('refuses what is no iterator, and one of a stream that was made anew', async () => {
  const { call } = await start();
  const held = await iterator();
  expect((await get({ ShardIterator: 'x' })).__type).toBe('InvalidArgumentException');
  call('DeleteStream', { StreamName: 's' });
  nowMs += 1;
  call('CreateStream', { StreamName: 's', ShardCount: 1 });
  expect((await get({ ShardIterator: held })).__type).toBe('InvalidArgumentException');
});

it.each(['cbor', 'json'] as const)(
  'ends a closed shard with null and its children, only when all is read, in %s',
  async (wire) => {
    const { call } = await start();
    await put(['a', 'b']);
    call('SplitShard', { StreamName: 's', ShardToSplit: shardId, NewStartingHashKey: '1000' });
    const first = await get({ ShardIterator: await iterator(), Limit: 1 }, wire);
    expect([keysOf(first), first.ChildShards]).toEqual([['a'], undefined]);
    const last = await get({ ShardIterator: first.NextShardIterator }, wire);
    expect([keysOf(last), last.NextShardIterator, last.MillisBehindLatest]).toEqual([['b'], null, 0]);
    expect(last.ChildShards!.map((child) => [child.ShardId, child.ParentShards])).toEqual([
      ['shardId-000000000001', [shardId]],
      ['shardId-000000000002', [shardId]],
    ]);
  },
);

it('reads on at the trim horizon where its position was trimmed', async () => {
  await start({ retainBytes: 50_000 });
  const held = await iterator();
  for (let i = 0; i < 10; i++) await put([`${i}`], 20_000);
  expect(keysOf(await get({ ShardIterator: held }))).toEqual(['8', '9']);
});

it('forgets records older than the retention period', async () => {
  await start();
  await put(['a']);
  nowMs += 86_400_000;
  await put(['b']);
  expect(keysOf(await get({ ShardIterator: await iterator() }))).toEqual(['a', 'b']);
  nowMs += 1;
  expect(keysOf(await get({ ShardIterator: await iterator() }))).toEqual(['b']);
});

it('keeps the limits on reads: 5 calls and 2 MiB a second', async () => {
  await start({ limits: 'real' });
  await put(['a'], MIB - 1);
  nowMs += 1000;
  await put(['b'], MIB - 1);
  nowMs += 1000;
  await put(['c'], MIB - 1);
  const read = async () => (await get({ ShardIterator: await iterator() })).__type;
  const over = 'ProvisionedThroughputExceededException';
  // 3 MiB at once leave a debt of 1 MiB, which takes half a second.
  expect([await read(), await read()]).toEqual([undefined, over]);
  nowMs += 500;
  expect(await read()).toBe(over);
  nowMs += 1;
  expect(await read()).toBe(undefined);
  nowMs += 60_000;
  const empty = await iterator({ ShardIteratorType: 'LATEST' });
  const calls = [];
  for (let i = 0; i < 6; i++) calls.push((await get({ ShardIterator: empty })).__type);
  expect(calls).toEqual([undefined, undefined, undefined, undefined, undefined, over]);
});
