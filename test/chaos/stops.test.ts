/**
 * docs/RELIABILITY.md, rows 2 and 17: signals, and threads that throw, exit, run out of memory or hang. Each time the run stops in good
 * order, and the same command ends it with nothing lost.
 */

import { constants } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ENGINE } from '../../src/base/limits.ts';
import { readStatus } from '../../src/observe/status.ts';
import { countOf } from '../heavy.ts';
import { seeded } from '../journal/memory-disk.ts';
import { finishAndCheck } from './finish.ts';
import { type Ended, runOnce, SEGMENT_BYTES, World } from './harness.ts';

const SLOW = [{ kind: 'delay' as const, name: 'slow', delayMs: 60, probability: 0.8 }];

/** Signals of each kind; all kinds together are the count of row 2, under `npm run test:heavy`. */
const STOPS = countOf({ quick: 1, heavy: 5 });

/** Entries that say how far a segment or a compressed object came before it was cut. */
function cutsIn(journal: string): number {
  const entries = journal.trimEnd().split('\n').map((line) => JSON.parse(line)); // biome-ignore format: one step a call
  const sizes = new Set(entries.filter(({ kind }) => kind === 'object').map(({ size }) => size));
  return entries.filter(
    ({ kind, end }) =>
      kind === 'progress' || (kind === 'segment' && end % SEGMENT_BYTES > 0 && !sizes.has(end)),
  ).length;
}

describe('a signal', () => {
  it.each([
    { signals: ['SIGTERM'], seed: 1, exitCode: 143 },
    { signals: ['SIGINT'], seed: 2, exitCode: 130 },
    { signals: ['SIGINT', 'SIGINT'], seed: 3, exitCode: 130 },
    { signals: ['SIGTERM', 'SIGTERM'], seed: 4, exitCode: 143 },
  ] as const)(
    `$signals ends the run with $exitCode within 20 s, ${STOPS} times, and the same command finishes it (seed $seed)`,
    async ({ signals, seed, exitCode }) => {
      const random = seeded(seed);
      // Bodies take seconds, so that a signal meets segments and compressed objects half way.
      const s3Faults = [{ kind: 'slow' as const, name: 'slow-body', bytesPerSecond: 50_000 }];
      const world = await World.open({ random, scale: 1.5, s3Faults, kinesisFaults: SLOW });
      const isOrderly = signals.length === 1;
      try {
        const ended: Ended[] = [];
        for (let turn = 0; turn < STOPS; turn += 1) {
          const atMs = 400 + random() * 500;
          const one = await runOnce(world, [], {
            signals: signals.map((signal, n) => ({ signal, afterPuts: 4, atMs: atMs + n * 50 })),
          });
          ended.push(one);
          // A second signal may meet a process that has done everything and is being taken down: its shell sees the same code.
          const code = isOrderly || one.signal === null ? one.exitCode : 128 + constants.signals[one.signal];
          expect([code, one.timedOut], `${one.signal} ${one.stderr}`).toEqual([exitCode, false]);
          expect(one.afterSignalMs).toBeLessThan(ENGINE.stopMs);
          if (!isOrderly) continue;
          const { status, records } = JSON.parse(one.stdout);
          expect([status, records.repeatable]).toEqual(['interrupted', 0]);
          expect(await world.unjournaled(), 'an orderly stop leaves nothing to repeat').toBe(0);
          expect((await readStatus(world.journal)).state).toBe('stopped');
        }
        expect(world.s3.stats().faultsFired['slow-body']).toBeGreaterThan(0);
        if (isOrderly) expect(cutsIn(world.journalText())).toBeGreaterThan(0);
        world.s3.setFaults([]);
        await finishAndCheck(world, isOrderly ? 0 : Number.POSITIVE_INFINITY, ended);
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});

describe('a thread', () => {
  const place = String.raw`at s3://source/p/\S+, bytes \d+ to \d+`;
  const memory = String.raw`it ran out of memory \(512 MiB of JavaScript heap\)`;
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
        expect(report.rssMaxBytes).toBeLessThan(1000 << 20);
        // Waiting for a thread that hangs would take the whole time of a drain, 20 s, on top of the 5 s that show that it does. How long
        // a thread takes to fill its memory is the machine's business.
        if (!fault.endsWith(':oom')) expect(one.afterFaultMs).toBeLessThan(24_000);
        await finishAndCheck(world, await world.unjournaled(), [one]);
      } finally {
        await world.close();
      }
    },
    120_000,
  );
});
