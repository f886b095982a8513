/**
 * Question: do shards starve where the lines of a key lie together, as in a table that was exported sorted?
 * Workload: lines of 684 bytes, sorted by key, over provisioned shards of 1,000 records/s; every shard has as many records, and a key as
 * many as its shard takes in so many seconds. Against them the same lines in the order of chance. Objects are of 16 MiB.
 * The embedded Kinesis keeps the real limits and is asked each second what each shard has taken. A shard starves in a second in which it
 * takes less than half of its ceiling, and has records left in the source.
 * Run: `node bench/clustered.ts [--shards 4] [--seconds 60] [--key-seconds 1,8] [--flags=--segment-size=1MiB] [--keep FOLDER] [--smoke]`.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MIB } from '../src/base/limits.ts';
import { startFastS3 } from '../src/embedded/fast-s3.ts';
import { startLocalKinesis } from '../src/embedded/kinesis.ts';
import { NODE_FLAGS } from './node-flags.ts';
import { type Figure, report } from './report.ts';
import { Random } from './workloads/random.ts';

const { values: flags } = parseArgs({
  options: {
    shards: { type: 'string', default: '4' },
    seconds: { type: 'string', default: '60' },
    'key-seconds': { type: 'string', default: '1,8' },
    flags: { type: 'string', default: '' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
/** A part of 256: shards are told by the first byte of a hash. */
const SHARDS = Number(flags.shards);
const SHARD_RECORDS_PER_SECOND = 1_000;
const LINE_BYTES = 684;
const OBJECT_BYTES = 16 * MIB;
const SAMPLE_MS = 1_000;
const BIN = fileURLToPath(new URL('../src/bin.mjs', import.meta.url));
const seconds = flags.smoke ? 2 : Number(flags.seconds);

interface Source {
  readonly name: string;
  readonly lines: readonly string[];
}

/** The shard of a key, where the hash keys are cut into equal parts. */
function shardOf(key: string): number {
  const first = createHash('md5').update(key).digest()[0]!;
  return Math.floor((first * SHARDS) / 256);
}

/** Lines sorted by key; keys follow each other in an order that has nothing to do with their shards. */
function sorted(keySeconds: number): Source {
  const random = new Random(42);
  const keyRecords = Math.round(keySeconds * SHARD_RECORDS_PER_SECOND);
  const keysPerShard = Math.max(1, Math.round(seconds / keySeconds));
  const shards = Array.from({ length: keysPerShard * SHARDS }, (_, i) => i % SHARDS);
  const order = shuffled(shards, random);
  const lines = order.flatMap((shard, place) => {
    let key = '';
    for (let i = 0; key === '' || shardOf(key) !== shard; i++)
      key = `user-${String(place).padStart(6, '0')}-${i}`;
    return Array.from({ length: keyRecords }, (_, i) => {
      const start = `{"user":"${key}","n":${i},"text":"`;
      return `${start}${'x'.repeat(LINE_BYTES - start.length - 3)}"}\n`;
    });
  });
  return { name: `sorted, ${keySeconds} s of a shard each key`, lines };
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const all = [...values];
  for (let i = all.length - 1; i > 0; i--) {
    const other = random.integer(0, i);
    [all[i], all[other]] = [all[other]!, all[i]!];
  }
  return all;
}

/** What each shard has taken in each second of a run. */
interface Course {
  readonly perSecond: readonly (readonly number[])[];
  readonly activeMs: number;
}

async function carry({ lines }: Source): Promise<Course> {
  const kinesis = await startLocalKinesis({ streams: { s: SHARDS }, limits: 'real', discard: true });
  const linesPerObject = Math.max(1, Math.floor(OBJECT_BYTES / LINE_BYTES));
  const s3 = await startFastS3({ buckets: { bucket: [] } });
  for (let at = 0, i = 0; at < lines.length; at += linesPerObject, i++) {
    const body = Buffer.from(lines.slice(at, at + linesPerObject).join(''));
    s3.put('bucket', { key: `sorted/${String(i).padStart(5, '0')}.jsonl`, body });
  }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-clustered-'));
  try {
    const taken = () => Object.values(kinesis.stats().streams.s!.shards).map(({ records }) => records);
    const samples = [taken()];
    const clock: number[] = [];
    const sampler = setInterval(() => samples.push(taken()), SAMPLE_MS);
    const watch = setInterval(() => {
      if (taken().some((records) => records > 0)) clock.push(performance.now());
    }, 20);
    await backfill(folder, s3.endpoint, kinesis.endpoint).finally(() => {
      clearInterval(sampler);
      clearInterval(watch);
    });
    samples.push(taken());
    const stored = taken().reduce((sum, records) => sum + records, 0);
    if (stored !== lines.length) throw new Error(`Stored ${stored} of ${lines.length} records`);
    const perSecond = samples.slice(1).map((now, i) => now.map((records, k) => records - samples[i]![k]!));
    return { perSecond, activeMs: clock.at(-1)! - clock[0]! };
  } finally {
    await Promise.all([kinesis.close(), s3.close()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function backfill(cwd: string, s3: string, kinesis: string): Promise<void> {
  const command = [...NODE_FLAGS, BIN, 'backfill', 's3://bucket/sorted/', '--stream', 's'];
  const more = ['--partition-key', '/user', '--quiet', ...flags.flags.split(' ').filter(Boolean)];
  const child = spawn(process.execPath, [...command, ...more], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: s3,
      AWS_ENDPOINT_URL_KINESIS: kinesis,
    },
  });
  const [said, [exitCode]] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
  if (exitCode !== 0) throw new Error(`backfill ended with ${exitCode}: ${said}`);
}

/** Seconds of shards that starved: less than half of the ceiling, with records left. The first and the last second are no whole ones. */
function starved({ perSecond }: Course): number {
  const whole = perSecond.slice(1, -1);
  const begin = perSecond.findIndex((taken) => taken.some((records) => records > 0));
  let count = 0;
  for (let shard = 0; shard < SHARDS; shard++) {
    let left = perSecond.reduce((sum, taken) => sum + taken[shard]!, 0);
    for (const [second, taken] of perSecond.entries()) {
      const isWhole = second > begin && second <= whole.length;
      if (isWhole && taken[shard]! < SHARD_RECORDS_PER_SECOND / 2 && left > SHARD_RECORDS_PER_SECOND) count++;
      left -= taken[shard]!;
    }
  }
  return count;
}

const keySeconds = flags.smoke ? [1] : flags['key-seconds'].split(',').map(Number);
const sources = keySeconds.map(sorted);
sources.unshift({ name: 'in the order of chance', lines: shuffled(sources[0]!.lines, new Random(7)) });
const figures: Figure[] = [];
const notes: string[] = [];
for (const source of flags.smoke ? sources.slice(1) : sources) {
  const course = await carry(source);
  const title = {
    case: `${SHARDS} provisioned shards, ${source.lines.length} records`,
    contender: source.name,
  };
  const values = (metric: string, ...all: number[]) => ({ ...title, metric, values: all });
  const ceiling = (course.activeMs / 1000) * SHARDS * SHARD_RECORDS_PER_SECOND;
  figures.push(
    values('seconds', course.activeMs / 1000),
    values('% of the ceiling', (100 * source.lines.length) / ceiling),
    values('seconds of a shard that starved', starved(course)),
  );
  notes.push(`${source.name}, % of each shard's ceiling, second by second:`);
  for (let shard = 0; shard < SHARDS; shard++) {
    const shares = course.perSecond.map((taken) =>
      Math.round((100 * taken[shard]!) / SHARD_RECORDS_PER_SECOND),
    );
    notes.push(`  shard ${shard}: ${shares.join(' ')}`);
  }
}
report('do shards starve where the lines of a key lie together?', figures, { keep: flags.keep, notes });
