/** Guard: what never ends is ended, what throws throws, and a slow machine is nobody's fault. With the addon and without it. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { Guard, nextTryMs, TRIES_MAX, TRY_MS_MAX, type TryTimes } from '../../src/scan/guard.ts';

function forever(): void {
  for (;;);
}

const KINDS = [
  ['the addon', false],
  ['node:vm', true],
] as const;

describe.each(KINDS.filter(([, portable]) => portable || loadAddon().addon !== null))(
  'a guard by %s',
  (_name, portable) => {
    it('lets work pass that ends, and what it throws', () => {
      const guard = new Guard({ portable, lineCpuMsMax: 60_000 }); // many lines are timed by the clock, and a busy machine may stand still
      let done = 0;
      expect([guard.runLines(() => done++), guard.runLine(() => done++, 1), done]).toEqual([true, true, 2]);
      const error = new Error('no');
      const work = () => {
        throw error;
      };
      expect(() => guard.runLines(work)).toThrow(error);
      expect(() => guard.runLine(work, 1)).toThrow(error);
    });

    it.each([
      ['a loop', forever],
      ['a regular expression', () => /^(a+)+\1$/.test(`${'a'.repeat(80)}b`)],
      ['a regular expression for Unicode', () => /^(?:\p{L}+)+$/u.test(`${'ä'.repeat(80)}1`)],
      [
        'arithmetic',
        () => {
          for (let x = 3n; ; ) x *= x;
        },
      ],
      [
        'finally',
        () => {
          try {
            forever();
          } finally {
            forever();
          }
        },
      ],
    ])('ends %s, and can be used again', (_name, work) => {
      let tries = 0;
      const guard = new Guard({ portable, lineCpuMsMax: 20, onTry: () => tries++ });
      expect(guard.runLines(work)).toBe(false);
      expect(guard.runLine(work, 1)).toBe(false);
      expect(tries).toBeGreaterThan(0);
      expect(guard.runLine(() => {}, 1)).toBe(true);
    });

    it('takes the time of the processor for long, not that of the clock: what waits is not to blame', () => {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      let tries = 0;
      const guard = new Guard({ portable, lineCpuMsMax: 100, onTry: () => tries++ });
      // Longer by the clock than a first try lasts.
      const wait = () => Atomics.wait(cell, 0, 0, 300);
      expect(guard.runLine(wait, 1)).toBe(true);
      expect(tries).toBeGreaterThan(1);
    });

    it('holds a line to its time although it came to its end in it', () => {
      const guard = new Guard({ portable, lineCpuMsMax: 50 });
      const work = () => {
        const before = process.threadCpuUsage(); // of this try: on a busy machine others may come before it
        while (process.threadCpuUsage(before).user < 55_000);
      };
      expect(guard.runLine(work, 1)).toBe(false);
    });

    it('gives a long line more time', () => {
      const guard = new Guard({ portable, lineCpuMsMax: 10 });
      const work = () => {
        const before = process.threadCpuUsage();
        while (process.threadCpuUsage(before).user < 50_000);
      };
      expect([guard.runLine(work, 0), guard.runLine(work, 2 << 20)]).toEqual([false, true]);
    });

    it('ends what never ends in a worker thread, which goes on', async () => {
      const url = new URL('../../src/scan/guard.ts', import.meta.url);
      const code = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(url)}).then(({ Guard }) => {
        const guard = new Guard({ portable: ${portable}, lineCpuMsMax: 20 });
        parentPort.postMessage([guard.runLine(() => { for (;;); }, 1), guard.runLine(() => {}, 1)]);
      });`;
      const worker = new Worker(code, { eval: true });
      const [answer, exitCode] = await Promise.all([
        new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)),
        new Promise((resolve) => worker.once('exit', resolve)),
      ]);
      expect([answer, exitCode]).toEqual([[false, true], 0]);
    });
  },
);

/** What each try had, and how many tries there were; from `enough` on it has all the CPU time that a line may take. */
function triesUnder(had: TryTimes, enough: number): number {
  let tries = 0;
  let reads = 0;
  const total = { clockMs: 0, cpuMs: 0, starvedMs: 0 as number | null };
  const times = () => {
    // Once before each try, and once behind it.
    if (reads++ % 2 === 1) {
      total.clockMs += had.clockMs;
      total.cpuMs += tries < enough ? had.cpuMs : 1_000;
      total.starvedMs = had.starvedMs === null ? null : total.starvedMs! + had.starvedMs;
    }
    return { ...total };
  };
  const guard = new Guard({ lineCpuMsMax: 8, onTry: () => tries++, times });
  expect(guard.runLine(forever, 1)).toBe(false);
  return tries;
}

it.each([
  { name: 'others had the processor', had: { clockMs: 1.1, cpuMs: 1, starvedMs: 1 }, tries: 8 },
  {
    name: 'it had some of it, and the system says no more',
    had: { clockMs: 1.1, cpuMs: 1, starvedMs: null },
    tries: 8,
  },
  { name: 'it waited for something', had: { clockMs: 1.1, cpuMs: 1, starvedMs: 0 }, tries: TRIES_MAX },
])('a line is tried $tries times where $name', ({ had, tries }) => {
  expect(triesUnder(had, 8)).toBe(tries);
});

it.each([
  {
    name: 'at two hundredths of a processor is long enough for all that a line may take',
    had: { clockMs: 10_000, cpuMs: 200, starvedMs: 9_800 },
    wantedMs: 175_000,
  },
  { name: 'that waits is short', had: { clockMs: 10_000, cpuMs: 1, starvedMs: 0 }, wantedMs: TRY_MS_MAX },
  {
    name: 'without a processor ends some time',
    had: { clockMs: 10_000, cpuMs: 0, starvedMs: 10_000 },
    wantedMs: 600_000,
  },
])('the try behind one $name', ({ had, wantedMs }) => {
  expect(nextTryMs(3_500, 2_800, had)).toBeCloseTo(wantedMs);
});
