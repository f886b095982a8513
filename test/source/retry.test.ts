/** Retry: waits grow, progress resets them, and what cannot be mended is not repeated. */
import { expect, it } from 'vitest';
import { backoffMs, RETRY_POLICY_DEFAULT, Retry, retrying } from '../../src/source/retry.ts';
import { SourceFailure } from '../../src/source/source-failure.ts';
import { hastyClock } from './source-run.ts';

const policy = { attemptsMax: 3, throttleAttemptsMax: 5, baseMs: 100, capMs: 1000 };
const failure = (kind: SourceFailure['kind']) => new SourceFailure(kind, 'why', { serviceCode: 'Code' });

it.each([
  [1, 0.5, 50],
  [2, 0.5, 100],
  [4, 0.5, 400],
  [5, 0.5, 500],
  [50, 0.999, 999],
  [3, 0, 0],
])('waits at attempt %i with chance %d for %d ms', (attempt, random, durationMs) => {
  expect(backoffMs(policy, attempt, random)).toBe(durationMs);
});

it.each([
  { kind: 'transient', attempts: 3 },
  { kind: 'throttle', attempts: 5 },
] as const)('gives up at failure $attempts in a row of kind $kind, resumable', async ({ kind, attempts }) => {
  const clock = hastyClock();
  const retry = new Retry(policy, clock, 'read it');
  for (let i = 1; i < attempts; i++) await retry.failed(failure(kind));
  await expect(retry.failed(failure(kind))).rejects.toMatchObject({
    code: 'MILLRACE_SERVICE_AWAY',
    exitCode: 3,
    message: 'Cannot read it: Code: why; gave up after retries',
  });
  expect(clock.sleptMs.length).toBe(attempts - 1);
});

it('starts to count again after progress', async () => {
  const retry = new Retry(policy, hastyClock(), 'read it');
  for (let i = 0; i < 20; i++) {
    await expect(retry.failed(failure('transient'))).resolves.toBeUndefined();
    retry.progressed();
  }
});

it('renews credentials without a wait, once', async () => {
  const clock = hastyClock();
  const retry = new Retry(policy, clock, 'read it');
  await retry.failed(failure('credentials'));
  expect(clock.sleptMs.length).toBe(0);
  await retry.failed(failure('credentials'));
  expect(clock.sleptMs.length).toBe(1);
  await expect(retry.failed(failure('credentials'))).rejects.toMatchObject({ code: 'MILLRACE_SERVICE_AWAY' });
});

it.each(['changed', 'gone', 'denied', 'archived', 'unreadable', 'setup', 'identity'] as const)(
  'does not repeat after %s',
  async (kind) => {
    const clock = hastyClock();
    await expect(new Retry(policy, clock, 'read it').failed(failure(kind))).rejects.toThrow('Cannot read it');
    expect(clock.sleptMs).toEqual([]);
  },
);

it('repeats work until it succeeds, and stops at its signal', async () => {
  let calls = 0;
  const work = async () => {
    if (++calls < 3) throw failure('transient');
    return 'done';
  };
  const toFailure = (error: unknown) => error as SourceFailure;
  const retry = () => new Retry(RETRY_POLICY_DEFAULT, hastyClock(), 'x');
  expect(await retrying(retry(), work, toFailure)).toBe('done');
  const aborted = AbortSignal.abort(new Error('stop'));
  await expect(retrying(retry(), work, toFailure, aborted)).rejects.toThrow('stop');
});
