/**
 * RELIABILITY rows 2 and 17: signals, and threads that throw, exit, run out of memory or hang. Each time the run stops in good
 * order, and the same command ends it with nothing lost.
 */
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/report/status.ts';
import { seeded } from '../journal/memory-disk.ts';
import { check, duplicatesIn, type FinalReport } from './checker.ts';
import { type Ended, runOnce, SECRETS, World } from './harness.ts';
import { expectedOf } from './oracle.ts';

const SLOW = [{ kind: 'delay' as const, name: 'slow', delayMs: 60, probability: 0.8 }];

/** Ends the run with the same command and holds the whole against the checker. @param earlier What the stopped processes printed. */
async function finishAndCheck(world: World, duplicatesMax: number, earlier: readonly Ended[]): Promise<void> {
  const last = await runOnce(world, []);
  const stored = await world.stored();
  const report = JSON.parse(last.stdout) as FinalReport;
  const outputs = [...earlier, last].flatMap(({ stdout, stderr }) => [stdout, stderr]);
  const problems = check({
    expected: expectedOf(world.objects, {}),
    stored,
    letters: world.lettersText(),
    report,
    exitCode: last.exitCode,
    duplicatesMax,
    outputs: [...outputs, world.journalText()],
    secrets: SECRETS,
  });
  expect(problems).toEqual([]);
}

/** Records in the stream that the journal does not know. */
async function unjournaled(world: World): Promise<number> {
  const stored = await world.stored();
  const delivered = world.journalText() === '' ? 0 : (await readStatus(world.journal)).records.delivered;
  return stored.length - duplicatesIn(stored) - delivered;
}

describe('a signal', () => {
  it.each([
    { signals: ['SIGTERM'], seed: 1, exitCode: 143 },
    { signals: ['SIGINT'], seed: 2, exitCode: 130 },
    { signals: ['SIGINT', 'SIGINT'], seed: 3, exitCode: 130 },
    { signals: ['SIGTERM', 'SIGTERM'], seed: 4, exitCode: 143 },
  ] as const)(
    '$signals ends the run with $exitCode within 20 s, and the same command finishes it (seed $seed)',
    async ({ signals, seed, exitCode }) => {
      const random = seeded(seed);
      const world = await World.open({ random, kinesisFaults: SLOW });
      try {
        let interrupted = 0;
        const ended: Ended[] = [];
        for (let turn = 0; turn < 5; turn += 1) {
          const atMs = 1200 + turn * 500 + Math.floor(random() * 1200);
          const one = await runOnce(world, [], {
            signals: signals.map((signal, n) => ({ signal, atMs: atMs + n * 50 })),
          });
          ended.push(one);
          if (one.exitCode === 0 || one.exitCode === 1) break;
          expect([one.exitCode, one.timedOut], one.stderr).toEqual([exitCode, false]);
          expect(one.afterSignalMs).toBeLessThan(20_000);
          // On a busy machine a signal may come before the run has begun: then there is no report, and it proves nothing.
          if (signals.length === 1 && one.stdout === '') continue;
          interrupted += 1;
          if (signals.length === 1) {
            const report = JSON.parse(one.stdout);
            expect(report.status).toBe('interrupted');
            expect(await unjournaled(world), 'an orderly stop leaves nothing to repeat').toBe(0);
            expect((await readStatus(world.journal)).state).toBe('stopped');
          }
        }
        expect(interrupted).toBeGreaterThan(0);
        const repeatable = signals.length === 1 ? 0 : Number.POSITIVE_INFINITY;
        await finishAndCheck(world, repeatable, ended);
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});

describe('a thread', () => {
  it.each([
    ...['throw', 'exit', 'oom', 'hang'].map((action, n) => ({ fault: `parser.task:${2 + n}:${action}` })),
    ...['throw', 'exit', 'oom', 'hang'].map((action, n) => ({
      fault: `publisher.before-put:${2 + n}:${action}`,
    })),
    { fault: 'publisher.after-put:3:throw' },
  ])(
    'that fails by $fault: the run goes on or ends with exit 3, and the same command finishes it',
    async ({ fault }) => {
      const world = await World.open({ random: seeded(7), kinesisFaults: SLOW, scale: 0.5 });
      try {
        const one = await runOnce(world, [], { fault, timeoutMs: 45_000 });
        expect(one.faultFired, 'the fault did not happen, so nothing is shown').toBe(true);
        expect(one.timedOut, `it hung: ${one.stderr}`).toBe(false);
        expect([0, 1, 3], one.stderr).toContain(one.exitCode);
        await finishAndCheck(world, Math.max(0, await unjournaled(world)) + (one.exitCode === 3 ? 0 : 2000), [
          one,
        ]);
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});
