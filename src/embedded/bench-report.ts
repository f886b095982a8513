/**
 * Bench report: what a measurement found, as docs/CLI.md promises it to scripts, and as people read it.
 * Owns  the field names (a contract), and what may help against each limit.
 */
import { printable } from '../base/printable.ts';
import { formatBytes, formatCount, formatDuration } from '../base/quantity.ts';
import { type RunLimit, STAGE_NAMES } from '../observe/advice.ts';
import { STAGES } from '../observe/limit.ts';
import type { BackfillReport } from '../observe/report.ts';

/** What `millrace bench --json` prints. */
export interface BenchReport {
  readonly status: 'measured' | 'failed' | 'interrupted';
  /** As in docs/CLI.md; running out of the measurement's time is not a failure. */
  readonly exitCode: number;
  readonly error: string | null;
  readonly source: { readonly isEmbedded: boolean; readonly uris: readonly string[] };
  readonly stream: {
    readonly isEmbedded: boolean;
    readonly name: string;
    /** Of the embedded stream; null where the stream is the user's. */
    readonly shards: number | null;
    readonly isProvisioned: boolean | null;
  };
  /** Whether `--timeout` ended it before the source was exhausted. */
  readonly isPartial: boolean;
  readonly isDryRun: boolean;
  readonly objects: number;
  readonly records: number;
  /** Data and partition keys of these records. */
  readonly bytes: number;
  readonly rejected: number;
  readonly durationMs: number;
  readonly cpuMs: { readonly user: number; readonly system: number };
  readonly mbPerSecond: number;
  readonly recordsPerSecond: number;
  readonly mbPerCpuSecond: number;
  readonly recordsPerCpuSecond: number;
  readonly rssPeakBytes: number;
  readonly requests: BackfillReport['requests'];
  readonly limit: RunLimit;
  readonly machine: {
    readonly node: string;
    readonly cpu: string;
    readonly cores: number;
    /** Of all cores, meanwhile: by everybody, and by this process. */
    readonly busyShare: number;
    readonly ownShare: number;
  };
  readonly scanner: BackfillReport['scanner'];
  readonly wire: BackfillReport['wire'];
}

const ALL_CORES_BUSY = 0.9;

export function formatBench(report: BenchReport): string {
  const { cpuMs, requests, machine } = report;
  const seconds = (ms: number) => (ms / 1000).toFixed(2);
  const rows: [string, string][] = [
    [
      'from',
      report.source.isEmbedded ? 'an embedded S3, a process of its own' : report.source.uris.join(' '),
    ],
    ['to', report.isDryRun ? 'nowhere (--dry-run)' : describeStream(report.stream)],
    [
      'carried',
      `${formatBytes(report.bytes)}, ${formatCount(report.records)} records, ${formatCount(report.objects)} objects`,
    ],
    [
      'time',
      `${formatDuration(report.durationMs)}: ${report.mbPerSecond.toFixed(1)} MB/s, ${formatCount(report.recordsPerSecond)} records/s`,
    ],
    [
      'CPU',
      `${seconds(cpuMs.user + cpuMs.system)} s (user ${seconds(cpuMs.user)}, system ${seconds(cpuMs.system)}): ` +
        `${report.mbPerCpuSecond.toFixed(1)} MB and ${formatCount(report.recordsPerCpuSecond)} records per CPU-second`,
    ],
    ['peak memory', formatBytes(report.rssPeakBytes)],
    [
      'requests',
      `${formatCount(requests.get)} get, ${formatCount(requests.put)} put, ${formatCount(requests.putRetried)} of them again, ` +
        `${formatCount(requests.throttledRecords)} records throttled`,
    ],
    [
      'machine',
      `${machine.cores} x ${machine.cpu}, Node ${machine.node}; cores ${percent(machine.busyShare)} busy, ` +
        `${percent(machine.ownShare)} with this process`,
    ],
  ];
  if (report.rejected > 0) rows.push(['rejected', `${formatCount(report.rejected)} lines`]);
  if (report.scanner === 'portable') rows.push(['scanner', 'portable: slower than the native one']);
  return [headline(report), ...rows.map(row), ...limitLines(report)].join('\n');
}

function headline({ status, error, isPartial }: BenchReport): string {
  if (status === 'failed') return `Failed: ${error}`;
  if (status === 'interrupted') return `Interrupted: ${error}`;
  return isPartial ? 'Measured, until the time was up (--timeout)' : 'Measured';
}

function row([name, value]: readonly [string, string]): string {
  return `  ${name.padEnd(15)}${printable(value)}`;
}

function describeStream({ isEmbedded, name, shards, isProvisioned }: BenchReport['stream']): string {
  if (!isEmbedded) return `stream ${name}`;
  return `an embedded Kinesis, a process of its own: ${shards} ${shards === 1 ? 'shard' : 'shards'}, ${isProvisioned ? 'provisioned' : 'without limits'}`;
}

function limitLines(report: BenchReport): string[] {
  const { stage, shares, means } = report.limit;
  if (stage === null) return ['Held back by: the run was too short to tell. A larger --size says more.'];
  const measured =
    `parsers had work ${percent(means.parsersBusy)}, waited before full lanes or the window ${percent(means.parsersWaiting)}, ` +
    `requests out ${percent(means.requestsOut)}, publishers held by pace ${percent(means.publishersHeld)}, shards held ${percent(means.shardsHeld)}, ` +
    `publisher threads busy ${percent(means.publishersBusy)}, main thread busy ${percent(means.mainBusy)}`;
  return [
    `Held back by: ${STAGE_NAMES[stage]}`,
    row(['share of time', STAGES.map((name) => `${STAGE_NAMES[name]} ${percent(shares[name])}`).join(', ')]),
    row(['measured', measured]),
    row(['what helps', `${report.limit.helps}${coresOf(report)}`]),
  ];
}

/** More threads help a stage of this machine only where a core is free. */
function coresOf({ limit: { stage, means }, machine, source, stream }: BenchReport): string {
  const isHeld = stage === 'stream' && means.publishersHeld >= means.requestsOut;
  if (isHeld || machine.busyShare < ALL_CORES_BUSY) return '';
  const servers = source.isEmbedded || stream.isEmbedded ? ', with the embedded servers, too' : '';
  return ` All cores were busy${servers}: more threads need more cores.`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
