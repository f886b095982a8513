/**
 * Question: what do more cores, threads, shards and downloads bring on this machine?
 * Workload: github-684, seed 42, 32 objects. One setting is changed at a time, the others keep their defaults; `cores` bounds the
 * cores that the process may use, and the engine chooses its threads by them: over HTTP, over HTTPS, from gzip objects and aggregated.
 * Topology: world.ts; origin and sink are `--servers` processes each, or a client of many cores would wait for them. Bounded in time: every
 * setting is measured once, and again up to `--runs` times while `--minutes` last. Where there are two cores, the main thread's seconds a GB say
 * how far more of them would carry.
 * Run: `node bench/scaling.ts [--megabytes 128] [--runs 3] [--minutes 8] [--servers 1] [--keep FOLDER] [--smoke]`.
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
    servers: { type: 'string' },
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
/** By default one for each core that world.ts leaves to the servers. */
const serverCount = flags.smoke ? 2 : Number(flags.servers ?? Math.max(1, availableParallelism() >> 2));
const threads = doublings(Math.max(2, availableParallelism()));

/** How lines come and go. */
const WAYS = {
  plain: {},
  https: { tls: true },
  gzip: { compression: 'gzip' },
  aggregated: { isAggregated: true },
} as const satisfies Record<string, Way>;
interface Way {
  readonly tls?: boolean;
  readonly compression?: 'none' | 'gzip';
  readonly isAggregated?: boolean;
}

interface Setting {
  readonly name: 'cores' | 'parsers' | 'publishers' | 'shards' | 'downloads';
  readonly values: readonly number[];
  readonly way?: keyof typeof WAYS;
}
const settings: readonly Setting[] = [
  ...(canPin()
    ? (Object.keys(WAYS) as (keyof typeof WAYS)[]).map(
        (way) => ({ name: 'cores', values: doublings(contenderCores()), way }) as const,
      )
    : []),
  { name: 'parsers', values: threads },
  { name: 'publishers', values: threads },
  { name: 'shards', values: doublings(64) },
  { name: 'downloads', values: doublings(64) },
];

/** One run with one setting changed. */
function run(world: World, name: Setting['name'], value: number, { isAggregated }: Way): Promise<Cost> {
  const keyed = ['--partition-key', '/actor/login', ...(isAggregated ? ['--aggregate'] : [])];
  if (name === 'cores') return world.backfill(keyed, { cores: value });
  return world.backfill(name === 'shards' ? keyed : [...keyed, `--${name}`, `${value}`]);
}

async function measure({ name, way = 'plain' }: Setting, value: number): Promise<Figure[]> {
  const { tls = false, compression = 'none' }: Way = WAYS[way];
  const servers = { tls, processes: serverCount };
  const world = await World.start(
    {
      ...{ workload: 'github-684', objectCount: OBJECTS, objectBytes: totalBytes / OBJECTS },
      ...{ compression, ...servers },
    },
    { shards: name === 'shards' ? value : DEFAULT_SHARDS, discard: true, ...servers },
  );
  try {
    const costs = [await run(world, name, value, WAYS[way])];
    while (costs.length < runCount && performance.now() < deadlineMs)
      costs.push(await run(world, name, value, WAYS[way]));
    const row = { case: name === 'cores' ? `${name}, ${way}` : name, contender: `${value}` };
    const megabytes = world.bytes / 1e6;
    const figure = (metric: string, of: (cost: Cost) => number): Figure => ({
      ...row,
      metric,
      values: costs.map(of),
    });
    return [
      figure('MB/s', ({ wallSeconds }) => megabytes / wallSeconds),
      figure('MB per CPU-s', ({ cpuSeconds }) => megabytes / cpuSeconds),
      figure('main thread, CPU-s a GB', (cost) => (cost.threads.main / megabytes) * 1000),
      figure('peak RSS MB', ({ rssPeakBytes }) => rssPeakBytes / 1e6),
    ];
  } finally {
    await world.close();
  }
}

const figures: Figure[] = [];
for (const setting of flags.smoke ? settings.slice(-2) : settings)
  for (const value of flags.smoke ? setting.values.slice(-1) : setting.values)
    figures.push(...(await measure(setting, value)));
report('what do more cores, threads, shards and downloads bring?', figures, {
  keep: flags.keep,
  notes: performance.now() < deadlineMs ? [] : [`After ${flags.minutes} minutes every setting got one run.`],
});
