/** A second opinion on the reader: an independent service (kinesis-local, as packaged, over HTTP) holds the stream. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  KinesisClient,
  ListStreamsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Aggregate } from '../../src/record/aggregate.ts';
import { readStream } from '../../src/stream/read-stream.ts';
import type { StreamRecord } from '../../src/stream/stream-batch.ts';
import { FAST, idsOf, numbered } from './fixture.ts';

let service: ChildProcess;
let client: KinesisClient;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function untilActive(StreamName: string): Promise<void> {
  for (;;) {
    const { StreamDescriptionSummary: summary } = await client.send(
      new DescribeStreamSummaryCommand({ StreamName }),
    );
    if (summary?.StreamStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

beforeAll(async () => {
  const [tlsPort, port] = [await freePort(), await freePort()];
  const main = createRequire(import.meta.url).resolve('kinesis-local/main.js');
  service = spawn(process.execPath, [main], {
    cwd: dirname(main),
    stdio: 'ignore',
    env: {
      ...process.env,
      KINESIS_MOCK_TLS_PORT: String(tlsPort),
      KINESIS_MOCK_PLAIN_PORT: String(port),
      CREATE_STREAM_DURATION: '1ms',
      SPLIT_SHARD_DURATION: '1ms',
      LOG_LEVEL: 'ERROR',
    },
  });
  client = new KinesisClient({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: new NodeHttpHandler(),
  });
  for (;;) {
    try {
      await client.send(new ListStreamsCommand({}));
      return;
    } catch (error) {
      if (service.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50)); // until the process listens; nothing tells when
    }
  }
});

afterAll(() => {
  client.destroy();
  service.kill();
});

it.each(['cbor', 'json'] as const)(
  'reads plain and aggregated records through a split, in %s',
  async (wire) => {
    const StreamName = `split-${wire}`;
    await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
    await untilActive(StreamName);
    const put = (from: number) => {
      const packed = new Aggregate();
      for (const { key, data } of numbered(50, from + 50))
        packed.tryAdd(Buffer.from(key), null, Buffer.from(data), 1e6);
      const plain = numbered(50, from).map(({ key, data }) => ({
        PartitionKey: key,
        Data: Buffer.from(data),
      }));
      const Records = [...plain, { PartitionKey: 'a', Data: packed.encode() }];
      return client.send(new PutRecordsCommand({ StreamName, Records }));
    };
    await put(0);
    const ShardToSplit = 'shardId-000000000000';
    await client.send(
      new SplitShardCommand({ StreamName, ShardToSplit, NewStartingHashKey: `${2n ** 127n}` }),
    );
    await untilActive(StreamName);
    await put(100);
    const records: StreamRecord[] = [];
    const shardOrder: string[] = [];
    for await (const batch of readStream({
      client,
      stream: StreamName,
      wire,
      untilMs: Date.now() + 200,
      recordsPerCall: 20,
      ...FAST,
    })) {
      shardOrder.push(batch.shardId);
      records.push(...batch.records());
    }
    expect(idsOf(records)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(new Set(records.map(({ id }) => id)).size).toBe(200);
    expect(shardOrder.lastIndexOf(ShardToSplit)).toBeLessThan(
      shardOrder.findIndex((shardId) => shardId !== ShardToSplit),
    );
  },
);
