import { createHash } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { KINESIS, MIB } from '../../../src/base/limits.ts';
import type { Wire } from '../../../src/embedded/kinesis/put-request.ts';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../../src/embedded/kinesis.ts';
import { ask } from './ask.ts';

let kinesis: LocalKinesis | undefined;
afterEach(() => kinesis?.close());

async function start(options: LocalKinesisOptions = {}): Promise<LocalKinesis> {
  kinesis = await startLocalKinesis({ streams: { s: 4 }, ...options });
  return kinesis;
}

const record = (dataBytes: number, PartitionKey = 'k', more: object = {}) => ({
  Data: Buffer.alloc(dataBytes, 'd'),
  PartitionKey,
  ...more,
});
const many = (count: number, of: object = record(1)) => Array.from({ length: count }, () => of);
const ring = 1n << 128n;

interface PutAnswer {
  FailedRecordCount: number;
  Records: { ShardId?: string; SequenceNumber?: string; ErrorCode?: string; ErrorMessage?: string }[];
}

async function put(endpoint: string, Records: object[], wire: Wire = 'cbor') {
  const answer = await ask(endpoint, 'PutRecords', { StreamName: 's', Records }, wire);
  return {
    status: answer.status,
    type: answer.body.__type,
    message: answer.body.message,
    ...(answer.body as unknown as PutAnswer),
  };
}

it.each([
  { name: '500 records', records: many(500), type: undefined },
  { name: '501 records', records: many(501), type: 'ValidationException' },
  { name: 'no record', records: [], type: 'ValidationException' },
  { name: 'a key of 256 characters of two bytes', records: [record(1, 'é'.repeat(256))], type: undefined },
  { name: 'a key of 257 characters', records: [record(1, 'k'.repeat(257))], type: 'ValidationException' },
  { name: 'an empty key', records: [record(1, '')], type: 'ValidationException' },
  { name: 'no key', records: [{ Data: Buffer.from('x') }], type: 'ValidationException' },
  { name: 'no data', records: [{ PartitionKey: 'k' }], type: 'ValidationException' },
  { name: 'empty data', records: [record(0)], type: undefined },
  { name: '1 MiB with its key', records: [record(MIB - 1)], type: undefined },
  { name: '1 MiB and a byte with its key', records: [record(MIB)], type: 'InvalidArgumentException' },
  { name: '10 MiB in all', records: many(10, record(MIB - 1)), type: undefined },
  {
    name: '10 MiB and two bytes in all',
    records: [...many(10, record(MIB - 1)), record(1)],
    type: 'InvalidArgumentException',
  },
  {
    name: 'the largest hash key',
    records: [record(1, 'k', { ExplicitHashKey: String(ring - 1n) })],
    type: undefined,
  },
  {
    name: 'a hash key beyond',
    records: [record(1, 'k', { ExplicitHashKey: String(ring) })],
    type: 'InvalidArgumentException',
  },
  {
    name: 'a hash key that is no number',
    records: [record(1, 'k', { ExplicitHashKey: 'x' })],
    type: 'InvalidArgumentException',
  },
])('judges $name as the service does, in both wire formats', async ({ records, type }) => {
  const { endpoint, records: stored } = await start();
  for (const wire of ['cbor', 'json'] as const) {
    const answer = await put(endpoint, records, wire);
    expect([answer.status, answer.type]).toEqual(type === undefined ? [200, undefined] : [400, type]);
    if (type === undefined)
      expect([answer.FailedRecordCount, answer.Records.length]).toEqual([0, records.length]);
  }
  // A refused request stores nothing of it.
  expect([...stored('s')].length).toBe(type === undefined ? records.length * 2 : 0);
});

it('takes records up to what the stream says, and the request limit still holds', async () => {
  const { endpoint, call, streamArn } = await start();
  call('UpdateMaxRecordSize', { StreamARN: streamArn('s'), MaxRecordSizeInKiB: 2048 });
  expect((await put(endpoint, [record(2 * MIB - 1)])).status).toBe(200);
  expect(await put(endpoint, [record(2 * MIB)])).toMatchObject({
    status: 400,
    type: 'InvalidArgumentException',
  });
});

it('stores each record, unaltered and in order, in the shard whose range holds its hash key', async () => {
  const { endpoint, records } = await start();
  const sent = Array.from({ length: 500 }, (_, i) => ({
    Data: Buffer.from(`data ${i} é`),
    PartitionKey: `key-${i % 50}-${'long'.repeat(i % 20)}`,
    ...(i % 7 === 0 ? { ExplicitHashKey: String((ring * BigInt(i)) / 500n) } : {}),
  }));
  const answer = await put(endpoint, sent);
  const stored = new Map(
    [...records('s')].map((entry) => [`${entry.shardId}/${entry.sequenceNumber}`, entry]),
  );
  expect(stored.size).toBe(500);
  for (const [i, { Data, PartitionKey, ExplicitHashKey }] of sent.entries()) {
    const { ShardId, SequenceNumber } = answer.Records[i]!;
    const entry = stored.get(`${ShardId}/${SequenceNumber}`)!;
    expect([entry.data, entry.partitionKey, entry.explicitHashKey]).toEqual([
      Data,
      PartitionKey,
      ExplicitHashKey,
    ]);
    const hashKey = BigInt(ExplicitHashKey ?? `0x${createHash('md5').update(PartitionKey).digest('hex')}`);
    expect(ShardId).toBe(`shardId-00000000000${(hashKey * 4n) / ring}`);
  }
  for (const shardId of new Set(answer.Records.map(({ ShardId }) => ShardId))) {
    const numbers = answer.Records.filter(({ ShardId }) => ShardId === shardId).map(
      ({ SequenceNumber }) => SequenceNumber!,
    );
    expect(numbers.every((number) => /^[1-9]\d{55}$/.test(number))).toBe(true);
    expect(numbers.every((number, i) => i === 0 || BigInt(number) > BigInt(numbers[i - 1]!))).toBe(true);
  }
});

it('refuses what is over 1,000 records a second and shard, record by record, and recovers with the clock', async () => {
  let nowMs = 1_000_000;
  const { endpoint, stats } = await start({ limits: 'real', nowMs: () => nowMs });
  expect((await put(endpoint, many(500))).FailedRecordCount).toBe(0);
  expect((await put(endpoint, many(500))).FailedRecordCount).toBe(0);
  const over = await put(endpoint, many(3), 'json');
  expect(over.FailedRecordCount).toBe(3);
  const { ErrorCode, ErrorMessage } = over.Records[0]!;
  expect(ErrorCode).toBe('ProvisionedThroughputExceededException');
  expect(ErrorMessage).toMatch(
    /^Rate exceeded for shard shardId-00000000000\d in stream s under account 000000000000\.$/,
  );
  nowMs += 2;
  expect((await put(endpoint, many(3))).FailedRecordCount).toBe(1);
  expect((await put(endpoint, [record(1, 'k', { ExplicitHashKey: '0' })])).FailedRecordCount).toBe(0);
  expect(stats().recordsRefusedByCode).toEqual({ ProvisionedThroughputExceededException: 4 });
});

it('refuses what is over 1 MiB a second and shard, keys included', async () => {
  const { endpoint } = await start({ limits: 'real', nowMs: () => 0 });
  const half = record(MIB / 2 - 1);
  const answer = await put(endpoint, [half, half, record(0, 'k')]);
  expect(answer.Records.map(({ ErrorCode }) => ErrorCode !== undefined)).toEqual([false, false, true]);
});

it('refuses records by script on one shard only, and counts it', async () => {
  const { endpoint, stats, setFaults, records } = await start();
  setFaults([
    { kind: 'throttle', shardId: 'shardId-000000000000', name: 'hot' },
    { kind: 'internal-failure', probability: 0.5 },
  ]);
  const sent = Array.from({ length: 400 }, (_, i) => record(3, `k${i}`));
  for (const wire of ['cbor', 'json'] as const) {
    const answer = await put(endpoint, sent, wire);
    const codes = answer.Records.map(({ ErrorCode }) => ErrorCode);
    expect(answer.Records.every((entry) => entry.ShardId !== 'shardId-000000000000')).toBe(true);
    expect(new Set(codes)).toEqual(
      new Set([undefined, 'InternalFailure', 'ProvisionedThroughputExceededException']),
    );
    expect(answer.FailedRecordCount).toBe(codes.filter(Boolean).length);
  }
  const { faultsFired, recordsStored, recordsRefusedByCode } = stats();
  expect(recordsRefusedByCode.ProvisionedThroughputExceededException).toBe(faultsFired.hot);
  expect(recordsRefusedByCode.InternalFailure).toBe(faultsFired['internal-failure']);
  expect(recordsStored + faultsFired.hot! + faultsFired['internal-failure']!).toBe(800);
  expect([...records('s')].length).toBe(recordsStored);
});

it('trims the oldest requests beyond its bytes, and says how many records that were', async () => {
  const { endpoint, records, stats } = await start({ retainBytes: 300_000, streams: { s: 2 } });
  for (let i = 0; i < 20; i++) {
    await put(
      endpoint,
      Array.from({ length: 100 }, (_, j) => record(1000, `${i}-${j}`)),
    );
  }
  const held = [...records('s')].map(({ partitionKey }) => Number(partitionKey.split('-')[0]));
  const { trimmedRecords, heldBytes } = stats().streams.s!;
  expect(held.length + trimmedRecords).toBe(2000);
  expect(new Set(held)).toEqual(new Set([18, 19]));
  expect(heldBytes).toBeLessThanOrEqual(300_000);
});

it('counts and forgets when told to discard', async () => {
  const { endpoint, records, stats } = await start({ discard: true });
  await put(endpoint, many(100, record(99)));
  expect([stats().recordsStored, stats().bytesStored, [...records('s')].length]).toEqual([100, 10_000, 0]);
});

it('ignores keys on a stream that distributes by itself', async () => {
  const { endpoint, call, stats } = await start({ streams: {} });
  call('CreateStream', {
    StreamName: 's',
    ShardCount: 4,
    StreamModeDetails: { StreamMode: 'ON_DEMAND' },
    RecordDistributionStrategy: 'AUTO',
  });
  expect((await put(endpoint, many(40, { Data: Buffer.from('x') }))).FailedRecordCount).toBe(0);
  expect(Object.values(stats().streams.s!.shards).map((shard) => shard.records)).toEqual([10, 10, 10, 10]);
});

it('answers DryRun without storing, and unknown streams as not found', async () => {
  const { endpoint, streamArn, records } = await start();
  const input = { StreamARN: streamArn('s'), Records: many(1) };
  const dry = await ask(endpoint, 'PutRecords', { ...input, DryRun: true }, 'cbor');
  expect([dry.status, dry.body.__type, [...records('s')].length]).toEqual([
    400,
    'DryRunOperationException',
    0,
  ]);
  const missing = await ask(endpoint, 'PutRecords', { ...input, StreamARN: streamArn('other') }, 'cbor');
  expect(missing.body).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'Stream other under account 000000000000 not found.',
  });
});

it('stores with PutRecord what PutRecords stores, and refuses the request where the record is refused', async () => {
  const { endpoint, records, setFaults } = await start();
  const { body } = await ask(endpoint, 'PutRecord', { StreamName: 's', ...record(3) });
  const [stored] = [...records('s')];
  expect(body).toEqual({
    ShardId: stored!.shardId,
    SequenceNumber: stored!.sequenceNumber,
    EncryptionType: 'NONE',
  });
  setFaults([{ kind: 'throttle' }]);
  const refused = await ask(endpoint, 'PutRecord', { StreamName: 's', ...record(3) }, 'cbor');
  expect([refused.status, refused.body.__type]).toEqual([400, 'ProvisionedThroughputExceededException']);
});

it('keeps the request limit that the rest of the project uses', () => {
  expect([KINESIS.putRecordsCountMax, KINESIS.putRecordsBytesMax]).toEqual([500, 10 * MIB]);
});
