/**
 * Question: is one giant object slower than the same bytes in 64 objects, and what does gzip cost?
 * Workload: github-684, seed 42; 1 GB plain as 1 and as 64 objects, and 64 objects stored as gzip and as zstd.
 * Topology: world.ts. Run: `node bench/giant-object.ts [--megabytes 1000] [--runs 3] [--keep FOLDER] [--smoke]`. gunzip.ts has the
 * platform's own decompression as a yardstick.
 */
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import type { OriginSpec } from './server.ts';
import { World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '3' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const totalBytes = flags.smoke ? 4e6 : Number(flags.megabytes) * 1e6;
/** Smoke takes one plain and one compressed case. */
const allCases: readonly [string, number, OriginSpec['compression']][] = [
  ['1 plain object', 1, 'none'],
  ['64 plain objects', 64, 'none'],
  ['64 gzip objects', 64, 'gzip'],
  ['64 zstd objects', 64, 'zstd'],
];

const cases = flags.smoke ? [allCases[0]!, allCases[2]!] : allCases;

const figures: Figure[] = [];
for (const [contender, objectCount, compression] of cases) {
  const world = await World.start(
    { workload: 'github-684', objectCount, objectBytes: totalBytes / objectCount, compression },
    { shards: 8, discard: true },
  );
  try {
    const costs = [];
    for (let run = 0; run < (flags.smoke ? 1 : Number(flags.runs)); run++)
      costs.push(await world.backfill(['--partition-key', '/actor/login']));
    const row = { case: `${totalBytes / 1e6} MB of lines`, contender };
    const megabytes = world.bytes / 1e6;
    figures.push(
      { ...row, metric: 'MB/s', values: costs.map(({ wallSeconds }) => megabytes / wallSeconds) },
      { ...row, metric: 'MB per CPU-s', values: costs.map(({ cpuSeconds }) => megabytes / cpuSeconds) },
      { ...row, metric: 'peak RSS MB', values: costs.map(({ rssPeakBytes }) => rssPeakBytes / 1e6) },
    );
  } finally {
    await world.close();
  }
}
report('one giant object, many objects, compressed objects?', figures, { keep: flags.keep });
