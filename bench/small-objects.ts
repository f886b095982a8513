/**
 * Question: how many small objects a second? Shaped like Redpanda Connect's own S3 benchmark: 1 KB objects in objects/s, 1 MB objects in MB/s.
 * Workload: github-684, seed 42; one line an object, 1 MB of lines an object, and small gzip objects, which is what most archives are.
 * Topology: world.ts. Run: `node bench/small-objects.ts [--runs 3] [--keep FOLDER] [--smoke]`.
 */
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const cases = [
  { name: '20,000 objects of 1 KB', objectCount: 20_000, objectBytes: 1000, compression: 'none' },
  { name: '2,000 objects of 1 MB', objectCount: 2000, objectBytes: 1e6, compression: 'none' },
  { name: '20,000 gzip objects of 8 KB', objectCount: 20_000, objectBytes: 8000, compression: 'gzip' },
] as const;
const SMOKE_SHARE = 1000;

const figures: Figure[] = [];
for (const { name, objectCount, objectBytes, compression } of cases) {
  const count = flags.smoke ? Math.ceil(objectCount / SMOKE_SHARE) : objectCount;
  const world = await World.start(
    { workload: 'github-684', objectCount: count, objectBytes, compression },
    { shards: 8, discard: true },
  );
  try {
    for (const downloads of flags.smoke ? ['64'] : ['16', '64']) {
      const costs = [];
      for (let run = 0; run < (flags.smoke ? 1 : Number(flags.runs)); run++)
        costs.push(await world.backfill(['--partition-key', '/actor/login', '--downloads', downloads]));
      const row = { case: name, contender: `${downloads} downloads` };
      figures.push(
        { ...row, metric: 'objects/s', values: costs.map(({ wallSeconds }) => count / wallSeconds) },
        { ...row, metric: 'MB/s', values: costs.map(({ wallSeconds }) => world.bytes / 1e6 / wallSeconds) },
        { ...row, metric: 'objects per CPU-s', values: costs.map(({ cpuSeconds }) => count / cpuSeconds) },
        { ...row, metric: 'peak RSS MB', values: costs.map(({ rssPeakBytes }) => rssPeakBytes / 1e6) },
      );
    }
  } finally {
    await world.close();
  }
}
report('how many small objects a second?', figures, { keep: flags.keep });
