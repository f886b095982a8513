/** RELIABILITY row 1 at its count for every commit. `npm run chaos -- --kills 1000` is the long form. */
import { expect, it } from 'vitest';
import { killLoop } from './kill-loop.ts';

const KILLS = 50;
const FIRST_SEED = 1000;

it(`loses, alters and misplaces nothing over ${KILLS} kills, half at fault points and half at random moments`, async () => {
  let kills = 0;
  const killsBy: Record<string, number> = {};
  for (let seed = FIRST_SEED; kills < KILLS; seed += 1) {
    const run = await killLoop(seed, 12);
    expect(
      run.problems,
      `seed ${seed}; replay: npm run chaos -- --only ${seed} --kills 1 --kills-per-run 12; ${run.folder}`,
    ).toEqual([]);
    expect(run.kills, `seed ${seed}: a run without a kill proves nothing`).toBeGreaterThan(0);
    kills += run.kills;
    for (const [point, count] of Object.entries(run.killsBy)) killsBy[point] = (killsBy[point] ?? 0) + count;
  }
  console.log(`${kills} kills: ${JSON.stringify(killsBy)}`);
  expect(Object.keys(killsBy).length).toBeGreaterThan(4);
}, 400_000);
