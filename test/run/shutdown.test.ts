import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { ENGINE } from '../../src/base/limits.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { Shutdown, STOP_BUDGET_MS, within } from '../../src/run/shutdown.ts';
import { standStill } from '../base/stand-still.ts';

const never = new Promise<never>(() => {});
const interrupted = new MillraceError('MILLRACE_INTERRUPTED', 'Stopped', { exitCode: 130 });

let told: (string | number)[] = [];
const start = (idle: Promise<void>, close: Promise<void> = Promise.resolve()) =>
  new Shutdown({
    reading: { abort: () => void told.push('abort'), idle: () => idle, close: () => close },
    publishing: { close: () => close },
    setPhase: (phase) => void told.push(phase),
  });

beforeEach(() => {
  told = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('has a budget whose parts add up to the time that a stop may take', () => {
  expect(Object.values(STOP_BUDGET_MS).reduce((sum, part) => sum + part, 0)).toBe(ENGINE.stopMs);
});

describe('a stop', () => {
  it('goes from phase to phase as soon as each comes to its end', async () => {
    await start(Promise.resolve()).drain(interrupted, Promise.resolve());
    expect([told, vi.getTimerCount()]).toEqual([['abort', PHASE.STOP, PHASE.LEAVE, PHASE.CUT], 0]);
  });

  it('gives each step its time where nothing ever ends, and no more', async () => {
    const shutdown = start(never, never);
    let hasEnded = false;
    void shutdown
      .drain(interrupted, never)
      .then(() => shutdown.closePools())
      .then(() => {
        hasEnded = true;
      });
    const { rest, answers, leave, pools } = STOP_BUDGET_MS;
    const at: unknown[] = [];
    for (const stepMs of [rest, answers, leave, pools]) {
      await vi.advanceTimersByTimeAsync(stepMs - 1);
      at.push(told.at(-1));
      await vi.advanceTimersByTimeAsync(1);
    }
    expect([at, hasEnded]).toEqual([[PHASE.STOP, PHASE.LEAVE, PHASE.CUT, PHASE.CUT], true]);
  });

  it('waits for nobody where a thread or the disk is lost', async () => {
    const lost = new MillraceError('MILLRACE_WORKER', 'A thread failed', { exitCode: 3 });
    await start(never).drain(lost, never);
    expect(told).toEqual(['abort', PHASE.STOP]);
  });
});

it('throws what the work throws that it waits for', async () => {
  await expect(within(1_000, Promise.reject(new Error('the work failed')))).rejects.toThrow(
    'the work failed',
  );
  expect(vi.getTimerCount()).toBe(0);
});

it('waits for work that was done while the process stood still, although its time is over', async () => {
  vi.useRealTimers();
  let isDone = false;
  const work = new Promise<void>((resolve) =>
    setImmediate(() => {
      isDone = true;
      resolve();
    }),
  );
  const waited = within(200, work);
  standStill(1_000);
  await waited;
  expect(isDone).toBe(true);
});
