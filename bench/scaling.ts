/**
 * Question: what do more cores, threads, shards and downloads bring on this machine?
 * Workload: github-684, seed 42, 32 objects. One setting is changed at a time, the others keep their defaults; `cores` bounds the
 * cores that the process may use, and the engine chooses its threads by them.
 * Topology: world.ts. Bounded in time: every setting is measured once, and again up to `--runs` times while `--minutes` last.
 * Run: `node bench/scaling.ts [--megabytes 128] [--runs 3] [--minutes 8] [--keep FOLDER] [--smoke]`.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { type Cost, canPin, contenderCores, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '128' },
    runs: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '8' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const OBJECTS = flags.smoke ? 2 : 32;
const DEFAULT_SHARDS = 8;
const totalBytes = flags.smoke ? 1e6 : Number(flags.megabytes) * 1e6;
const runCount = flags.smoke ? 1 : Number(flags.runs);
const deadlineMs = performance.now() + Number(flags.minutes) * 60_000;
const doublings = (highest: number) =>
  [1, 2, 4, 8, 16, 32, 64].filter((count) => count <= Math.min(64, highest));
const threads = doublings(Math.max(2, availableParallelism()));

interface Setting {
  readonly name: 'cores' | 'parsers' | 'publishers' | 'shards' | 'downloads';
  readonly values: readonly number[];
}
const settings: readonly Setting[] = [
  ...(canPin() ? [{ name: 'cores', values: doublings(contenderCores()) } as const] : []),
  { name: 'parsers', values: threads },
  { name: 'publishers', values: threads },
  { name: 'shards', values: doublings(64) },
  { name: 'downloads', values: doublings(64) },
];

/** One run with one setting changed. */
function run(world: World, name: Setting['name'], value: number): Promise<Cost> {
  const keyed = ['--partition-key', '/actor/login'];
  if (name === 'cores') return world.backfill(keyed, { cores: value });
  return world.backfill(name === 'shards' ? keyed : [...keyed, `--${name}`, `${value}`]);
}

async function measure(name: Setting['name'], value: number): Promise<Figure[]> {
  const origin = { workload: 'github-684', objectCount: OBJECTS, objectBytes: totalBytes / OBJECTS } as const;
  const world = await World.start(
    { ...origin, compression: 'none' },
    { shards: name === 'shards' ? value : DEFAULT_SHARDS, discard: true },
  );
  try {
    const costs = [await run(world, name, value)];
    while (costs.length < runCount && performance.now() < deadlineMs)
      costs.push(await run(world, name, value));
    const row = { case: name, contender: `${value}` };
    const megabytes = world.bytes / 1e6;
    return [
      { ...row, metric: 'MB/s', values: costs.map(({ wallSeconds }) => megabytes / wallSeconds) },
      { ...row, metric: 'MB per CPU-s', values: costs.map(({ cpuSeconds }) => megabytes / cpuSeconds) },
      { ...row, metric: 'peak RSS MB', values: costs.map(({ rssPeakBytes }) => rssPeakBytes / 1e6) },
    ];
  } finally {
    await world.close();
  }
}

const figures: Figure[] = [];
for (const { name, values } of flags.smoke ? settings.slice(-2) : settings)
  for (const value of flags.smoke ? values.slice(-1) : values) figures.push(...(await measure(name, value)));
report('what do more cores, threads, shards and downloads bring?', figures, {
  keep: flags.keep,
  notes: performance.now() < deadlineMs ? [] : [`After ${flags.minutes} minutes every setting got one run.`],
});
