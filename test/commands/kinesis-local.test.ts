/** The whole job against an independent service: kinesis-local, as packaged, over HTTP. It takes about 4,000 records a second. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clicks } from '../../bench/workloads/clicks.ts';
import { createKinesisClient } from '../../src/aws/kinesis-client.ts';
import { readStream } from '../../src/stream/read-stream.ts';
import { linesOf, runCommand, SAMPLES, World } from './fixture.ts';

let service: ChildProcess;
let endpoint = '';
let client: KinesisClient;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'test';
  process.env.AWS_SECRET_ACCESS_KEY = 'test';
  const main = createRequire(import.meta.url).resolve('kinesis-local');
  const port = await freePort();
  service = spawn(process.execPath, [main], {
    cwd: dirname(main),
    env: {
      ...process.env,
      KINESIS_MOCK_PLAIN_PORT: String(port),
      KINESIS_MOCK_TLS_PORT: String(await freePort()),
    },
    stdio: 'ignore',
  });
  endpoint = `http://127.0.0.1:${port}`;
  client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint });
}, 120_000);

afterAll(() => {
  client.destroy();
  service.kill();
});

/** Makes a stream of 8 shards, once the service is up. */
async function createStream(StreamName: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await client.send(new CreateStreamCommand({ StreamName, ShardCount: 8 }));
      break;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  for (;;) {
    const { StreamDescriptionSummary: summary } = await client.send(
      new DescribeStreamSummaryCommand({ StreamName }),
    );
    if (summary?.StreamStatus === 'ACTIVE') return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const gsm8k = join(SAMPLES, 'gsm8k-train-1000.jsonl');

describe('a backfill to kinesis-local', () => {
  it.each([
    { name: 'clicks', body: () => clicks({ seed: 11, lineCount: 3_000 }), pointer: '/u' },
    { name: 'gsm8k', body: () => readFileSync(gsm8k), pointer: null },
  ])(
    'delivers $name unaltered, to every shard, under the right keys',
    async ({ name, body, pointer }) => {
      const bytes = body();
      await createStream(name);
      const world = await World.open({ objects: [{ key: `${name}.jsonl`, body: bytes }] });
      try {
        const flags = ['--stream', name, '--kinesis-endpoint-url', endpoint];
        const ended = await world.backfill([
          ...flags,
          ...(pointer === null ? [] : ['--partition-key', pointer]),
        ]);
        expect(ended.exitCode, ended.stderr).toBe(0);
        const expected = new Map<string, number>();
        for (const line of bytes.toString('latin1').split('\n')) {
          if (line !== '') expected.set(line, (expected.get(line) ?? 0) + 1);
        }
        const shards = new Set<string>();
        const reader = readStream({ client, stream: name, untilMs: Date.now() + 1, pollIntervalMs: 50 });
        for await (const batch of reader) {
          for (const record of batch.records()) {
            shards.add(record.shardId);
            const line = Buffer.from(record.data).toString('latin1');
            expected.set(line, (expected.get(line) ?? 0) - 1);
            if (pointer !== null)
              expect(record.partitionKey).toBe(String(JSON.parse(line)[pointer.slice(1)]));
            else expect(record.partitionKey).toMatch(/^[\w-]{11}:\d+$/);
          }
        }
        await reader.close();
        expect([...expected.values()].filter((count) => count !== 0)).toEqual([]);
        expect(shards.size).toBe(8);
        const lineCount = linesOf(bytes).length;
        const verify = async () => {
          const endpoints = ['--s3-endpoint-url', world.s3.endpoint, '--kinesis-endpoint-url', endpoint];
          const args = ['verify', '--journal', world.journal, '--json', '--quiet', ...endpoints];
          const { exitCode, stdout, stderr } = await runCommand(args);
          if (stdout === '') throw new Error(`No report, exit ${exitCode}: ${stderr}`);
          return { exitCode, stderr, ...JSON.parse(stdout) };
        };
        const whole = { source: { records: lineCount }, streamRecords: { records: lineCount, shards: 8 } };
        expect(await verify()).toMatchObject({ exitCode: 0, status: 'match', missing: 0, ...whole });
        world.s3.put('bucket', { key: 'more.jsonl', body: Buffer.from('[1]\n{"u":"new"}\n') });
        expect(await verify()).toMatchObject({
          ...{ exitCode: 1, status: 'differ', missing: pointer === null ? 2 : 1, duplicated: 0, foreign: 0 },
          examples: {
            missing: expect.arrayContaining([{ bucket: 'bucket', key: 'more.jsonl', offset: 4, length: 11 }]),
          },
        });
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});
