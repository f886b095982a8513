/** Finish: the last process of a run that was stopped before, and what it all came to. */
import { expect } from 'vitest';
import { check, type FinalReport } from './checker.ts';
import { type Ended, type RunPlan, runOnce, SECRETS, type World } from './harness.ts';
import { expectedOf } from './oracle.ts';

/** Ends the run with the same command and holds the whole against the checker. @param earlier What the stopped processes printed. */
export async function finishAndCheck(
  world: World,
  duplicatesMax: number,
  earlier: readonly Ended[],
  plan?: RunPlan,
): Promise<void> {
  const last = await runOnce(world, [], plan);
  const outputs = [...earlier, last].flatMap(({ stdout, stderr }) => [stdout, stderr]);
  const problems = check({
    expected: expectedOf(world.objects, {}),
    stored: await world.stored(),
    letters: world.deadLettersText(),
    report: JSON.parse(last.stdout) as FinalReport,
    exitCode: last.exitCode,
    duplicatesMax,
    outputs: [...outputs, world.journalText()],
    secrets: SECRETS,
  });
  expect(problems).toEqual([]);
}
