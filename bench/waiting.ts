/**
 * Question: what does a run cost while the service sets its pace, and what did a change bring?
 * Workload: github-684 and clicks-77, seed 42, 8 objects.
 * Topology: world.ts, one parser and one publisher. Streams of 8 shards: on demand and answering at once (full speed); provisioned, 1,000 records a
 * second each, with answers after 30 ms (waiting). A short and a long run of each are measured, and their difference is told: so
 * a start, and the second of burst that shards have saved up, cost nothing here. With `--vs FOLDER` another checkout takes turns.
 * Run: `node bench/waiting.ts [--seconds 20] [--runs 3] [--vs FOLDER] [--keep FOLDER] [--smoke]`.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, format, median, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';
import { type Cost, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    runs: { type: 'string', default: '3' },
    vs: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const SHARDS = 8;
const ANSWER_MS = 30;
const OBJECTS = 8;
/** What the shards take in a second, and a second's worth more that they have saved up. */
const RECORDS_PER_SECOND = 8_000;
const SHORT_RECORDS = flags.smoke ? 500 : 3 * RECORDS_PER_SECOND;
const LONG_RECORDS = SHORT_RECORDS + (flags.smoke ? 8_000 : Number(flags.seconds) * RECORDS_PER_SECOND);
/** At full speed a difference of so few records would be lost in that of two starts. */
const FAST_FACTOR = flags.smoke ? 1 : 4;
const runCount = flags.smoke ? 1 : Number(flags.runs);
const AIM_CORE_SHARE = 0.05;
const NOTHING = { cpuSeconds: 0, wallSeconds: 0 };

const contenders = new Map<string, string | undefined>([
  ...(flags.vs === undefined ? [] : [['before', resolve(flags.vs)] as const]),
  ['now', undefined],
]);
const SPEEDS = [
  { speed: 'full speed', stream: {}, factor: FAST_FACTOR },
  {
    speed: `waiting: ${SHARDS} provisioned shards, answers after ${ANSWER_MS} ms`,
    stream: { provisioned: true, answerMs: ANSWER_MS },
    factor: 1,
  },
] as const;

/** What one more record costs, and how much of a core is busy meanwhile. */
interface Margin {
  readonly usPerRecord: number;
  readonly coreShare: number;
  readonly recordsPerSecond: number;
}

function open(workload: Workload, records: number, stream: object): Promise<World> {
  const objectBytes = (records * workload.lineBytes) / OBJECTS;
  return World.start(
    { workload: workload.name, objectCount: OBJECTS, objectBytes, compression: 'none' },
    { shards: SHARDS, discard: true, ...stream },
  );
}

async function margins(workload: Workload, { stream, factor }: (typeof SPEEDS)[number]) {
  const short = await open(workload, SHORT_RECORDS, stream);
  const long = await open(workload, LONG_RECORDS * factor, stream);
  const found = new Map([...contenders.keys()].map((name) => [name, [] as Margin[]]));
  const command = ['--partition-key', workload.key, '--parsers', '1', '--publishers', '1'];
  const run = (world: World, folder: string | undefined): Promise<Cost> =>
    world.backfill(command, folder === undefined ? {} : { folder });
  try {
    for (let turn = 0; turn < runCount; turn++)
      for (const [name, folder] of contenders) {
        // The difference of two runs as short as those of --smoke is chance.
        const little = flags.smoke ? NOTHING : await run(short, folder);
        const much = await run(long, folder);
        const records = flags.smoke ? long.lines : long.lines - short.lines;
        const cpuSeconds = much.cpuSeconds - little.cpuSeconds;
        const wallSeconds = much.wallSeconds - little.wallSeconds;
        found.get(name)!.push({
          usPerRecord: (cpuSeconds / records) * 1e6,
          coreShare: cpuSeconds / wallSeconds,
          recordsPerSecond: records / wallSeconds,
        });
      }
  } finally {
    await short.close();
    await long.close();
  }
  return found;
}

const figures: Figure[] = [];
const notes: string[] = [];
for (const name of flags.smoke ? ['clicks-77'] : ['github-684', 'clicks-77']) {
  const workload = WORKLOADS.find((candidate) => candidate.name === name)!;
  for (const speed of SPEEDS) {
    const found = await margins(workload, speed);
    for (const [contender, own] of found) {
      const figure = (metric: string, of: (margin: Margin) => number): Figure => ({
        case: `${name}, what more records cost`,
        contender: `${speed.speed}, ${contender}`,
        metric,
        values: own.map(of),
      });
      figures.push(
        figure('CPU us a record', ({ usPerRecord }) => usPerRecord),
        figure('of a core', ({ coreShare }) => coreShare),
        figure('records/s', ({ recordsPerSecond }) => recordsPerSecond),
      );
      const share = median(own.map(({ coreShare }) => coreShare));
      if ('answerMs' in speed.stream && !flags.smoke)
        notes.push(
          `${name}, ${contender}: ${format(share * 100)} % of a core while it waits, aim under ${AIM_CORE_SHARE * 100}: ${share < AIM_CORE_SHARE ? 'reached' : 'NOT REACHED'}`,
        );
    }
  }
}
report('what does a run cost while the service sets its pace?', figures, { keep: flags.keep, notes });
