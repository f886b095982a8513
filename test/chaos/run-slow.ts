/**
 * Run slow: many runs whose stream is the limit, for `npm run chaos:slow -- --kills 1000 --stops 200 --seed 1`.
 * Takes  --kills N (60), --stops N (20), --seed S (1), --ends-per-run K (10), --parallel P (2), --kind KIND (all, in turn).
 * Gives  one JSON line a run and one for the whole on stdout; exit 1 if a promise was broken.
 */
import { parseArgs } from 'node:util';
import { SLOW_KINDS, type SlowEnd, type SlowKind, type SlowRun, slowRun } from './slow-stream.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '60' },
    stops: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    'ends-per-run': { type: 'string', default: '10' },
    parallel: { type: 'string', default: '2' },
    kind: { type: 'string', multiple: true, default: [...SLOW_KINDS] },
  },
});
const perRun = Number(values['ends-per-run']);
const kinds = values.kind as SlowKind[];
const startedMs = Date.now();
const runs: SlowRun[] = [];
let seed = Number(values.seed);

async function spend(end: SlowEnd, wanted: number): Promise<void> {
  const ended = () => runs.filter((run) => run.end === end).reduce((sum, run) => sum + run.ends, 0);
  let underWay = 0;
  const work = async () => {
    while (ended() + underWay * perRun < wanted && runs.every(({ problems }) => problems.length === 0)) {
      const own = seed++;
      underWay++;
      const run = await slowRun(own, kinds[own % kinds.length]!, end, perRun);
      underWay--;
      runs.push(run);
      console.log(JSON.stringify(run));
      if (run.problems.length > 0) console.error(`Seed ${own} (${run.kind}, ${end}) broke a promise`);
    }
  };
  await Promise.all(Array.from({ length: Number(values.parallel) }, work));
}

await spend('SIGKILL', Number(values.kills));
await spend('SIGTERM', Number(values.stops));

const summaryOf = (end: SlowEnd) => {
  const own = runs.filter((run) => run.end === end);
  const gaps = own.flatMap(({ unjournaled }) => unjournaled).sort((one, other) => one - other);
  const sum = (pick: (run: SlowRun) => number) => own.reduce((total, run) => total + pick(run), 0);
  return {
    ends: sum((run) => run.ends),
    runs: own.length,
    records: sum((run) => run.records),
    duplicates: sum((run) => run.duplicates),
    throttled: sum((run) => run.throttled),
    longLives: sum((run) => run.longLives),
    unjournaledMedian: gaps[gaps.length >> 1] ?? 0,
    unjournaledMax: gaps.at(-1) ?? 0,
    stopMsMax: Math.max(0, ...own.map((run) => run.stopMsMax)),
    broken: own.filter((run) => run.problems.length > 0).map((run) => run.seed),
  };
};
const summary = { kills: summaryOf('SIGKILL'), stops: summaryOf('SIGTERM') };
const seconds = Math.round((Date.now() - startedMs) / 1000);
console.log(JSON.stringify({ ...summary, seconds, node: process.version }));
process.exitCode = summary.kills.broken.length + summary.stops.broken.length > 0 ? 1 : 0;
