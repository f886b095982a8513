import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  ProvisionedThroughputExceededException,
  PutRecordCommand,
  PutRecordsCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';

let kinesis: LocalKinesis;
let client: KinesisClient;

beforeEach(async () => {
  kinesis = await startLocalKinesis({ streams: { s: 8 }, requireSignature: true, verifyPayloadHash: true });
  client = new KinesisClient({
    endpoint: kinesis.endpoint,
    region: kinesis.region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });
});

afterEach(async () => {
  client.destroy();
  await kinesis.close();
});

it('serves the SDK: what is put is read back from the shards that were named, in order', async () => {
  const Records = Array.from({ length: 300 }, (_, i) => ({
    Data: Buffer.from(`record ${i}`),
    PartitionKey: `key-${i % 40}`,
  }));
  const put = await client.send(new PutRecordsCommand({ StreamName: 's', Records }));
  expect(put.FailedRecordCount).toBe(0);
  const { Shards } = await client.send(new ListShardsCommand({ StreamName: 's' }));
  const read: string[] = [];
  for (const { ShardId } of Shards!) {
    const start = await client.send(
      new GetShardIteratorCommand({ StreamName: 's', ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    const page = await client.send(new GetRecordsCommand({ ShardIterator: start.ShardIterator }));
    const expected = put.Records!.flatMap((entry, i) => (entry.ShardId === ShardId ? [Records[i]!] : []));
    expect(page.Records!.map(({ Data }) => Buffer.from(Data!).toString())).toEqual(
      expected.map(({ Data }) => Data.toString()),
    );
    expect(page.Records!.every((record) => record.ApproximateArrivalTimestamp! <= new Date())).toBe(true);
    read.push(...page.Records!.map(({ SequenceNumber }) => SequenceNumber!));
  }
  expect(new Set(read)).toEqual(new Set(put.Records!.map(({ SequenceNumber }) => SequenceNumber)));
});

it('refuses in classes that the SDK knows', async () => {
  const record = { Data: Buffer.from('x'), PartitionKey: 'k' };
  await expect(client.send(new PutRecordCommand({ StreamName: 'no', ...record }))).rejects.toThrow(
    ResourceNotFoundException,
  );
  kinesis.setFaults([{ kind: 'throttle' }]);
  await expect(client.send(new PutRecordCommand({ StreamName: 's', ...record }))).rejects.toThrow(
    ProvisionedThroughputExceededException,
  );
});

it('says that a port is taken, and frees its own on close, however often it is called', async () => {
  await expect(startLocalKinesis({ port: kinesis.port })).rejects.toThrow('EADDRINUSE');
  await Promise.all([kinesis.close(), kinesis.close()]);
  const again = await startLocalKinesis({ port: kinesis.port });
  await again.close();
  expect(again.port).toBe(kinesis.port);
});
