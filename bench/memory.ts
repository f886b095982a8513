/**
 * Question: does resident memory grow with the input, and does a backfill of 2 GB stay under 700 MB?
 * Workload: github-684, seed 42, objects of 256 MB; the origin repeats one block, so 16 GB take no more of it than 1 GB.
 * Topology: world.ts, one run a size. Figures are the kernel's high-water mark of the whole process.
 * Run: `node bench/memory.ts [--gigabytes 1,2,4,16] [--keep FOLDER] [--smoke]`.
 */
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '1,2,4,16' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
/** Of a 2 GB backfill, and by the promise of a flat curve of every other. */
const RSS_BYTES_MAX = 700e6;
const OBJECT_BYTES = 256e6;
const sizesGB = flags.smoke ? [0.001, 0.002] : flags.gigabytes.split(',').map(Number);

const figures: Figure[] = [];
const peaks: number[] = [];
for (const sizeGB of sizesGB) {
  const objectBytes = Math.min(OBJECT_BYTES, sizeGB * 1e9);
  const objectCount = Math.round((sizeGB * 1e9) / objectBytes);
  const world = await World.start(
    { workload: 'github-684', objectBytes, objectCount, compression: 'none' },
    { shards: 8, discard: true },
  );
  try {
    const cost = await world.backfill(['--partition-key', '/actor/login']);
    peaks.push(cost.rssPeakBytes);
    const row = { case: 'github-684, default --memory', contender: `${sizeGB} GB` };
    figures.push(
      { ...row, metric: 'peak RSS MB', values: [cost.rssPeakBytes / 1e6] },
      { ...row, metric: 'wall s', values: [cost.wallSeconds] },
      { ...row, metric: 'CPU s', values: [cost.cpuSeconds] },
      { ...row, metric: 'MB per CPU-s', values: [world.bytes / 1e6 / cost.cpuSeconds] },
    );
  } finally {
    await world.close();
  }
}
const highest = Math.max(...peaks);
report('does resident memory grow with the input?', figures, {
  keep: flags.keep,
  notes: [
    `highest peak ${(highest / 1e6).toFixed(0)} MB, limit ${RSS_BYTES_MAX / 1e6} MB: ${highest <= RSS_BYTES_MAX ? 'kept' : 'EXCEEDED'}`,
    `largest input over smallest: ${(peaks.at(-1)! / peaks[0]!).toFixed(2)} x the memory for ${sizesGB.at(-1)! / sizesGB[0]!} x the bytes`,
  ],
});
