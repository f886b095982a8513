/**
 * Question: what does it cost to read a stream back, beside the stock SDK path, and to digest what is read?
 * Workloads: github-684 plain, clicks-77 plain and in KPL aggregates, seed 42, on the embedded Kinesis in a process of its own.
 * Contenders: `client.send(new GetRecordsCommand())` with a JavaScript deaggregator; readStream as objects; readStream as frames;
 * readStream as frames into a bucketed digest, which is what verify does.
 * CPU time of this process only. Run: `node bench/stream-reader.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { GetRecordsCommand, GetShardIteratorCommand, type KinesisClient } from '@aws-sdk/client-kinesis';
import { encodeCbor } from '../src/aws/cbor.ts';
import { createKinesisClient } from '../src/aws/kinesis-client.ts';
import { createKinesisCaller, wayOf } from '../src/aws/kinesis-way.ts';
import { createDigester } from '../src/digest/digest.ts';
import { Aggregate, deaggregate } from '../src/record/aggregate.ts';
import { readStream, type StreamReader } from '../src/stream/read-stream.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { keep, smoke } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
}).values;
const SHARD = 'shardId-000000000000';
const AGGREGATE_BYTES = 51_200;

process.env.AWS_ACCESS_KEY_ID ??= 'bench';
process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';

interface Row {
  readonly key: string;
  readonly data: Uint8Array;
}

function rowsOf(name: string, count: number): Row[] {
  const workload = Object.values(WORKLOADS).find((one) => one.name === name)!;
  const lines = workload.generate({ seed: 42, lineCount: count }).toString('utf8').trimEnd().split('\n');
  let offset = 0;
  return lines.map((line) => {
    const data = Buffer.from(line);
    const key = `AbCdEfGhIjK:${offset}`;
    offset += data.length + 1;
    return { key, data };
  });
}

function aggregated(rows: readonly Row[]): Row[] {
  const made: Row[] = [];
  let open = new Aggregate();
  for (const { key, data } of rows) {
    if (open.tryAdd(Buffer.from(key), null, data, AGGREGATE_BYTES)) continue;
    made.push({ key: 'a', data: open.encode() });
    open = new Aggregate();
    open.tryAdd(Buffer.from(key), null, data, AGGREGATE_BYTES);
  }
  made.push({ key: 'a', data: open.encode() });
  return made;
}

async function put(client: KinesisClient, stream: string, rows: readonly Row[]): Promise<void> {
  const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor' });
  const perRequest = rows[0]!.data.length > 10_000 ? 100 : 500;
  for (let from = 0; from < rows.length; from += perRequest) {
    const Records = rows
      .slice(from, from + perRequest)
      .map(({ key, data }) => ({ PartitionKey: key, Data: data }));
    await caller.call('PutRecords', encodeCbor({ StreamName: stream, Records }));
  }
  caller.close();
}

type Contender = (client: KinesisClient, stream: string) => Promise<number>;

const reader = (client: KinesisClient, stream: string): StreamReader =>
  readStream({
    client,
    stream,
    untilMs: Date.now(),
    limits: { callsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY },
    checkHashRange: false,
  });

const contenders: Record<string, Contender> = {
  'stock SDK': async (client, stream) => {
    const start = { StreamName: stream, ShardId: SHARD, ShardIteratorType: 'TRIM_HORIZON' } as const;
    let { ShardIterator } = await client.send(new GetShardIteratorCommand(start));
    let bytes = 0;
    for (;;) {
      const answer = await client.send(new GetRecordsCommand({ ShardIterator }));
      for (const { Data } of answer.Records!) {
        const parts = deaggregate(Data!);
        if (parts) for (const part of parts) bytes += part.data.length;
        else bytes += Data!.length;
      }
      if (answer.MillisBehindLatest === 0) return bytes;
      ShardIterator = answer.NextShardIterator;
    }
  },
  'readStream, objects': async (client, stream) => {
    let bytes = 0;
    for await (const batch of reader(client, stream))
      for (const record of batch.records()) bytes += record.data.length;
    return bytes;
  },
  'readStream, frames': async (client, stream) => {
    let bytes = 0;
    for await (const batch of reader(client, stream))
      for (const frames of batch.frames()) bytes += frames.length;
    return bytes;
  },
  'readStream, digest': async (client, stream) => {
    const digester = createDigester(new Uint8Array(16), { bucketBits: 16 });
    for await (const batch of reader(client, stream))
      for (const frames of batch.frames()) digester.addFrames(frames);
    return digester.sums().count;
  },
};

const flags = ['--stream', 'plain684:1', '--stream', 'plain77:1', '--stream', 'packed77:1'];
const server = spawn(process.execPath, [
  new URL('../src/embedded/serve.ts', import.meta.url).pathname,
  ...flags,
]);
try {
  const endpoint = await new Promise<string>((resolve) => {
    server.stdout.once('data', (line: Buffer) => resolve(JSON.parse(line.toString()).kinesis));
  });
  const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint });
  const scale = smoke ? 0.005 : 1;
  /** Fills a stream. Only sums stay: half a million rows on the heap would be marked again and again while the clock runs. */
  const fill = async (stream: string, workload: string, count: number, pack: (rows: Row[]) => Row[]) => {
    const rows = rowsOf(workload, count);
    await put(client, stream, pack(rows));
    return { stream, records: rows.length, dataBytes: rows.reduce((sum, { data }) => sum + data.length, 0) };
  };
  const filled = [
    await fill('plain684', 'github-684', 100_000 * scale, (rows) => rows),
    await fill('plain77', 'clicks-77', 400_000 * scale, (rows) => rows),
    await fill('packed77', 'clicks-77', 400_000 * scale, aggregated),
  ];
  const figures: Figure[] = [];
  for (const { stream, records, dataBytes } of filled) {
    const counts = {
      'stock SDK': dataBytes,
      'readStream, objects': dataBytes,
      'readStream, digest': records,
    };
    let stockNs: number[] = [];
    for (const [name, read] of Object.entries(contenders)) {
      // Right, then fast; the first reading also warms up.
      const seen = await read(client, stream);
      if (name in counts)
        deepStrictEqual([stream, name, seen], [stream, name, counts[name as keyof typeof counts]]);
      const samples: number[] = [];
      for (let round = 0; round < (smoke ? 1 : 3); round++) {
        const before = process.cpuUsage();
        await read(client, stream);
        const { user, system } = process.cpuUsage(before);
        samples.push(((user + system) * 1000) / records);
      }
      if (name === 'stock SDK') stockNs = samples;
      const row = { case: stream, contender: name };
      figures.push(
        { ...row, metric: 'CPU ns a record', values: samples },
        {
          ...row,
          metric: 'MB per CPU-s',
          values: samples.map((cpuNs) => (dataBytes / records / cpuNs) * 1000),
        },
        {
          ...row,
          metric: 'x stock SDK, CPU',
          values: samples.map((cpuNs, round) => stockNs[round]! / cpuNs),
        },
      );
    }
  }
  client.destroy();
  report('what does it cost to read a stream back?', figures, { keep });
} finally {
  server.kill();
}
