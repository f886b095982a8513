/**
 * Question: what does carrying JSONL from S3 to Kinesis cost, with Millrace and with an idiomatic Node program?
 * Workloads: github-684 and clicks-77, seed 42, one block of 2 MiB repeated to 32 objects.
 * Topology: world.ts. Contenders take turns, and ratios are taken pair by pair, so that a machine that slows down slows down both.
 * Costs are those of the whole process, start included; what the sink holds is compared with the origin before the clock starts.
 * `--megabytes` is of github-684 and of clicks-77, whose lines cost the idiomatic program ten times as much a byte.
 * Run: `node bench/end-to-end.ts [--megabytes 512,256] [--runs 5] [--only clicks-77] [--shards 8] [--keep FOLDER] [--smoke]`. The
 * idiomatic contender needs `npm ci --prefix bench`.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadContender } from './contenders/load.ts';
import { type Figure, format, median, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';
import { type Cost, World } from './world.ts';

interface Contender {
  readonly name: string;
  run(world: World): Promise<Cost>;
}

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '512,256' },
    runs: { type: 'string', default: '5' },
    shards: { type: 'string', default: '8' },
    only: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
/** Smoke looks at one workload: the one with all contenders. */
const only = flags.only ?? (flags.smoke ? 'clicks-77' : undefined);
const runCount = flags.smoke ? 1 : Number(flags.runs);
const megabytes = flags.megabytes.split(',').map(Number);
/** Enough to show a contender right, and little enough for the sink to hold. */
const CHECK_BYTES = flags.smoke ? 1 << 20 : 8 << 20;
const OBJECTS = flags.smoke ? 2 : 32;
const BASE = 'idiomatic Node';
/** Per CPU-second: docs/PERFORMANCE.md, "Where we are, and where we want to be". */
const AIMS: readonly { workload: string; contender: string; metric: string; atLeast: number }[] = [
  { workload: 'github-684', contender: 'millrace', metric: 'x idiomatic, CPU', atLeast: 5 },
  { workload: 'github-684', contender: 'millrace', metric: 'MB per CPU-s', atLeast: 300 },
  { workload: 'clicks-77', contender: 'millrace --aggregate', metric: 'x idiomatic, CPU', atLeast: 12 },
  { workload: 'clicks-77', contender: 'millrace --aggregate', metric: 'records per CPU-s', atLeast: 4e6 },
];
const IDIOMATIC = fileURLToPath(new URL('contenders/idiomatic.ts', import.meta.url));

async function contendersOf(workload: Workload): Promise<Contender[]> {
  const keyed = ['--partition-key', workload.key];
  const list: Contender[] = flags.smoke ? [] : [{ name: 'millrace', run: (world) => world.backfill(keyed) }];
  if (workload.name === 'clicks-77')
    list.push({
      name: 'millrace --aggregate',
      run: (world) => world.backfill([...keyed, '--aggregate']),
    });
  if ((await loadContender('p-limit')) === null)
    console.log('Skipped: the idiomatic program, because its packages are missing: npm ci --prefix bench');
  else {
    const command = [IDIOMATIC, 'bench', 'events/', 'bench', workload.key];
    list.push({ name: BASE, run: (world) => world.run(command) });
    // How much of the difference is the flag that Millrace sets for itself?
    if (!flags.smoke)
      list.push({
        name: `${BASE}, --single-threaded-gc`,
        run: (world) => world.run(['--single-threaded-gc', ...command]),
      });
  }
  return list;
}

/** Right, then fast. */
async function check(workload: Workload, contenders: readonly Contender[]): Promise<void> {
  for (const { name, run } of contenders) {
    const world = await World.start(
      { workload: workload.name, objectCount: 2, objectBytes: CHECK_BYTES / 2, compression: 'none' },
      { shards: Number(flags.shards), discard: false },
    );
    try {
      await run(world);
      await world.checkDelivered(name);
    } finally {
      await world.close();
    }
  }
}

async function measure(
  workload: Workload,
  contenders: readonly Contender[],
  totalBytes: number,
): Promise<Figure[]> {
  const world = await World.start(
    {
      workload: workload.name,
      objectCount: OBJECTS,
      objectBytes: totalBytes / OBJECTS,
      compression: 'none',
    },
    { shards: Number(flags.shards), discard: true },
  );
  const costs = new Map<string, Cost[]>(contenders.map(({ name }) => [name, []]));
  try {
    for (let run = 0; run < runCount; run++)
      for (const contender of contenders) costs.get(contender.name)!.push(await contender.run(world));
  } finally {
    await world.close();
  }
  const carriedMb = world.bytes / 1e6;
  const title = `${workload.name}: ${carriedMb.toFixed(0)} MB, ${world.lines} records, ${OBJECTS} objects, ${flags.shards} shards`;
  const base = costs.get(BASE);
  return [...costs].flatMap(([contender, own]) => {
    const figure = (metric: string, of: (cost: Cost, run: number) => number): Figure => ({
      case: title,
      contender,
      metric,
      values: own.map(of),
    });
    return [
      figure('wall s', (cost) => cost.wallSeconds),
      figure('MB/s', (cost) => carriedMb / cost.wallSeconds),
      figure('CPU s', (cost) => cost.cpuSeconds),
      figure('user s', (cost) => cost.userSeconds),
      figure('sys s', (cost) => cost.systemSeconds),
      figure('MB per CPU-s', (cost) => carriedMb / cost.cpuSeconds),
      figure('records per CPU-s', (cost) => world.lines / cost.cpuSeconds),
      figure('peak RSS MB', (cost) => cost.rssPeakBytes / 1e6),
      ...(base === undefined
        ? []
        : [
            figure('x idiomatic, CPU', (cost, run) => base[run]!.cpuSeconds / cost.cpuSeconds),
            figure('x idiomatic, wall', (cost, run) => base[run]!.wallSeconds / cost.wallSeconds),
          ]),
    ];
  });
}

const figures: Figure[] = [];
const notes: string[] = [];
for (const [index, name] of ['github-684', 'clicks-77'].entries()) {
  if (only !== undefined && only !== name) continue;
  const workload = WORKLOADS.find((candidate) => candidate.name === name)!;
  const contenders = await contendersOf(workload);
  await check(workload, contenders);
  notes.push(`${name}: every contender delivered every line unaltered (${CHECK_BYTES >> 20} MiB compared)`);
  const totalBytes = flags.smoke ? 1 << 20 : (megabytes[index] ?? megabytes[0]!) * 1e6;
  const measured = await measure(workload, contenders, totalBytes);
  figures.push(...measured);
  for (const { contender, metric, atLeast } of AIMS.filter((aim) => aim.workload === name && !flags.smoke)) {
    const found = measured.find((figure) => figure.contender === contender && figure.metric === metric);
    if (found === undefined) continue;
    const value = median(found.values);
    notes.push(
      `${name}, ${contender}: ${format(value)} ${metric}, aim ${format(atLeast)}: ${value >= atLeast ? 'reached' : 'NOT REACHED'}`,
    );
  }
}
report('what does S3 to Kinesis cost, end to end?', figures, { keep: flags.keep, notes });
