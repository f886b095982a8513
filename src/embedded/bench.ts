/**
 * Bench: what a backfill costs on this machine, and which stage holds it back.
 * Takes  checked options: sources and stream of the user, or embedded ones in processes of their own.
 * Gives  a plain object with time, CPU time, memory and the judgement. The backfill is the one that users run.
 * Owns   the embedded servers, and the folder of the journal, which ends with the measurement.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { KinesisControl } from '../aws/kinesis-control.ts';
import { openKinesisWay } from '../aws/kinesis-way.ts';
import { exempt } from '../aws/proxy.ts';
import { EXIT, exitCodeOf } from '../base/exit-code.ts';
import { MIB } from '../base/limits.ts';
import { peakMemoryBytes } from '../base/peak-memory.ts';
import type { BackfillReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { BENCH_BUCKET, BENCH_STREAM, type BenchOptions } from '../options/bench.ts';
import { backfill } from '../run/engine.ts';
import type { BackfillHooks } from '../run/hooks.ts';
import type { BenchReport } from './bench-report.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

/** The embedded source has this many objects, or fewer when they would be smaller than OBJECT_BYTES_MIN. */
const OBJECTS_MAX = 32;
const OBJECT_BYTES_MIN = MIB;
/** Objects repeat a block of this size: 16 GB need not fit into memory. */
const BLOCK_BYTES = 2 * MIB;

/** Measures one backfill. @throws {MillraceError} When it cannot begin. */
export async function runBench(options: BenchOptions, hooks: BackfillHooks = {}): Promise<BenchReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const servers: ServerProcess[] = [];
  try {
    const aws = await embed(options, servers);
    const files = { journal: join(folder, 'bench.journal'), deadLetter: join(folder, 'bench.dead.jsonl') };
    return await measure(options, { ...options.backfill, ...files, aws }, hooks);
  } finally {
    await Promise.all(servers.map((server) => server.close()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Starts what is embedded. @returns How to reach source and stream. */
async function embed(options: BenchOptions, servers: ServerProcess[]): Promise<BackfillOptions['aws']> {
  const { embeddedSource, embeddedStream } = options;
  let { aws } = options.backfill;
  if (embeddedSource !== null && embeddedStream !== null) {
    // The embedded servers accept any credentials; real ones are neither needed nor used.
    process.env.AWS_ACCESS_KEY_ID = 'bench';
    process.env.AWS_SECRET_ACCESS_KEY = 'bench';
    delete process.env.AWS_SESSION_TOKEN;
    delete process.env.AWS_PROFILE;
    aws = { ...aws, region: 'us-east-1', profile: null, s3Profile: null, kinesisProfile: null };
  }
  if (embeddedSource !== null) {
    const s3 = await startServerProcess('s3', [
      '--s3',
      BENCH_BUCKET,
      '--s3-generate',
      objectsOf(embeddedSource),
    ]);
    servers.push(s3);
    exempt(s3.endpoint);
    aws = { ...aws, s3Endpoint: s3.endpoint };
  }
  if (embeddedStream !== null) {
    const { shards, isProvisioned } = embeddedStream;
    const limits = isProvisioned ? 'real' : 'off';
    const flags = ['--stream', `${BENCH_STREAM}:${shards}`, '--limits', limits, '--discard'];
    const kinesis = await startServerProcess('kinesis', flags);
    servers.push(kinesis);
    exempt(kinesis.endpoint);
    aws = { ...aws, kinesisEndpoint: kinesis.endpoint };
    if (!isProvisioned) await setOnDemand(aws);
  }
  return aws;
}

/** The flag of serve.ts for objects of about `sizeBytes` together. */
function objectsOf({ sizeBytes, lineBytes }: NonNullable<BenchOptions['embeddedSource']>): string {
  const count = Math.max(1, Math.min(OBJECTS_MAX, Math.floor(sizeBytes / OBJECT_BYTES_MIN)));
  const objectBytes = sizeBytes / count;
  const repeat = Math.max(1, Math.round(objectBytes / BLOCK_BYTES));
  return `events:${count}:${Math.round(objectBytes / repeat)}:${lineBytes}*${repeat}`;
}

/** The engine paces a provisioned stream by its limits; this one should take whatever comes. */
async function setOnDemand(aws: BackfillOptions['aws']): Promise<void> {
  const { region, profile, kinesisEndpoint } = aws;
  const control = new KinesisControl(openKinesisWay({ region, profile, endpoint: kinesisEndpoint }));
  const arn = `arn:aws:kinesis:${region ?? 'us-east-1'}:000000000000:stream/${BENCH_STREAM}`;
  const input = { StreamARN: arn, StreamModeDetails: { StreamMode: 'ON_DEMAND' } };
  try {
    await control.call('UpdateStreamMode', arn, input);
  } finally {
    control.close();
  }
}

async function measure(
  options: BenchOptions,
  backfillOptions: BackfillOptions,
  hooks: BackfillHooks,
): Promise<BenchReport> {
  const machineBefore = machineTimes();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const report = await backfill(backfillOptions, hooks);
  const durationMs = Math.max(1, performance.now() - startMs);
  const cpu = process.cpuUsage(cpuBefore);
  const machine = machineTimes();
  const totalMs = Math.max(1, machine.totalMs - machineBefore.totalMs);
  const cpuMs = { user: cpu.user / 1000, system: cpu.system / 1000 };
  const cpuSeconds = Math.max(1, cpuMs.user + cpuMs.system) / 1000;
  const { dryRun } = backfillOptions;
  const records = dryRun
    ? report.lines.read - report.lines.blank - report.lines.filtered - report.lines.rejected
    : report.records.delivered;
  const bytes = dryRun ? report.bytes.scanned : report.bytes.published;
  const { embeddedSource, embeddedStream } = options;
  return {
    ...verdict(report),
    source: { isEmbedded: embeddedSource !== null, uris: backfillOptions.sources },
    stream: {
      isEmbedded: embeddedStream !== null,
      name: report.stream,
      shards: embeddedStream?.shards ?? null,
      isProvisioned: embeddedStream?.isProvisioned ?? null,
    },
    isDryRun: dryRun,
    objects: report.objects.done,
    records,
    bytes,
    rejected: report.lines.rejected,
    durationMs,
    cpuMs,
    mbPerSecond: bytes / 1e3 / durationMs,
    recordsPerSecond: (records * 1000) / durationMs,
    mbPerCpuSecond: bytes / 1e6 / cpuSeconds,
    recordsPerCpuSecond: records / cpuSeconds,
    rssPeakBytes: Math.max(report.rssMaxBytes, peakMemoryBytes()),
    requests: report.requests,
    limit: report.limit,
    machine: {
      node: process.version,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      busyShare: (machine.busyMs - machineBefore.busyMs) / totalMs,
      ownShare: (cpuSeconds * 1000) / totalMs,
    },
    scanner: report.scanner,
    wire: report.wire,
  };
}

/** The end of the measurement's time is an end like any other. */
function verdict(report: BackfillReport): Pick<BenchReport, 'status' | 'exitCode' | 'error' | 'isPartial'> {
  const isTimeUp = report.status === 'interrupted' && report.exitCode === EXIT.resumable;
  if (isTimeUp)
    return {
      ...{ status: 'measured', error: null, isPartial: true },
      exitCode: exitCodeOf('measured', report.lines.rejected, null),
    };
  const { error, exitCode } = report;
  if (report.status === 'interrupted' || report.status === 'failed')
    return { status: report.status, exitCode, error, isPartial: true };
  return { status: 'measured', exitCode, error, isPartial: false };
}

/** What all cores of the machine have done since its start. */
function machineTimes(): { totalMs: number; busyMs: number } {
  let totalMs = 0;
  let idleMs = 0;
  for (const { times } of cpus()) {
    totalMs += times.user + times.nice + times.sys + times.idle + times.irq;
    idleMs += times.idle;
  }
  return { totalMs, busyMs: totalMs - idleMs };
}
