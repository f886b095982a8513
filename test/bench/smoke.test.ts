/** Every program of the bench suite, with --smoke: it must run to its end, and keep figures that are figures. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { page } from '../../bench/plots.ts';
import { programNames } from '../../bench/programs.ts';
import type { KeptProgram } from '../../bench/report.ts';
import { WORKLOADS } from '../../bench/workloads/workloads.ts';

const BENCH = join(import.meta.dirname, '..', '..', 'bench');
const folder = mkdtempSync(join(tmpdir(), 'millrace-smoke-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Expected {
  readonly cases: number;
  readonly contenders: readonly string[];
  /** A metric that may be zero. */
  readonly zero?: string;
}

/** What must have figures. A program that has no line here is run all the same. */
const EXPECTED: Readonly<Record<string, Expected>> = {
  scan: { cases: WORKLOADS.length, contenders: ['JSON.parse per line', 'portable'] },
  bytes: { cases: 3, contenders: ['copyBytes', 'node:crypto'] },
  codec: { cases: 2, contenders: ['drain to 16 shards', 'encode aggregated cbor, 10 MiB'] },
  digest: { cases: 6, contenders: ['portable'] },
  lanes: { cases: 2, contenders: ['lane, copied frames', 'port, transfer', 'port, clone'] },
  gunzip: { cases: 2, contenders: ['gzip, one call', 'zstd, one call'] },
  schema: { cases: 2, contenders: [] },
  listing: { cases: 2, contenders: ['16 requests at once'] },
  journal: {
    cases: 3,
    contenders: ['its journal, written again', '200 journaled'],
    zero: 'memory held at resume, MB',
  },
  'local-s3': { cases: 1, contenders: ['fast S3'] },
  'local-kinesis': { cases: 1, contenders: ['684 B, discard'] },
  'stream-reader': { cases: 3, contenders: ['stock SDK', 'readStream, digest'] },
  publish: {
    cases: 5,
    contenders: ['stock SDK', 'publisher, aggregated', 'pacing'],
    zero: '% of publisher CPU',
  },
  'verify-memory': { cases: 1, contenders: ['verify'] },
  'throttle-storm': { cases: 1, contenders: ['one publisher'], zero: 'records lost' },
  clustered: {
    cases: 1,
    contenders: ['sorted, 1 s of a shard each key'],
    zero: 'seconds of a shard that starved',
  },
  'end-to-end': { cases: 1, contenders: ['millrace --aggregate'] },
  'small-objects': { cases: 3, contenders: ['64 downloads'] },
  'giant-object': { cases: 1, contenders: ['1 plain object', '64 gzip objects'] },
  scaling: { cases: 2, contenders: ['64'] },
  memory: { cases: 1, contenders: ['0.002 GB'] },
};
const TIMEOUT_MS = 89_000;
/** Peers have a test of their own, peers.test.ts; instructions needs an emulator and is run by test/arm64/run.ts. */
const programs = programNames().filter((name) => name !== 'peers' && name !== 'instructions');

it('knows all programs by their first line', () => {
  expect(programNames()).toEqual(expect.arrayContaining(Object.keys(EXPECTED)));
});

describe('smoke', { concurrent: true }, () => {
  it.each(programs)('%s runs and gives figures', { timeout: TIMEOUT_MS }, async (name) => {
    const { cases, contenders, zero } = EXPECTED[name] ?? { cases: 1, contenders: [] };
    const script = join(BENCH, `${name}.ts`);
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--smoke', '--keep', folder]);
    const kept = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as KeptProgram;
    expect(stdout).toContain(kept.question);
    expect(new Set(kept.figures.map((figure) => figure.case)).size).toBeGreaterThanOrEqual(cases);
    const named = kept.figures.map(({ contender }) => contender);
    expect(named).toEqual(expect.arrayContaining([...contenders]));
    // A figure that is zero, infinite or missing was not measured.
    const unreal = kept.figures.filter(
      ({ metric, values }) =>
        values.length === 0 ||
        values.some((value) => !(Number.isFinite(value) && (value > 0 || metric === zero))),
    );
    expect(unreal).toEqual([]);
    const html = page('smoke', [kept], []);
    expect(html.match(/<svg/g)?.length).toBeGreaterThanOrEqual(cases);
    expect(html).not.toMatch(/NaN|undefined|src=|href="[^#]/);
  });
});
