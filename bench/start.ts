/**
 * Question: what does a start cost, and from which size on is Millrace cheaper than the same job in other languages?
 * Workload: github-684, seed 42, in objects of at most 16 MiB. Topology: world.ts.
 * First `node -e 0`, `--version` and `--help`; then one whole run of each contender by size, as `peers.ts` measures them: CPU-seconds from outside,
 * start included, contenders in turns. A start of Millrace is one with a warm compile cache; what the first one costs is a row of its own.
 * Run: `npm run build && node bench/start.ts [--sizes 1KB,1MB,10MB,100MB,1GB] [--runs 5] [--vs FOLDER] [--keep FOLDER] [--smoke]`. Without the build,
 * and after a change of the sources, it measures the sources, and says so. `--vs`: another checkout of Millrace, built, in turns with this one.
 * Contenders: see peers.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseSizeBytes } from '../src/base/quantity.ts';
import { loadContender } from './contenders/load.ts';
import { missing, peers } from './contenders/peers.ts';
import { NODE_FLAGS } from './node-flags.ts';
import { costOf } from './process-cost.ts';
import { type Figure, median, report } from './report.ts';
import { WORKLOADS } from './workloads/workloads.ts';
import { backfillArguments, type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1KB,100KB,1MB,10MB,100MB,1GB' },
    runs: { type: 'string', default: '5' },
    vs: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const runCount = flags.smoke ? 1 : Number(flags.runs);
const sizes = (flags.smoke ? '1KB' : flags.sizes).split(',');
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const IDIOMATIC = fileURLToPath(new URL('contenders/idiomatic.ts', import.meta.url));
const OBJECT_BYTES_MAX = 16 << 20;
const WORKLOAD = 'github-684';
const KEY = WORKLOADS.find(({ name }) => name === WORKLOAD)!.key;
const BUILT_FORM = new URL('../src/base/built-form.mjs', import.meta.url).href;
/** As the program's front door asks. */
const { isFresh } = (await import(BUILT_FORM)) as { isFresh(built: string, root: string): boolean };
const OURS = isFresh(join(ROOT, 'dist', 'main.js'), ROOT) ? 'Millrace' : 'Millrace, from its sources';
const [node, bin] = [process.execPath, join(ROOT, 'src', 'bin.mjs')];

function figure(title: string, contender: string, metric: string, values: readonly number[]): Figure {
  return { case: title, contender, metric, values };
}

/** Commands that carry nothing. */
async function measureCommands(): Promise<Figure[]> {
  const commands = {
    'node -e 0': ['-e', '0'],
    '--version': [...NODE_FLAGS, bin, '--version'],
    '--help': [...NODE_FLAGS, bin, '--help'],
    'backfill --help': [...NODE_FLAGS, bin, 'backfill', '--help'],
  };
  const seconds = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  // The first round fills the compile cache.
  for (let round = -1; round < runCount; round++)
    for (const [name, args] of Object.entries(commands)) {
      const { cpuSeconds } = await costOf([node, ...args], { cwd: tmpdir(), env: process.env });
      if (round >= 0) seconds.get(name)!.push(cpuSeconds);
    }
  return [...seconds].map(([name, values]) => figure(`a start (${OURS})`, name, 'CPU s', values));
}

async function contenders(): Promise<Map<string, readonly string[]>> {
  const job = ['bench', 'events/', 'bench', KEY];
  const list = new Map<string, readonly string[]>([
    [OURS, [node, ...backfillArguments(['--partition-key', KEY])]],
  ]);
  if (flags.vs !== undefined)
    list.set('Millrace, of --vs', [node, ...backfillArguments(['--partition-key', KEY], flags.vs)]);
  if ((await loadContender('p-limit')) === null)
    console.log('Skipped: idiomatic Node, because its packages are missing: npm ci --prefix bench');
  else list.set('Node, idiomatic', [node, IDIOMATIC, ...job]);
  for (const peer of peers.filter(({ language }) => language === 'Rust' || language === 'Go')) {
    const why = missing(peer, flags.smoke);
    if (why === null) list.set(peer.name, peer.command([...job, ...peer.atOnce.map(String)]));
    else console.log(`Skipped: ${peer.name}, because ${why}`);
  }
  return list;
}

async function measureSize(size: string, list: Map<string, readonly string[]>): Promise<Figure[]> {
  const bytes = parseSizeBytes(size)!;
  const objectCount = Math.max(1, Math.ceil(bytes / OBJECT_BYTES_MAX));
  const world = await World.start(
    { workload: WORKLOAD, objectCount, objectBytes: Math.ceil(bytes / objectCount), compression: 'none' },
    { shards: 8, discard: true },
  );
  const costs = new Map([...list.keys()].map((name) => [name, [] as Cost[]]));
  try {
    await world.exec(list.get(OURS)!);
    for (let round = 0; round < runCount; round++)
      for (const [name, command] of list) costs.get(name)!.push(await world.exec(command));
  } finally {
    await world.close();
  }
  const ours = costs.get(OURS)!;
  return [...costs].flatMap(([name, own]) => [
    figure(
      size,
      name,
      'CPU s',
      own.map(({ cpuSeconds }) => cpuSeconds),
    ),
    figure(
      size,
      name,
      'x Millrace',
      own.map(({ cpuSeconds }, round) => cpuSeconds / ours[round]!.cpuSeconds),
    ),
    figure(
      size,
      name,
      'wall s',
      own.map(({ wallSeconds }) => wallSeconds),
    ),
  ]);
}

/** From which of the sizes on each contender costs more than Millrace. */
function crossings(figures: readonly Figure[]): string[] {
  const ratios = figures.filter(({ metric, contender }) => metric === 'x Millrace' && contender !== OURS);
  return [...Map.groupBy(ratios, ({ contender }) => contender)].map(([name, own]) => {
    const cheaper = own.findLastIndex(({ values }) => median(values) < 1);
    const from = own[cheaper + 1]?.case;
    return `${name}: ${from === undefined ? 'cheaper at every size' : `dearer than Millrace from ${from} on`}`;
  });
}

/** Its own, so that the first start is one: nobody else has filled it. */
const cache = mkdtempSync(join(tmpdir(), 'millrace-start-'));
process.env.XDG_CACHE_HOME = cache;
const version = [node, ...NODE_FLAGS, bin, '--version'];
const first = await costOf(version, { cwd: tmpdir(), env: process.env });
const figures = [
  figure(`a start (${OURS})`, '--version, the first time', 'CPU s', [first.cpuSeconds]),
  ...(await measureCommands()),
];
const list = await contenders();
for (const size of sizes) figures.push(...(await measureSize(size, list)));
rmSync(cache, { recursive: true });
report('what does a start cost, and from which size on is Millrace the cheaper one?', figures, {
  keep: flags.keep,
  notes: crossings(figures),
});
