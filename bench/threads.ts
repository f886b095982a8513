/**
 * Question: which thread of a backfill needs how much CPU time, and what did a change bring?
 * Workload: one of workloads/, seed 42, in 32 objects unless told otherwise.
 * Topology: world.ts, one parser and one publisher unless told otherwise. With `--vs FOLDER` another checkout of Millrace (its packages
 * installed, its addon built) takes turns with this one on the same servers, so that a machine that slows down slows down both.
 * With `--stored none,gzip,zstd` objects stored in these ways take turns, too, and each is compared with the first.
 * Costs are CPU-seconds a GB of lines, the whole process and start included; threads are looked at twenty times a second.
 * Run: `node bench/threads.ts [--workload github-684] [--megabytes 1024] [--runs 5] [--stored none] [--aggregate] [--tls] [--dry-run]
 * [--objects 32] [--shards 8] [--parsers 1] [--publishers 1] [--vs FOLDER] [--keep FOLDER] [--smoke]`.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, format, median, report } from './report.ts';
import type { OriginSpec } from './server.ts';
import { WORKLOADS } from './workloads/workloads.ts';
import { type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    workload: { type: 'string', default: 'github-684' },
    megabytes: { type: 'string', default: '1024' },
    runs: { type: 'string', default: '5' },
    stored: { type: 'string', default: 'none' },
    aggregate: { type: 'boolean', default: false },
    tls: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    shards: { type: 'string', default: '8' },
    objects: { type: 'string', default: '32' },
    parsers: { type: 'string', default: '1' },
    publishers: { type: 'string', default: '1' },
    vs: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const OBJECTS = flags.smoke ? 2 : Number(flags.objects);
const totalBytes = flags.smoke ? 1 << 20 : Number(flags.megabytes) * 1e6;
const runCount = flags.smoke ? 1 : Number(flags.runs);
const publisherCount = flags['dry-run'] ? 0 : Number(flags.publishers);
const workload = WORKLOADS.find(({ name }) => name === flags.workload)!;
const command = [
  ...['--partition-key', workload.key, '--parsers', flags.parsers, '--publishers', flags.publishers],
  ...(flags.aggregate ? ['--aggregate'] : []),
  ...(flags['dry-run'] ? ['--dry-run'] : []),
];
const stored = flags.stored.split(',') as OriginSpec['compression'][];
/** Checkouts by name, each with the folder that its program lies in. */
const checkouts = new Map<string, string | undefined>([
  ...(flags.vs === undefined ? [] : [['before', resolve(flags.vs)] as const]),
  ['now', undefined],
]);
const METRICS = ['all', 'main', 'publishers', 'parsers', 'busiest parser', 'helpers'];
const nameOf = (checkout: string, compression: string) =>
  stored.length === 1 ? checkout : `${checkout}, ${compression}`;

function figuresOf(contender: string, costs: readonly Cost[], world: World): Figure[] {
  const gigabytes = world.bytes / 1e9;
  const lines = [
    flags.workload,
    ...(['aggregate', 'tls', 'dry-run'] as const).filter((name) => flags[name]),
  ].join(', ');
  const title = `${lines}: ${(gigabytes * 1000).toFixed(0)} MB, ${world.lines} records, ${flags.shards} shards; CPU-seconds a GB`;
  const figure = (metric: string, of: (cost: Cost) => number): Figure => ({
    case: title,
    contender,
    metric,
    values: costs.map(of),
  });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return [
    figure('all', ({ cpuSeconds }) => cpuSeconds / gigabytes),
    figure('main', ({ threads }) => threads.main / gigabytes),
    // The publishers start first.
    figure('publishers', ({ threads }) => sum(threads.workers.slice(0, publisherCount)) / gigabytes),
    figure('parsers', ({ threads }) => sum(threads.workers.slice(publisherCount)) / gigabytes),
    figure('busiest parser', ({ threads }) => Math.max(...threads.workers.slice(publisherCount)) / gigabytes),
    figure('helpers', ({ threads }) => threads.helpers / gigabytes),
    figure('MB per CPU-s', ({ cpuSeconds }) => (gigabytes * 1000) / cpuSeconds),
    figure('MB/s', ({ wallSeconds }) => (gigabytes * 1000) / wallSeconds),
    figure('peak RSS MB', ({ rssPeakBytes }) => rssPeakBytes / 1e6),
  ];
}

/** How the second contender compares with the first, run by run. */
function compared(first: string, second: string): string[] {
  const of = (name: string, metric: string) =>
    figures.find(({ contender, metric: its }) => contender === name && its === metric)!.values;
  return METRICS.flatMap((metric) => {
    const before = of(first, metric);
    const ratios = of(second, metric)
      .map((seconds, run) => seconds / before[run]!)
      .filter(Number.isFinite);
    const list = ratios.map(format).join(', ');
    return ratios.length === 0
      ? []
      : [`${second} / ${first}, ${metric}: ${format(median(ratios))} (${list})`];
  });
}

const worlds = await Promise.all(
  stored.map((compression) =>
    World.start(
      {
        workload: workload.name,
        objectCount: OBJECTS,
        objectBytes: totalBytes / OBJECTS,
        compression,
        tls: flags.tls,
      },
      { shards: Number(flags.shards), discard: true, tls: flags.tls },
    ),
  ),
);
const turns = stored.flatMap((compression, i) =>
  [...checkouts].map(([checkout, folder]) => ({
    name: nameOf(checkout, compression),
    world: worlds[i]!,
    settings: folder === undefined ? {} : { folder },
    costs: [] as Cost[],
  })),
);
try {
  for (let run = 0; run < runCount; run++)
    for (const { world, settings, costs } of turns) costs.push(await world.backfill(command, settings));
} finally {
  await Promise.all(worlds.map((world) => world.close()));
}
const figures = turns.flatMap(({ name, costs, world }) => figuresOf(name, costs, world));
const notes = [
  flags['dry-run'] ? 'nothing was sent' : 'every run delivered every line',
  ...(flags.vs === undefined
    ? []
    : stored.flatMap((compression) => compared(nameOf('before', compression), nameOf('now', compression)))),
  ...stored.slice(1).flatMap((other) => compared(nameOf('now', stored[0]!), nameOf('now', other))),
];
report('which thread of a backfill needs how much CPU time?', figures, { keep: flags.keep, notes });
