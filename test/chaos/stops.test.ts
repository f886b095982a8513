/**
 * RELIABILITY rows 2 and 17: signals, and threads that throw, exit, run out of memory or hang. Each time the run stops in good
 * order, and the same command ends it with nothing lost.
 */
import { describe, expect, it } from 'vitest';
import { readStatus } from '../../src/report/status.ts';
import { seeded } from '../journal/memory-disk.ts';
import { check, type FinalReport } from './checker.ts';
import { type Ended, runOnce, SECRETS, SEGMENT_BYTES, World } from './harness.ts';
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
            expect(await world.unjournaled(), 'an orderly stop leaves nothing to repeat').toBe(0);
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

it('a stop in the middle of segments and compressed objects journals how far each came: nothing is sent twice', async () => {
  const random = seeded(5);
  // Bodies take seconds, so that a signal meets many of them half way.
  const s3Faults = [{ kind: 'slow' as const, name: 'slow-body', bytesPerSecond: 120_000 }];
  const world = await World.open({ random, scale: 3, s3Faults });
  try {
    const ended: Ended[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const atMs = 200 + random() * 300;
      const one = await runOnce(world, [], { signals: [{ signal: 'SIGTERM', afterPuts: 8, atMs }] });
      ended.push(one);
      expect([one.exitCode, JSON.parse(one.stdout).records.repeatable], one.stderr).toEqual([143, 0]);
      expect(await world.unjournaled()).toBe(0);
    }
    expect(world.s3.stats().faultsFired['slow-body']).toBeGreaterThan(0);
    const entries = world.journalText().trimEnd().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one step a call
    const isCut = ({ kind, end }: { kind: string; end: number }) =>
      kind === 'segment' && end % SEGMENT_BYTES > 0;
    const sizes = new Set(entries.filter(({ kind }) => kind === 'object').map(({ size }) => size));
    expect(entries.filter((entry) => isCut(entry) && !sizes.has(entry.end)).length).toBeGreaterThan(0);
    expect(entries.some(({ kind }) => kind === 'progress')).toBe(true);
    world.s3.setFaults([]);
    await finishAndCheck(world, 0, ended);
  } finally {
    await world.close();
  }
}, 120_000);

describe('a thread', () => {
  const place = String.raw`at s3://source/p/\S+, bytes \d+ to \d+`;
  const memory = String.raw`it ran out of memory \(256 MiB of JavaScript heap\)`;
  it.each([
    { fault: 'parser.task:2:throw', message: `The parser thread failed ${place}: Fault point` },
    { fault: 'parser.task:3:exit', message: `The parser thread failed ${place}: .* code: 70` },
    { fault: 'parser.task:4:oom', message: `The parser thread failed ${place}: ${memory}` },
    { fault: 'parser.task:5:hang', message: 'The parser thread [01] shows no sign of life for 5 s' },
    { fault: 'publisher.before-put:2:throw', message: 'The publisher thread failed: Fault point' },
    { fault: 'publisher.before-put:3:exit', message: 'The publisher thread failed: .* code: 70' },
    { fault: 'publisher.before-put:4:oom', message: `The publisher thread failed: ${memory}` },
    {
      fault: 'publisher.before-put:5:hang',
      message: 'The publisher thread [01] shows no sign of life for 5 s',
    },
    { fault: 'publisher.after-put:3:throw', message: 'The publisher thread failed: Fault point' },
  ])(
    'that fails by $fault ends its run with exit 3 and says so, and the same command finishes it',
    async ({ fault, message }) => {
      const world = await World.open({ random: seeded(7), kinesisFaults: SLOW, scale: 0.5 });
      try {
        const one = await runOnce(world, [], { fault, timeoutMs: 45_000 });
        expect(one.faultFired, 'the fault did not happen, so nothing is shown').toBe(true);
        expect([one.exitCode, one.timedOut], one.stderr).toEqual([3, false]);
        const report = JSON.parse(one.stdout);
        expect(report.status).toBe('failed');
        expect(report.error).toMatch(
          new RegExp(`^${message}.*; run the same command again to go on from the journal$`),
        );
        expect(report.rssMaxBytes).toBeLessThan(900 << 20);
        // Waiting for a thread that hangs would take the whole time of a drain, 20 s, on top of the 5 s that show that it does.
        expect(one.durationMs).toBeLessThan(24_000);
        await finishAndCheck(world, await world.unjournaled(), [one]);
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});
