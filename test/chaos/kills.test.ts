/** RELIABILITY row 1 at its count for every commit. `npm run chaos -- --kills 1000` is the long form. */
import { expect, it } from 'vitest';
import { killLoop } from './kill-loop.ts';

const KILLS = 50;
const FIRST_SEED = 1000;
/** On a fast machine a run may be over before its kill; such a run counts for nothing, and there may not be many. */
const RUNS_MAX = 60;

it(`loses, alters and misplaces nothing over ${KILLS} kills, half at fault points and half at random moments`, async () => {
  let kills = 0;
  const killsBy: Record<string, number> = {};
  for (let seed = FIRST_SEED; kills < KILLS && seed < FIRST_SEED + RUNS_MAX; seed += 1) {
    const run = await killLoop(seed, 12);
    expect(
      run.problems,
      `seed ${seed}; replay: npm run chaos -- --only ${seed} --kills 1 --kills-per-run 12; ${run.folder}`,
    ).toEqual([]);
    kills += run.kills;
    for (const [point, count] of Object.entries(run.killsBy)) killsBy[point] = (killsBy[point] ?? 0) + count;
  }
  console.log(`${kills} kills: ${JSON.stringify(killsBy)}`);
  expect(kills).toBeGreaterThanOrEqual(KILLS);
  expect(Object.keys(killsBy).length).toBeGreaterThan(4);
}, 600_000);
