/**
 * Question: does resident memory grow with the input, and does a backfill of 2 GB stay under 700 MB?
 * Workload: github-684, seed 42, objects of 256 MB; the origin repeats one block, so 16 GB take no more of it than 1 GB.
 * Topology: world.ts, one run a size. Peaks are the kernel's high-water mark of the whole process; "late" and "early" are medians of
 * its resident memory in the last and the second quarter of the run, sampled twice a second.
 * Bounded in time: a size that has not begun after `--minutes` is left out, and named.
 * Run: `node bench/memory.ts [--gigabytes 1,4,16] [--minutes 15] [--keep FOLDER] [--smoke]`.
 */
import { parseArgs } from 'node:util';
import { type Figure, median, report } from './report.ts';
import { World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '1,4,16' },
    minutes: { type: 'string', default: '15' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
/** Of a 2 GB backfill, and by the promise of a flat curve of every other. */
const RSS_BYTES_MAX = 700e6;
const OBJECT_BYTES = 256e6;
const QUARTER_SAMPLES_MIN = 4;
const sizesGB = flags.smoke ? [0.002] : flags.gigabytes.split(',').map(Number);
const deadlineMs = performance.now() + Number(flags.minutes) * 60_000;

/** Resident memory late in a run over that early in it; null where the run was too short to tell. */
function lateOverEarly(rssBytes: readonly number[]): number | null {
  const quarter = rssBytes.length >> 2;
  if (quarter < QUARTER_SAMPLES_MIN) return null;
  return median(rssBytes.slice(3 * quarter)) / median(rssBytes.slice(quarter, 2 * quarter));
}

const figures: Figure[] = [];
const notes: string[] = [];
const peaks: { sizeGB: number; bytes: number }[] = [];
for (const sizeGB of sizesGB) {
  if (performance.now() > deadlineMs) {
    notes.push(`${sizeGB} GB: left out, because ${flags.minutes} minutes were over`);
    continue;
  }
  const objectBytes = Math.min(OBJECT_BYTES, sizeGB * 1e9);
  const objectCount = Math.round((sizeGB * 1e9) / objectBytes);
  const world = await World.start(
    { workload: 'github-684', objectBytes, objectCount, compression: 'none' },
    { shards: 8, discard: true },
  );
  try {
    const cost = await world.backfill(['--partition-key', '/actor/login']);
    peaks.push({ sizeGB, bytes: cost.rssPeakBytes });
    const late = lateOverEarly(cost.rssBytes);
    const row = { case: 'github-684, default --memory', contender: `${sizeGB} GB` };
    figures.push(
      { ...row, metric: 'peak RSS MB', values: [cost.rssPeakBytes / 1e6] },
      ...(late === null ? [] : [{ ...row, metric: 'late over early RSS', values: [late] }]),
      { ...row, metric: 'wall s', values: [cost.wallSeconds] },
      { ...row, metric: 'CPU s', values: [cost.cpuSeconds] },
      { ...row, metric: 'MB per CPU-s', values: [world.bytes / 1e6 / cost.cpuSeconds] },
    );
  } finally {
    await world.close();
  }
}
const highest = Math.max(...peaks.map(({ bytes }) => bytes));
notes.push(
  `highest peak ${(highest / 1e6).toFixed(0)} MB, limit ${RSS_BYTES_MAX / 1e6} MB: ${highest <= RSS_BYTES_MAX ? 'kept' : 'EXCEEDED'}`,
);
const [smallest, largest] = [peaks[0]!, peaks.at(-1)!];
if (largest.sizeGB > smallest.sizeGB) {
  const growth = (largest.bytes / smallest.bytes).toFixed(2);
  notes.push(
    `largest input over smallest: ${growth} x the memory for ${largest.sizeGB / smallest.sizeGB} x the bytes`,
  );
}
report('does resident memory grow with the input?', figures, { keep: flags.keep, notes });
