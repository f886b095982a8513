/**
 * Soak: one run whose stream is the limit, for as long as one likes, `npm run soak` or `npm run soak -- --minutes 10`.
 * Takes  --minutes N (30), --shards N (4, of 1,000 records or 1 MiB a second each, with real throttles), --compact-bytes N (131072, so that
 *        a run of minutes compacts its journal as often as one of days), --line-bytes N (684), --object-bytes N (32MiB).
 * Gives  one JSON line a minute, and one for the whole on stdout: how memory, journal and descriptors rise in an hour (least squares over
 *        the samples after the first fifth), and their highest. Exit 1 if a promise is broken.
 * Owns   its servers (a process of their own, on loopback), the endpoint that gives credentials for six minutes at a time, and the run.
 *        A request in a thousand is stored and its connection broken.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from '../../bench/node-flags.ts';
import { type RunStatus, readStatus } from '../../src/observe/status.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    shards: { type: 'string', default: '4' },
    'compact-bytes': { type: 'string', default: String(128 << 10) },
    'line-bytes': { type: 'string', default: '684' },
    'object-bytes': { type: 'string', default: '32MiB' },
  },
});
const ROOT = join(import.meta.dirname, '..', '..');
const SAMPLE_MS = 5_000;
const RECORDS_PER_SECOND = 1_000 * Number(values.shards);
const minutes = Number(values.minutes);
const compactBytes = Number(values['compact-bytes']);
/** The SDK asks again five minutes before credentials expire. */
const CREDENTIALS_MS = 6 * 60_000;
/** A run may pause for a sample, but what it holds may not grow; an hour's worth of noise is more than this. */
const DESCRIPTORS_PER_HOUR_MAX = 60;

interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
  readonly descriptors: number;
  readonly journalBytes: number;
  readonly draftBytes: number;
}

async function startServers(objects: number): Promise<{ child: ChildProcess; kinesis: string; s3: string }> {
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'src', 'embedded', 'serve.ts'),
      ...['--stream', `soak:${values.shards}`, '--limits', 'real', '--discard'],
      ...['--faults', JSON.stringify([{ kind: 'reset', name: 'reset', probability: 0.001, when: 'after' }])],
      ...['--s3', 'soak', '--s3-generate'],
      `events:${objects}:${values['object-bytes']}:${values['line-bytes']}`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return { child, ...JSON.parse(line) };
}

/** What a container's agent answers. */
async function startCredentials(): Promise<{ server: Server; url: string; asked: () => number }> {
  let asked = 0;
  const server = createServer((_, response) => {
    asked += 1;
    const Expiration = new Date(Date.now() + CREDENTIALS_MS).toISOString();
    response.end(
      JSON.stringify({ AccessKeyId: `AKID${asked}`, SecretAccessKey: 's', Token: `t${asked}`, Expiration }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/credentials`, asked: () => asked };
}

function startRun(
  servers: { kinesis: string; s3: string },
  credentials: string,
  journal: string,
  folder: string,
) {
  return spawn(
    process.execPath,
    [
      ...[...NODE_FLAGS, join(ROOT, 'src', 'bin.mjs'), 'backfill', 's3://soak/events/'],
      ...['--stream', 'soak', '--journal', journal, '--json', '--quiet', '--timeout', `${minutes * 60}s`],
      ...['--s3-endpoint-url', servers.s3, '--kinesis-endpoint-url', servers.kinesis],
    ],
    {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        HOME: folder,
        AWS_REGION: 'us-east-1',
        AWS_CONTAINER_CREDENTIALS_FULL_URI: credentials,
        MILLRACE_COMPACT_BYTES: String(compactBytes),
      },
    },
  );
}

function take(pid: number, journal: string): Sample | null {
  try {
    const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    if (rss === null) return null;
    return {
      atMs: performance.now(),
      rssBytes: Number(rss[1]) * 1024,
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      journalBytes: statSync(journal).size,
      draftBytes: statSync(`${journal}.new`, { throwIfNoEntry: false })?.size ?? 0,
    };
  } catch {
    return null; // not begun yet, or just ended
  }
}

/** By how much it rises in an hour. */
function slopePerHour(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const meanMs = mean(({ atMs }) => atMs);
  const meanValue = mean(value);
  const both = mean((one) => (one.atMs - meanMs) * (value(one) - meanValue));
  const spread = mean(({ atMs }) => (atMs - meanMs) ** 2);
  return (both / spread) * 3_600_000;
}

function describe(samples: readonly Sample[], value: (sample: Sample) => number) {
  const late = samples.slice(Math.floor(samples.length / 5));
  const all = late.map(value);
  const round = (number: number) => Math.round(number * 10) / 10;
  return {
    perHour: round(slopePerHour(late, value)),
    lowest: round(Math.min(...all)),
    highest: round(Math.max(...all)),
  };
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'));
const journal = join(folder, 'run.journal');
const objectBytes = Number.parseInt(values['object-bytes'], 10) * (1 << 20);
const objects = Math.ceil(
  (minutes * 60 * RECORDS_PER_SECOND * Number(values['line-bytes']) * 1.5) / objectBytes,
);
const servers = await startServers(objects);
const credentials = await startCredentials();
const problems: string[] = [];
const samples: Sample[] = [];
/** Each time the journal was shorter than before. */
let compactions = 0;
let statusReads = 0;
try {
  const startMs = performance.now();
  const run = startRun(servers, credentials.url, journal, folder);
  const output = text(run.stdout);
  const timer = setInterval(() => {
    const sample = take(run.pid!, journal);
    // What ends has given things back already: that is no slope.
    if (sample === null || sample.atMs - startMs > minutes * 60_000) return;
    if (sample.journalBytes < (samples.at(-1)?.journalBytes ?? 0)) compactions += 1;
    samples.push(sample);
    const look = (status: RunStatus) => {
      statusReads += 1;
      if (samples.length % 12 === 0)
        console.log(
          JSON.stringify({
            ...sample,
            atMs: Math.round(sample.atMs - startMs),
            delivered: status.records.delivered,
          }),
        );
    };
    readStatus(journal).then(look, (error: unknown) => problems.push(`status failed: ${error}`));
  }, SAMPLE_MS);
  const [exitCode] = (await once(run, 'exit')) as [number | null];
  clearInterval(timer);
  const report = JSON.parse(await output);
  const stats = (await (await fetch(`${servers.kinesis}/_millrace/stats`)).json()) as {
    recordsStored: number;
  };
  const { delivered, ambiguous, repeatable } = report.records;
  if (exitCode !== 3) problems.push(`the run ended with ${exitCode}, not with 3 as at a timeout`);
  if (repeatable !== 0) problems.push(`${repeatable} records are repeated`);
  if (stats.recordsStored < delivered || stats.recordsStored > delivered + ambiguous)
    problems.push(
      `${stats.recordsStored} records are on the stream, ${delivered} delivered and ${ambiguous} sent again`,
    );
  const rss = describe(samples, ({ rssBytes }) => rssBytes / 1e6);
  const journalKb = describe(samples, ({ journalBytes }) => journalBytes / 1e3);
  const descriptors = describe(samples, (sample) => sample.descriptors);
  // The last minute of a journal is never taken out.
  if (minutes >= 2 && compactions === 0) problems.push('the journal was never compacted');
  if (minutes >= 10 && descriptors.perHour > DESCRIPTORS_PER_HOUR_MAX) problems.push('descriptors rise');
  console.log(
    JSON.stringify({
      minutes: Math.round(((performance.now() - startMs) / 60_000) * 10) / 10,
      shards: Number(values.shards),
      delivered,
      recordsPerSecond: Math.round(delivered / ((performance.now() - startMs) / 1000)),
      objectsDone: report.objects.done,
      ambiguous,
      ...{ samples: samples.length, statusReads, compactBytes, compactions },
      draftKbMax: Math.max(...samples.map(({ draftBytes }) => draftBytes)) / 1e3,
      credentialsAsked: credentials.asked(),
      rssMb: rss,
      journalKb,
      descriptors,
      problems,
      node: process.version,
    }),
  );
  process.exitCode = problems.length > 0 ? 1 : 0;
} finally {
  servers.child.kill('SIGTERM');
  credentials.server.close();
  rmSync(folder, { recursive: true, force: true });
}
