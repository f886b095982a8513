import { expect, it, vi } from 'vitest';
import { MillraceError } from '../../src/base/errors.ts';
import { openEnding, untilEnded } from '../../src/run/ending.ts';

const never = new Promise<never>(() => undefined);

it('a run whose time is up is told so, with exit 3', async () => {
  const ending = openEnding(5);
  await expect(untilEnded(never, ending.signal)).rejects.toMatchObject({
    ...{ code: 'MILLRACE_TIMEOUT', exitCode: 3 },
    message: 'Stopped by --timeout after 0.005 s; the same command resumes it',
  });
  ending.close();
});

it('a run may have more time than one timer of Node takes, and has all of it', async () => {
  const dayMs = 86_400_000;
  vi.useFakeTimers();
  try {
    const ending = openEnding(30 * dayMs);
    await vi.advanceTimersByTimeAsync(29.9 * dayMs);
    expect(ending.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(0.2 * dayMs);
    expect(ending.signal.reason).toMatchObject({ code: 'MILLRACE_TIMEOUT', exitCode: 3 });
    const closed = openEnding(30 * dayMs);
    closed.close();
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

it('a signal that was given before the start ends it at once, with its own reason', async () => {
  const reason = new MillraceError('MILLRACE_INTERRUPTED', 'Stopped by SIGTERM', { exitCode: 143 });
  const ending = openEnding(null, AbortSignal.abort(reason));
  await expect(untilEnded(never, ending.signal)).rejects.toBe(reason);
});

it('a later signal ends it, and any other reason counts as an interruption', async () => {
  const outer = new AbortController();
  const ending = openEnding(60_000, outer.signal);
  const waiting = untilEnded(never, ending.signal);
  outer.abort('enough');
  await expect(waiting).rejects.toMatchObject({ code: 'MILLRACE_INTERRUPTED', exitCode: 130 });
  ending.close();
});

it('work that comes to its end is not disturbed, nor is its failure', async () => {
  const { signal } = openEnding(null);
  expect(await untilEnded(Promise.resolve(7), signal)).toBe(7);
  expect(await untilEnded(Promise.resolve(8), undefined)).toBe(8);
  await expect(untilEnded(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

it('nothing is ended after it was closed', () => {
  const outer = new AbortController();
  const ending = openEnding(null, outer.signal);
  ending.close();
  outer.abort();
  expect(ending.signal.aborted).toBe(false);
});
