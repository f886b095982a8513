/**
 * Question: how many MB/s of PutRecords does the embedded Kinesis take, and can it be the bottleneck of other benches?
 * Workload: records-684 (500 a request, 342 kB) and records-77, pre-encoded CBOR bodies sent over keep-alive connections, seed 42.
 * Topology: [this process: N connections, no encoding, no signing] --loopback--> [node src/embedded/serve.ts, one process, one thread]
 * Run: `node bench/local-kinesis.ts [--seconds 3] [--shards 8] [--connections 4] [--keep FOLDER] [--smoke]`.
 * --smoke: 20 requests each.
 */
import { strictEqual } from 'node:assert';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { decodeCbor, encodeCbor } from '../src/aws/cbor.ts';
import { generateLines } from '../src/embedded/s3/lines.ts';
import { type Figure, report } from './report.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    shards: { type: 'string', default: '8' },
    connections: { type: 'string', default: '4' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const RECORDS = 500;
const SMOKE_REQUESTS = 20;
/** Linux counts process times in hundredths of a second. */
const TICKS_PER_SECOND = 100;

interface Case {
  readonly name: string;
  readonly recordBytes: number;
  readonly wire: 'cbor' | 'json';
  readonly flags: readonly string[];
}

const cases: readonly Case[] = [
  { name: '684 B, discard', recordBytes: 684, wire: 'cbor', flags: ['--discard'] },
  { name: '684 B, retain 256 MiB', recordBytes: 684, wire: 'cbor', flags: ['--retain-bytes', '256MiB'] },
  { name: '77 B, retain 256 MiB', recordBytes: 77, wire: 'cbor', flags: ['--retain-bytes', '256MiB'] },
  {
    name: '684 B as JSON, retain 256 MiB',
    recordBytes: 684,
    wire: 'json',
    flags: ['--retain-bytes', '256MiB'],
  },
];

function bodyOf({ recordBytes, wire }: Case): Buffer {
  const lines = generateLines({
    seed: 42,
    sizeBytes: RECORDS * Math.max(64, recordBytes),
    lineBytes: recordBytes,
  });
  const records = Array.from({ length: RECORDS }, (_, i) => ({
    Data: lines.subarray(i * recordBytes, (i + 1) * recordBytes),
    PartitionKey: `bench-${String(i * 7919).padStart(10, '0')}`,
  }));
  if (wire === 'cbor') return encodeCbor({ Records: records, StreamName: 'bench' });
  const asText = records.map((record) => ({ ...record, Data: record.Data.toString('base64') }));
  return Buffer.from(JSON.stringify({ Records: asText, StreamName: 'bench' }));
}

async function start(flags: readonly string[]): Promise<{ server: ChildProcess; endpoint: URL }> {
  const script = new URL('../src/embedded/serve.ts', import.meta.url).pathname;
  const server = spawn(process.execPath, [script, '--stream', `bench:${values.shards}`, ...flags], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: server.stdout! }), 'line');
  return { server, endpoint: new URL(JSON.parse(line).kinesis) };
}

function cpuSeconds(pid: number): { user: number; system: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return { user: Number(fields[11]) / TICKS_PER_SECOND, system: Number(fields[12]) / TICKS_PER_SECOND };
}

function send(agent: Agent, endpoint: URL, path: string, body: Buffer, wire: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: endpoint.hostname,
        port: endpoint.port,
        path,
        method: path === '/' ? 'POST' : 'GET',
        headers: {
          'content-type': `application/x-amz-${wire}-1.1`,
          'x-amz-target': 'Kinesis_20131202.PutRecords',
          'content-length': body.length,
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => resolve(Buffer.concat(chunks)));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function run(subject: Case): Promise<Figure[]> {
  const { server, endpoint } = await start(subject.flags);
  const agent = new Agent({ keepAlive: true, maxSockets: Number(values.connections) });
  const body = bodyOf(subject);
  // Right, then fast: the first answer is read in full.
  const first = await send(agent, endpoint, '/', body, subject.wire);
  const answer = (subject.wire === 'cbor' ? decodeCbor(first) : JSON.parse(first.toString())) as {
    FailedRecordCount: number;
    Records: unknown[];
  };
  strictEqual(answer.FailedRecordCount, 0);
  strictEqual(answer.Records.length, RECORDS);
  const before = cpuSeconds(server.pid!);
  const ownBefore = process.cpuUsage();
  const startedAt = performance.now();
  let requests = 0;
  const isOver = () =>
    values.smoke ? requests >= SMOKE_REQUESTS : performance.now() - startedAt > Number(values.seconds) * 1000;
  const connection = async () => {
    while (!isOver()) {
      requests++;
      await send(agent, endpoint, '/', body, subject.wire);
    }
  };
  await Promise.all(Array.from({ length: Number(values.connections) }, connection));
  const wallSeconds = (performance.now() - startedAt) / 1000;
  const after = cpuSeconds(server.pid!);
  const own = process.cpuUsage(ownBefore);
  const stats = JSON.parse(
    (await send(agent, endpoint, '/_millrace/stats', Buffer.alloc(0), 'json')).toString(),
  );
  strictEqual(stats.recordsStored, (requests + 1) * RECORDS);
  const payloadMb = (requests * RECORDS * subject.recordBytes) / 1e6;
  // A short run may end within one hundredth of a second.
  const cpu = Math.max(after.user - before.user + after.system - before.system, 1 / TICKS_PER_SECOND);
  agent.destroy();
  server.kill('SIGTERM');
  await once(server, 'exit');
  const row = {
    case: `requests of ${RECORDS}, ${values.shards} shards, ${values.connections} connections`,
    contender: subject.name,
  };
  return [
    { ...row, metric: 'MB/s', values: [payloadMb / wallSeconds] },
    { ...row, metric: 'records/s', values: [(requests * RECORDS) / wallSeconds] },
    { ...row, metric: 'server CPU s', values: [cpu] },
    { ...row, metric: 'MB per CPU-s of the server', values: [payloadMb / cpu] },
    { ...row, metric: 'client CPU s', values: [(own.user + own.system) / 1e6] },
  ];
}

const figures: Figure[] = [];
for (const subject of cases) figures.push(...(await run(subject)));
report('how fast is the Kinesis that other benches write to?', figures, { keep: values.keep });
