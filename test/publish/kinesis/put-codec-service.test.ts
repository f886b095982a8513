/** A second opinion on the bodies: an independent service (kinesis-local, as packaged, over HTTP) takes them and gives the records back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Wire } from '../../../src/aws/wire.ts';
import type { PutCodec } from '../../../src/publish/kinesis/put-codec.ts';
import { deaggregate } from '../../../src/record/aggregate.ts';
import { framesOf, hashKeyOf, record } from '../frames.ts';
import { putCodecs } from './put-codecs.ts';

let service: ChildProcess;
let endpoint = '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function post(action: string, body: Uint8Array | string, wire: Wire): Promise<Uint8Array> {
  const version = wire === 'cbor' ? 'application/x-amz-cbor-1.1' : 'application/x-amz-json-1.1';
  const response = await fetch(endpoint, {
    method: 'POST',
    body: typeof body === 'string' ? body : Uint8Array.from(body),
    headers: {
      'content-type': version,
      'x-amz-target': `Kinesis_20131202.${action}`,
      'x-amz-date': '20261121T000000Z',
      authorization:
        'AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00',
    },
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${action}: ${response.status} ${Buffer.from(bytes)}`);
  return bytes;
}

async function ask<Answer>(action: string, input: unknown): Promise<Answer> {
  const text = Buffer.from(await post(action, JSON.stringify(input), 'json')).toString('utf8');
  return (text === '' ? {} : JSON.parse(text)) as Answer;
}

interface Stored {
  readonly PartitionKey: string;
  readonly Data: string;
}

async function readAll(stream: string): Promise<Stored[]> {
  const { Shards } = await ask<{ Shards: { ShardId: string }[] }>('ListShards', { StreamName: stream });
  const records: Stored[] = [];
  for (const { ShardId } of Shards) {
    const input = { StreamName: stream, ShardId, ShardIteratorType: 'TRIM_HORIZON' };
    const { ShardIterator } = await ask<{ ShardIterator: string }>('GetShardIterator', input);
    const answer = await ask<{ Records: Stored[] }>('GetRecords', { ShardIterator, Limit: 10_000 });
    records.push(...answer.Records);
  }
  return records;
}

async function createStream(StreamName: string): Promise<string> {
  await ask('CreateStream', { StreamName, ShardCount: 1 });
  for (;;) {
    type Summary = { StreamDescriptionSummary: { StreamStatus: string; StreamARN: string } };
    const { StreamDescriptionSummary: summary } = await ask<Summary>('DescribeStreamSummary', { StreamName });
    if (summary.StreamStatus === 'ACTIVE') return summary.StreamARN;
  }
}

beforeAll(async () => {
  const [tlsPort, plainPort] = [await freePort(), await freePort()];
  const main = createRequire(import.meta.url).resolve('kinesis-local/main.js');
  service = spawn(process.execPath, [main], {
    cwd: dirname(main),
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      KINESIS_MOCK_TLS_PORT: String(tlsPort),
      KINESIS_MOCK_PLAIN_PORT: String(plainPort),
      CREATE_STREAM_DURATION: '1ms',
      LOG_LEVEL: 'ERROR',
    },
  });
  endpoint = `http://127.0.0.1:${plainPort}/`;
  for (;;) {
    try {
      await ask('ListStreams', {});
      return;
    } catch (error) {
      if (service.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50)); // until the process listens; nothing tells when
    }
  }
});

afterAll(async () => {
  service.kill();
  await once(service, 'exit');
});

const records = Array.from({ length: 400 }, (_, i) =>
  record({
    key: i % 3 ? `user-${i}` : `"ü\\ ${i}"`,
    data: Buffer.from(`{"i":${i},"text":"${'ß'.repeat(i % 90)}"}`),
    explicitHashKey: i % 5 ? null : hashKeyOf(record({ key: `other-${i}` })),
  }),
);
const cases = putCodecs.flatMap((codec) =>
  (['cbor', 'json'] as const).map((wire) => ({ codec, wire, kind: codec.kind })),
);

async function put(codec: PutCodec, wire: Wire, body: Uint8Array, entries: number): Promise<void> {
  const answer = await post('PutRecords', body, wire);
  const verdict = codec.readPutResult(answer, wire, entries, 'shardId-000000000000', new Uint8Array(entries));
  expect(verdict).toEqual({
    counts: [entries, 0, 0, 0],
    misroutedShardIds: [],
    failedCode: null,
    failedMessage: null,
  });
}

const wanted = records.map(({ key, data }) => `${key} ${Buffer.from(data)}`);

it.each(cases)('stores what the $kind codec writes in $wire', async ({ codec, wire, kind }) => {
  const arn = await createStream(`plain-${kind}-${wire}`);
  const frames = framesOf(records);
  const out = new Uint8Array(codec.encodedBytesMax(frames, records.length, wire));
  const bytes = codec.encode(frames, records.length, wire, arn, out);
  await put(codec, wire, out.subarray(0, bytes), records.length);
  const stored = await readAll(`plain-${kind}-${wire}`);
  const got = stored.map(({ PartitionKey, Data }) => `${PartitionKey} ${Buffer.from(Data, 'base64')}`);
  expect(got).toEqual(wanted);
});

it.each(cases)('stores what the $kind codec aggregates in $wire', async ({ codec, wire, kind }) => {
  const arn = await createStream(`kpl-${kind}-${wire}`);
  const frames = framesOf(records);
  const out = new Uint8Array(codec.encodedBytesMax(frames, records.length, wire));
  const counts = new Uint32Array(500);
  const [runs, sums] = [new Uint32Array(2), new Uint32Array(0)];
  const result = codec.encodeAggregated(
    frames,
    records.length,
    wire,
    arn,
    '99',
    5000,
    1e6,
    out,
    counts,
    runs,
    sums,
  );
  expect(result.frames).toBe(records.length);
  await put(codec, wire, out.subarray(0, result.bytes), result.entries);
  const stored = await readAll(`kpl-${kind}-${wire}`);
  const got = stored.flatMap(({ Data }) =>
    deaggregate(Buffer.from(Data, 'base64'))!.map((sub) => `${sub.partitionKey} ${Buffer.from(sub.data)}`),
  );
  expect(got).toEqual(wanted);
});
