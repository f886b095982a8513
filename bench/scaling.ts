/**
 * Question: what do more threads, shards and downloads bring on this machine?
 * Workload: github-684, seed 42, 32 objects. One setting is changed at a time, the others keep their defaults.
 * Topology: world.ts. Run: `node bench/scaling.ts [--megabytes 256] [--runs 3] [--keep FOLDER] [--smoke]`.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '256' },
    runs: { type: 'string', default: '3' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const OBJECTS = flags.smoke ? 2 : 32;
const DEFAULT_SHARDS = 8;
const totalBytes = flags.smoke ? 1e6 : Number(flags.megabytes) * 1e6;
const threads = [1, 2, 4, 8, 16].filter((count) => count <= Math.max(2, availableParallelism()));
const wide = [1, 4, 16, 64];
const settings: readonly { name: string; values: readonly number[] }[] = [
  { name: 'parsers', values: threads },
  { name: 'publishers', values: threads },
  { name: 'shards', values: wide },
  { name: 'downloads', values: wide },
];

const figures: Figure[] = [];
for (const { name, values } of settings) {
  for (const value of flags.smoke ? values.slice(0, 1) : values) {
    const world = await World.start(
      {
        workload: 'github-684',
        objectCount: OBJECTS,
        objectBytes: totalBytes / OBJECTS,
        compression: 'none',
      },
      { shards: name === 'shards' ? value : DEFAULT_SHARDS, discard: true },
    );
    try {
      const costs = [];
      const setting = name === 'shards' ? [] : [`--${name}`, `${value}`];
      for (let run = 0; run < (flags.smoke ? 1 : Number(flags.runs)); run++)
        costs.push(await world.backfill(['--partition-key', '/actor/login', ...setting]));
      const row = { case: name, contender: `${value}` };
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
}
report('what do more threads, shards and downloads bring?', figures, { keep: flags.keep });
