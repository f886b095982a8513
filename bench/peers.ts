/**
 * Question: what does the same job cost in other languages, over HTTP and over HTTPS?
 * Workloads: github-684 and clicks-77, seed 42, one block of 2 MiB repeated to 32 objects.
 * Topology: world.ts. Costs are taken from outside (process-cost.ts), start included, in the same way of every contender, Millrace too.
 * Contenders are shown to deliver every line of the source, byte for byte, before the clock starts. Then they take turns; CPU-seconds and
 * their ratios within a round mean most. Slow ones sit out the rounds after `--slow-runs`. The KPL, slower than all of them and
 * able to speak TLS alone, has cases of its own with `--kpl-megabytes` of each workload.
 * A contender that is not here is left out with one line: `npm run contenders` builds those in other languages,
 * `npm ci --prefix bench` brings what the one in Node needs.
 * Run: `node bench/peers.ts [--megabytes 1024,256] [--kpl-megabytes 96,24] [--runs 3] [--slow-runs 1] [--only clicks-77]
 * [--transport https] [--beside Rust,Go] [--shards 8] [--keep FOLDER] [--smoke]`. --smoke: 1 MiB of clicks-77 over HTTPS, all
 * contenders, with the costs of the comparison itself.
 */
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { loadContender } from './contenders/load.ts';
import { type Language, missing, peers, versions } from './contenders/peers.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';
import { backfillArguments, type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024,256' },
    'kpl-megabytes': { type: 'string', default: '96,24' },
    runs: { type: 'string', default: '3' },
    'slow-runs': { type: 'string', default: '1' },
    shards: { type: 'string', default: '8' },
    only: { type: 'string' },
    transport: { type: 'string' },
    /** How the names of the others begin, where not all are wanted. */
    beside: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const OBJECTS = 32;
const CHECK_OBJECTS = 2;
/** Enough to show a contender right, and little enough for the sink to hold. */
const CHECK_BYTES = flags.smoke ? 1 << 20 : 8 << 20;
const IDIOMATIC = fileURLToPath(new URL('contenders/idiomatic.ts', import.meta.url));
const OURS = 'Millrace';

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
  readonly isSlow: boolean;
  readonly isKpl: boolean;
  /** The records that it says it has delivered. */
  delivered(stdout: string): number;
}

interface Case {
  readonly title: string;
  readonly workload: Workload;
  readonly totalBytes: number;
  readonly tls: boolean;
  readonly contenders: readonly Contender[];
}

/** What each contender cost, round by round. */
type Costs = Map<string, Cost[]>;

interface Measured {
  readonly objectCount: number;
  readonly bytes: number;
  readonly lines: number;
  readonly costs: Costs;
}

const NODE = 'Node, idiomatic';
const beginnings = flags.beside?.split(',') ?? [''];
const strange = beginnings.filter(
  (beginning) => ![NODE, ...peers.map(({ name }) => name)].some((name) => name.startsWith(beginning)),
);
if (strange.length > 0) {
  console.error(`--beside: no contender's name begins with ${strange.join(' or ')}`);
  process.exit(1);
}
const isWanted = (name: string) => beginnings.some((beginning) => name.startsWith(beginning));
const wanted = peers.filter(({ name }) => isWanted(name));

async function contendersOf({ name, key }: Workload): Promise<Contender[]> {
  const isShort = name === 'clicks-77';
  const ours = (label: string, more: readonly string[]): Contender => ({
    name: label,
    command: [process.execPath, ...backfillArguments(['--partition-key', key, ...more])],
    ...{ isSlow: false, isKpl: false },
    delivered: (stdout) => JSON.parse(stdout).records.delivered,
  });
  const delivered = (stdout: string) => JSON.parse(stdout).records;
  const list = [ours(OURS, []), ...(isShort ? [ours(`${OURS} --aggregate`, ['--aggregate'])] : [])];
  const job = ['bench', 'events/', 'bench', key];
  if (isWanted(NODE) && (await loadContender('p-limit')) === null)
    console.log('Skipped: idiomatic Node, because its packages are missing: npm ci --prefix bench');
  else if (isWanted(NODE)) {
    const command = [process.execPath, IDIOMATIC, ...job];
    list.push({ name: NODE, command, isSlow: true, isKpl: false, delivered });
  }
  for (const peer of wanted) {
    const why = missing(peer, flags.smoke);
    if (why !== null) console.log(`Skipped: ${peer.name}, because ${why}`);
    // Aggregates of long lines save nothing.
    else if (isShort || !peer.isAggregating)
      list.push({
        name: peer.name,
        command: peer.command([...job, ...peer.atOnce.map(String)]),
        isSlow: peer.isSlow ?? false,
        isKpl: peer.isTlsOnly ?? false,
        delivered,
      });
  }
  return list;
}

async function run(world: World, { name, command, delivered }: Contender): Promise<Cost> {
  const cost = await world.exec(command);
  const count = delivered(cost.stdout);
  if (count !== world.lines) throw new Error(`${name} says that it delivered ${count} of ${world.lines}`);
  return cost;
}

/** A world of its own for each case, with the same lines in it. */
function open(
  { workload, tls }: Case,
  objectCount: number,
  totalBytes: number,
  discard: boolean,
): Promise<World> {
  const objectBytes = totalBytes / objectCount;
  return World.start(
    { workload: workload.name, objectCount, objectBytes, compression: 'none', tls },
    { shards: Number(flags.shards), discard, tls },
  );
}

/** Right, then fast. @throws Where a contender has delivered anything but exactly the lines of the source. */
async function check(one: Case): Promise<Measured> {
  const costs: Costs = new Map();
  let carried = { bytes: 0, lines: 0 };
  for (const contender of one.contenders) {
    const world = await open(one, CHECK_OBJECTS, CHECK_BYTES, false);
    try {
      costs.set(contender.name, [await run(world, contender)]);
      await world.checkDelivered(contender.name);
      carried = world;
    } finally {
      await world.close();
    }
  }
  return { objectCount: CHECK_OBJECTS, bytes: carried.bytes, lines: carried.lines, costs };
}

async function measure(one: Case): Promise<Measured> {
  const world = await open(one, OBJECTS, one.totalBytes, true);
  const costs: Costs = new Map(one.contenders.map(({ name }) => [name, []]));
  try {
    for (let round = 0; round < Number(flags.runs); round++)
      for (const contender of one.contenders)
        if (round < Number(flags['slow-runs']) || !contender.isSlow)
          costs.get(contender.name)!.push(await run(world, contender));
  } finally {
    await world.close();
  }
  return { objectCount: OBJECTS, bytes: world.bytes, lines: world.lines, costs };
}

function figuresOf(title: string, { objectCount, bytes, lines, costs }: Measured): Figure[] {
  const megabytes = bytes / 1e6;
  const ours = costs.get(OURS)!;
  const size = `${megabytes.toFixed(0)} MB, ${lines} records, ${objectCount} objects, ${flags.shards} shards`;
  return [...costs].flatMap(([contender, own]) => {
    const figure = (metric: string, of: (cost: Cost, round: number) => number): Figure => ({
      case: `${title}: ${size}`,
      contender,
      metric,
      values: own.map(of),
    });
    return [
      figure('MB per CPU-s', (cost) => megabytes / cost.cpuSeconds),
      figure('x Millrace, CPU', (cost, round) => ours[round]!.cpuSeconds / cost.cpuSeconds),
      figure('records per CPU-s', (cost) => lines / cost.cpuSeconds),
      figure('CPU s', (cost) => cost.cpuSeconds),
      figure('user s', (cost) => cost.userSeconds),
      figure('sys s', (cost) => cost.systemSeconds),
      figure('wall s', (cost) => cost.wallSeconds),
      figure('peak RSS MB', (cost) => cost.rssPeakBytes / 1e6),
    ];
  });
}

function casesOf(workload: Workload, index: number, contenders: readonly Contender[]): Case[] {
  const bytes = (list: string) => Number(list.split(',')[index] ?? list.split(',')[0]) * 1e6;
  const common = contenders.filter(({ isKpl }) => !isKpl);
  const cases = [false, true].map((tls) => ({
    title: `${workload.name} over ${tls ? 'HTTPS' : 'HTTP'}`,
    ...{ workload, tls, contenders: common, totalBytes: bytes(flags.megabytes) },
  }));
  // The KPL beside those that are not slow, whose start weighs more in so short a run.
  const beside = contenders.filter(({ isKpl, isSlow }) => isKpl || !isSlow);
  if (beside.length > 0 && contenders.some(({ isKpl }) => isKpl))
    cases.push({
      title: `${workload.name} over HTTPS, with the KPL`,
      ...{ workload, tls: true, contenders: beside, totalBytes: bytes(flags['kpl-megabytes']) },
    });
  if (flags.smoke) return [{ ...cases[1]!, contenders, totalBytes: CHECK_BYTES }];
  return cases.filter(
    ({ tls }) => flags.transport === undefined || flags.transport === (tls ? 'https' : 'http'),
  );
}

/** How many processes want a core: with many more than there are cores, wall time says nothing, and CPU time some percent too much. */
const load = () => loadavg()[0]!.toFixed(1);
const loadBefore = load();
const figures: Figure[] = [];
const notes: string[] = [];
const right = new Set<string>();
const isRight = ({ tls, workload }: Case, contender: string) =>
  right.has(`${tls} ${workload.name} ${contender}`);
const only = flags.only ?? (flags.smoke ? 'clicks-77' : undefined);
for (const [index, name] of ['github-684', 'clicks-77'].entries()) {
  if (only !== undefined && only !== name) continue;
  const workload = WORKLOADS.find((candidate) => candidate.name === name)!;
  for (const one of casesOf(workload, index, await contendersOf(workload))) {
    // The KPL's case has contenders in it that were compared in the case before.
    const checked = await check({
      ...one,
      contenders: one.contenders.filter(({ name }) => !isRight(one, name)),
    });
    for (const contender of checked.costs.keys()) right.add(`${one.tls} ${name} ${contender}`);
    notes.push(
      `${one.title}: every contender delivered every line unaltered (${CHECK_BYTES >> 20} MiB compared)`,
    );
    figures.push(...figuresOf(one.title, flags.smoke ? checked : await measure(one)));
  }
}
const languages = new Set<Language>(
  wanted.filter((peer) => missing(peer, flags.smoke) === null).map(({ language }) => language),
);
for (const language of languages) notes.push(`${language}: ${versions(language)}`);
notes.push(`load of the machine: ${loadBefore} before, ${load()} after, on ${availableParallelism()} cores`);
report('what does the same job cost in other languages?', figures, { keep: flags.keep, notes });
