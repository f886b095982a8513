/**
 * Question: what does it cost to verify a stream, beside what it cost to fill it?
 * Workloads: github-684 and clicks-77, seed 42, one block of 2 MiB repeated to 32 objects; clicks-77 in KPL aggregates, too.
 * Topology: world.ts, twice: a sink that keeps what a first backfill brought, for `verify` and for each of its two sides alone, and
 * one that forgets, for the backfills that are measured. Contenders take turns, and ratios are taken run by run.
 * The first sink holds all records in memory, more than twice their bytes.
 * Costs are those of whole processes, start included. `verify` has to find a match, and each side every record.
 * Run: `node bench/verify.ts [--megabytes 200] [--runs 3] [--only clicks-77] [--shards 32] [--keep FOLDER] [--smoke]`.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { NODE_FLAGS } from './node-flags.ts';
import { type Figure, median, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';
import { type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '200' },
    runs: { type: 'string', default: '3' },
    /** A shard is read at 2 MiB/s at most. */
    shards: { type: 'string', default: '32' },
    only: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const runCount = flags.smoke ? 1 : Number(flags.runs);
const totalBytes = flags.smoke ? 1 << 20 : Number(flags.megabytes) * 1e6;
const shards = flags.smoke ? 2 : Number(flags.shards);
const OBJECTS = flags.smoke ? 2 : 32;
const MILLRACE = fileURLToPath(new URL('../src/bin.mjs', import.meta.url));
const SIDE = fileURLToPath(new URL('contenders/verify-side.ts', import.meta.url));

interface Case {
  readonly workload: Workload;
  readonly backfillFlags: readonly string[];
}

/** Both worlds, the first one's stream filled. */
async function open({ workload, backfillFlags }: Case): Promise<{ kept: World; forgetting: World }> {
  const origin = {
    workload: workload.name,
    objectCount: OBJECTS,
    objectBytes: totalBytes / OBJECTS,
    compression: 'none',
  } as const;
  const kept = await World.start(origin, { shards, discard: false });
  const forgetting = await World.start(origin, { shards, discard: true });
  await kept.backfill(backfillFlags);
  return { kept, forgetting };
}

async function side(world: World, name: 'source' | 'stream', workload: Workload): Promise<Cost> {
  const cost = await world.run([...NODE_FLAGS, SIDE, name, workload.key]);
  const { records } = JSON.parse(cost.stdout);
  if (records !== world.lines) throw new Error(`${name}: ${records} records of ${world.lines}`);
  return cost;
}

/** @throws Where it does not find a match: it ends with 1 then. */
function verify(world: World, workload: Workload): Promise<Cost> {
  const source = ['s3://bench/events/', '--stream', 'bench', '--partition-key', workload.key];
  const how = ['--from', 'trim-horizon', '--json', '--quiet'];
  return world.run([...NODE_FLAGS, MILLRACE, 'verify', ...source, ...how]);
}

async function measure(one: Case): Promise<Figure[]> {
  const { workload, backfillFlags } = one;
  const { kept, forgetting } = await open(one);
  const contenders: Record<string, () => Promise<Cost>> = {
    backfill: () => forgetting.backfill(backfillFlags),
    'verify, stream side': () => side(kept, 'stream', workload),
    'verify, source side': () => side(kept, 'source', workload),
    verify: () => verify(kept, workload),
  };
  const costs: Record<string, Cost[]> = {};
  try {
    for (let run = 0; run < runCount; run++)
      for (const [name, start] of Object.entries(contenders))
        costs[name] = [...(costs[name] ?? []), await start()];
  } finally {
    await Promise.all([kept.close(), forgetting.close()]);
  }
  const megabytes = kept.bytes / 1e6;
  const how = backfillFlags.includes('--aggregate') ? ', aggregated' : '';
  const title = `${workload.name}${how}: ${megabytes.toFixed(0)} MB, ${kept.lines} records, ${shards} shards`;
  return Object.entries(costs).flatMap(([contender, own]) => {
    const figure = (metric: string, of: (cost: Cost, run: number) => number): Figure => ({
      case: title,
      contender,
      metric,
      values: own.map(of),
    });
    return [
      figure('wall s', (cost) => cost.wallSeconds),
      figure('CPU s', (cost) => cost.cpuSeconds),
      figure('CPU ms per MB', (cost) => (cost.cpuSeconds * 1000) / megabytes),
      figure('MB per CPU-s', (cost) => megabytes / cost.cpuSeconds),
      figure('records per CPU-s', (cost) => kept.lines / cost.cpuSeconds),
      figure('x backfill, CPU', (cost, run) => costs.backfill![run]!.cpuSeconds / cost.cpuSeconds),
      figure('peak RSS MB', (cost) => cost.rssPeakBytes / 1e6),
    ];
  });
}

const CASES = [
  { name: 'github-684', aggregate: false },
  { name: 'clicks-77', aggregate: false },
  { name: 'clicks-77', aggregate: true },
];
const figures: Figure[] = [];
const notes: string[] = [];
for (const { name, aggregate } of flags.smoke ? CASES.slice(0, 1) : CASES) {
  if (flags.only !== undefined && flags.only !== name) continue;
  const workload = WORKLOADS.find((candidate) => candidate.name === name)!;
  const backfillFlags = ['--partition-key', workload.key, ...(aggregate ? ['--aggregate'] : [])];
  const measured = await measure({ workload, backfillFlags });
  figures.push(...measured);
  const ratio = measured.find(
    ({ contender, metric }) => contender === 'verify, stream side' && metric === 'x backfill, CPU',
  )!;
  const target = name === 'github-684' ? ', wanted 1' : '';
  notes.push(
    `${measured[0]!.case}: match; the stream side is ${median(ratio.values).toFixed(1)} x as fast as the backfill per CPU-second${target}`,
  );
}
report('what does it cost to verify a stream?', figures, { keep: flags.keep, notes });
