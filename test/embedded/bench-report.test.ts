/** The text of a measurement: every figure is there, and each limit has its advice. */
import { describe, expect, it } from 'vitest';
import { type BenchReport, formatBench } from '../../src/embedded/bench-report.ts';
import type { RunLimit } from '../../src/observe/advice.ts';
import type { Stage } from '../../src/observe/limit.ts';

const MEANS: RunLimit['means'] = {
  parsersBusy: 0.91,
  parsersWaiting: 0.12,
  requestsOut: 0.23,
  publishersHeld: 0,
  shardsHeld: 0,
  rateHeld: 0,
  publishersBusy: 0.34,
  mainBusy: 0.45,
};
const limit = (stage: Stage | null, means: Partial<RunLimit['means']> = {}): RunLimit => ({
  stage,
  shares: { download: 0.1, scan: 0.2, publish: 0.3, stream: 0.4 },
  means: { ...MEANS, ...means },
  skew: null,
  helps: 'more patience.',
});
const REPORT: BenchReport = {
  status: 'measured',
  exitCode: 0,
  error: null,
  source: { isEmbedded: true, uris: ['s3://bench/'] },
  stream: { isEmbedded: true, name: 'bench', shards: 8, isProvisioned: false },
  isPartial: false,
  isDryRun: false,
  objects: 32,
  records: 748_536,
  bytes: 512e6,
  rejected: 0,
  durationMs: 4000,
  cpuMs: { user: 2500, system: 500 },
  mbPerSecond: 128,
  recordsPerSecond: 187_134,
  mbPerCpuSecond: 170.7,
  recordsPerCpuSecond: 249_512,
  rssPeakBytes: 500e6,
  requests: {
    get: 32,
    put: 1500,
    putRetried: 7,
    putFailed: 0,
    throttledRecords: 12,
    failedRecords: 0,
    strayRecords: 0,
    breakerOpened: 0,
    reshards: 0,
  },
  limit: limit('scan'),
  machine: { node: 'v24.0.0', cpu: 'some CPU', cores: 2, busyShare: 0.5, ownShare: 0.4 },
  scanner: 'native',
  wire: 'cbor',
};

it('says every figure', () => {
  const text = formatBench(REPORT);
  for (const part of [
    '512 MB, 748,536 records, 32 objects',
    '4.0 s: 128.0 MB/s, 187,134 records/s',
    '3.00 s (user 2.50, system 0.50): 170.7 MB and 249,512 records per CPU-second',
    '500 MB',
    '32 get, 1,500 put, 7 of them again, 12 records throttled',
    '2 x some CPU, Node v24.0.0; cores 50 % busy, 40 % with this process',
    '8 shards, without limits',
    'download 10 %, scan 20 %, publish 30 %, the stream 40 %',
    'parsers had work 91 %, waited before full lanes or the window 12 %, requests out 23 %',
  ])
    expect(text).toContain(part);
  expect(text).not.toMatch(/rejected|portable|undefined|NaN/);
});

describe('what helps', () => {
  it('is what the run says', () => {
    expect(formatBench(REPORT)).toContain('what helps     more patience.');
  });

  it('is no more cores where the stream holds the run, however busy they are', () => {
    const machine = { ...REPORT.machine, busyShare: 0.95 };
    const held = limit('stream', { publishersHeld: 0.9 });
    expect(formatBench({ ...REPORT, machine, limit: held })).not.toContain('All cores were busy');
  });

  it('names cores that are all busy, and who else uses them', () => {
    const machine = { ...REPORT.machine, busyShare: 0.95 };
    expect(formatBench({ ...REPORT, machine })).toContain('with the embedded servers, too');
    const own = {
      source: { isEmbedded: false, uris: ['s3://a/b', 's3://c/'] },
      stream: { isEmbedded: false, name: 'events', shards: null, isProvisioned: null },
    };
    const text = formatBench({ ...REPORT, ...own, machine });
    expect(text).toContain('All cores were busy: more threads need more cores');
    expect(text).toContain('s3://a/b s3://c/');
    expect(text).toContain('stream events');
  });
});

it.each<[string, Partial<BenchReport>, string]>([
  ['a run that was too short', { limit: limit(null) }, 'too short to tell'],
  ['a run that failed', { status: 'failed', error: 'why' }, 'Failed: why'],
  ['a run that was stopped', { status: 'interrupted', error: 'SIGINT' }, 'Interrupted: SIGINT'],
  ['time that was up', { isPartial: true }, '--timeout'],
  ['a dry run', { isDryRun: true }, 'nowhere (--dry-run)'],
  ['rejects', { rejected: 5 }, '5 lines'],
  ['the portable scanner', { scanner: 'portable' }, 'slower'],
])('tells of %s', (_name, change, says) => {
  expect(formatBench({ ...REPORT, ...change })).toContain(says);
});
