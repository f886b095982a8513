/**
 * Question: is one giant object slower than the same bytes in 64 objects, and what does decompression cost?
 * Workload: github-684, seed 42; 1 GB plain as 1 and as 64 objects, and as 64 objects stored as gzip and as zstd.
 * Topology: world.ts; all worlds stand side by side and take turns, so that ratios are taken within a round. Aims: the giant object runs
 * within 10 % of the 64; gzip reaches 85 % of the platform's own gunzip in one call and the scan (yardstick, measured in this process in
 * the same round). For that the engine runs with one parser and --dry-run; what a run without objects costs is taken off. CPU time
 * counts: the engine decompresses beside the thread that scans, so that wall time would flatter it.
 * Run: `node bench/giant-object.ts [--megabytes 1000] [--runs 4] [--keep FOLDER] [--smoke]`.
 */
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { openScanner } from '../src/scan/open.ts';
import { type Figure, median, report } from './report.ts';
import { oneLane, rulesFor, scanAll } from './scanning.ts';
import type { OriginSpec } from './server.ts';
import { github } from './workloads/github.ts';
import { type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '4' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const totalBytes = flags.smoke ? 4e6 : Number(flags.megabytes) * 1e6;
const roundCount = flags.smoke ? 1 : Number(flags.runs);
const KEY = '/actor/login';
const YARDSTICK_MS = 2000;
const AIM = { giant: 0.9, gzip: 0.85 };

interface Contender {
  readonly name: string;
  readonly objectCount: number;
  readonly compression: OriginSpec['compression'];
}
/** Smoke takes one plain and one compressed case. */
const contenders: readonly Contender[] = [
  { name: '1 plain object', objectCount: 1, compression: 'none' },
  { name: '64 plain objects', objectCount: 64, compression: 'none' },
  { name: '64 gzip objects', objectCount: 64, compression: 'gzip' },
  { name: '64 zstd objects', objectCount: 64, compression: 'zstd' },
].filter((_, i) => !flags.smoke || i === 0 || i === 2) as Contender[];

/** MB per CPU-second of the platform's decompression in one call, and of the scan of what came out. */
function yardstick(compression: 'gzip' | 'zstd'): () => number {
  const bytes = github({ seed: 42, lineCount: flags.smoke ? 100 : 24_000 });
  const stored = compression === 'gzip' ? gzipSync(bytes) : zstdCompressSync(bytes);
  const unpack = compression === 'gzip' ? gunzipSync : zstdDecompressSync;
  const lanes = oneLane();
  const scanner = openScanner(rulesFor(KEY), lanes);
  return () => {
    const before = process.cpuUsage();
    const startMs = performance.now();
    let megabytes = 0;
    do {
      scanAll(scanner, lanes, unpack(stored, { maxOutputLength: bytes.length }));
      megabytes += bytes.length / 1e6;
    } while (!flags.smoke && performance.now() - startMs < YARDSTICK_MS);
    const { user, system } = process.cpuUsage(before);
    return (megabytes * 1e6) / (user + system);
  };
}

const worlds = await Promise.all(
  contenders.map(({ objectCount, compression }) =>
    World.start(
      { workload: 'github-684', objectCount, objectBytes: totalBytes / objectCount, compression },
      { shards: 8, discard: true },
    ),
  ),
);
const yardsticks = { gzip: yardstick('gzip'), zstd: yardstick('zstd') };
const costs = new Map<string, Cost[]>(contenders.map(({ name }) => [name, []]));
/** MB per CPU-second of the engine and of the yardstick, one number a round. */
const unpacking = { gzip: { engine: [], platform: [] }, zstd: { engine: [], platform: [] } } as Record<
  'gzip' | 'zstd',
  { engine: number[]; platform: number[] }
>;
try {
  for (let round = 0; round < roundCount; round++) {
    // Back and forth, so that none has a place of its own in the rounds.
    const order = [...contenders.entries()];
    for (const [i, { name, compression }] of round % 2 === 0 ? order : order.reverse()) {
      const world = worlds[i]!;
      costs.get(name)!.push(await world.backfill(['--partition-key', KEY]));
      if (compression === 'none') continue;
      const before = yardsticks[compression]();
      const dryRun = ['--partition-key', KEY, '--dry-run', '--parsers', '1'];
      const all = await world.backfill(dryRun);
      const none = await world.backfill([...dryRun, '--exclude', '**', '--allow-empty']);
      // Of a smoke run noise may leave nothing.
      const cpuSeconds = Math.max(all.cpuSeconds - none.cpuSeconds, 0.001);
      unpacking[compression].engine.push(world.bytes / 1e6 / cpuSeconds);
      unpacking[compression].platform.push((before + yardsticks[compression]()) / 2);
    }
  }
} finally {
  await Promise.all(worlds.map((world) => world.close()));
}

const figures: Figure[] = [];
for (const [i, { name }] of contenders.entries()) {
  const row = { case: `${totalBytes / 1e6} MB of lines`, contender: name };
  const megabytes = worlds[i]!.bytes / 1e6;
  const own = costs.get(name)!;
  figures.push(
    { ...row, metric: 'MB/s', values: own.map(({ wallSeconds }) => megabytes / wallSeconds) },
    { ...row, metric: 'MB per CPU-s', values: own.map(({ cpuSeconds }) => megabytes / cpuSeconds) },
    { ...row, metric: 'peak RSS MB', values: own.map(({ rssPeakBytes }) => rssPeakBytes / 1e6) },
  );
}
for (const [compression, { engine, platform }] of Object.entries(unpacking)) {
  if (engine.length === 0) continue;
  const row = { case: `${compression}: one parser, --dry-run`, metric: 'MB per CPU-s' };
  figures.push(
    { ...row, contender: 'engine', values: engine },
    { ...row, contender: 'one call and the scan', values: platform },
  );
}

const notes: string[] = [];
const aim = (what: string, shares: readonly number[], least: number) => {
  const share = median(shares);
  notes.push(
    `${what}: ${(100 * share).toFixed(0)} %, aim ${100 * least} %: ${share >= least ? '' : 'NOT '}reached`,
  );
};
/** Per MB: objects are made of whole blocks of lines, so that 64 of them are not quite a gigabyte. */
const perMegabyte = (name: string, of: (cost: Cost) => number) =>
  (costs.get(name) ?? []).map(
    (cost) => of(cost) / worlds[contenders.findIndex((one) => one.name === name)]!.bytes,
  );
for (const [by, of] of [
  ['CPU time', ({ cpuSeconds }: Cost) => cpuSeconds],
  ['wall time', ({ wallSeconds }: Cost) => wallSeconds],
] as const) {
  const giant = perMegabyte('1 plain object', of);
  const many = perMegabyte('64 plain objects', of);
  const shares = many.map((cost, i) => cost / giant[i]!);
  if (shares.length > 0) aim(`speed of one object by ${by}, as a share of 64`, shares, AIM.giant);
}
const { engine, platform } = unpacking.gzip;
aim(
  'gzip, as a share of one call and the scan',
  engine.map((speed, i) => speed / platform[i]!),
  AIM.gzip,
);
report('one giant object, many objects, compressed objects?', figures, { keep: flags.keep, notes });
