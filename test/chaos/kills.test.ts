/** docs/RELIABILITY.md, row 1, at its count for every commit under `npm run test:heavy`. `npm run chaos -- --kills 1000` is the long form. */
import { expect, it } from 'vitest';
import { FAULT_POINTS } from '../../src/base/fault-points.ts';
import { countOf } from '../heavy.ts';
import { killLoop } from './kill-loop.ts';

const KILLS = countOf({ quick: 20, heavy: 50 });
const FLAGS = ['--aggregate', '--order', '--partition-key', '--limit', '--transform'];
const KILLS_PER_RUN = 10;
/** With the seeds behind it, every kind of run is drawn within five, and every point takes its turn. */
const FIRST_SEED = 1002;
/** A run may be over before all its kills, or a point not be reached, and then more runs are needed; there may not be many. */
const RUNS_MAX = 20;

/**
 * All but those that a backfill never passes, or that need a large journal, dead letters that happen to lie in a certain order, or an idle
 * parser (giving.test.ts).
 */
const POINTS = FAULT_POINTS.filter(
  (point) =>
    !point.includes('compact') &&
    point !== 'dead-letters.before-rename' &&
    !['parser.given', 'reader.task'].includes(point),
);

it('repeats nothing where nothing is killed', async () => {
  const { problems, kills, duplicates } = await killLoop(FIRST_SEED - 1, 0);
  expect({ problems, kills, duplicates }).toEqual({ problems: [], kills: 0, duplicates: 0 });
}, 120_000);

it(`loses, alters and misplaces nothing over ${KILLS} kills, half at fault points and half at random moments`, async () => {
  let kills = 0;
  const killsBy: Record<string, number> = {};
  const flags = new Set<string>();
  const isOver = () =>
    kills >= KILLS &&
    POINTS.every((point) => (killsBy[point] ?? 0) > 0) &&
    FLAGS.every((flag) => flags.has(flag));
  for (let seed = FIRST_SEED; !isOver() && seed < FIRST_SEED + RUNS_MAX; seed += 1) {
    const run = await killLoop(seed, KILLS_PER_RUN);
    const replay = `npm run chaos -- --only ${seed} --kills-per-run ${KILLS_PER_RUN}`;
    expect(run.problems, `seed ${seed}; replay: ${replay}; ${run.folder}`).toEqual([]);
    kills += run.kills;
    for (const flag of run.flags) flags.add(flag);
    for (const [point, count] of Object.entries(run.killsBy)) killsBy[point] = (killsBy[point] ?? 0) + count;
  }
  console.log(`${kills} kills: ${JSON.stringify(killsBy)}`);
  expect(kills).toBeGreaterThanOrEqual(KILLS);
  expect(Object.keys(killsBy)).toEqual(expect.arrayContaining(['random', ...POINTS]));
  expect([...flags]).toEqual(expect.arrayContaining(FLAGS));
}, 600_000);
