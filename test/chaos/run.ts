/**
 * Run: many kill loops one behind the other, for `npm run chaos -- --kills 1000 --seed 1`.
 * Takes  --kills N (100), --seed S (1), --kills-per-run K (10), --only SEED (replays one run),
 *        --order none or key, --aggregate no or yes (each both, drawn per run).
 * Gives  one JSON line a run and one for the whole on stdout; exit 1 if a promise was broken, with the seed that replays it.
 */
import { parseArgs } from 'node:util';
import { type KillMix, type KillRun, killLoop } from './kill-loop.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    'kills-per-run': { type: 'string', default: '10' },
    only: { type: 'string' },
    order: { type: 'string', multiple: true, default: ['none', 'key'] },
    aggregate: { type: 'string', multiple: true, default: ['no', 'yes'] },
  },
});
const killsWanted = Number(values.kills);
const perRun = Number(values['kills-per-run']);
/** So many broken runs are enough: a command that cannot even start would be tried for ever. */
const BROKEN_MAX = 5;
const mix: KillMix = {
  orders: values.order as ('none' | 'key')[],
  aggregates: values.aggregate.map((answer) => answer === 'yes'),
};
const startedMs = Date.now();
const runs: KillRun[] = [];
let kills = 0;
for (let seed = Number(values.only ?? values.seed); kills < killsWanted; seed += 1) {
  const run = await killLoop(seed, perRun, mix);
  runs.push(run);
  kills += run.kills;
  console.log(JSON.stringify(run));
  if (run.problems.length > 0)
    console.error(
      `Seed ${seed} broke a promise; replay: npm run chaos -- --only ${seed} --kills 1 --kills-per-run ${perRun}`,
    );
  if (values.only !== undefined || runs.filter(({ problems }) => problems.length > 0).length === BROKEN_MAX)
    break;
}
const killsBy: Record<string, number> = {};
for (const run of runs)
  for (const [point, count] of Object.entries(run.killsBy)) killsBy[point] = (killsBy[point] ?? 0) + count;
const sum = (pick: (run: KillRun) => number) => runs.reduce((total, run) => total + pick(run), 0);
const broken = runs.filter((run) => run.problems.length > 0);
console.log(
  JSON.stringify({
    kills,
    killsBy,
    runs: runs.length,
    processes: sum((run) => run.processes),
    recordsStored: sum((run) => run.records),
    duplicates: sum((run) => run.duplicates),
    unjournaledMax: Math.max(...runs.map((run) => run.unjournaledMax)),
    brokenSeeds: broken.map((run) => run.seed),
    seconds: Math.round((Date.now() - startedMs) / 1000),
    node: process.version,
  }),
);
process.exitCode = broken.length > 0 ? 1 : 0;
