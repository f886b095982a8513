/** Control retries: who refuses for now is asked for seconds, who does not answer is given up soon. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ControlRetries } from '../../src/aws/control-retries.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

type Failure = Parameters<ControlRetries['refreshRetryTokenForRetry']>[1];

/** A call whose every attempt fails so. @returns How many there were, and how long they were spread over. */
async function giveUp(errorType: Failure['errorType'], httpStatusCode?: number) {
  const retries = new ControlRetries();
  const error = Object.assign(new Error('no'), { $metadata: { httpStatusCode } }) as Failure['error'];
  const startedAtMs = Date.now();
  let token = await retries.acquireInitialRetryToken('');
  for (let attempts = 1; ; attempts++) {
    const next = retries.refreshRetryTokenForRetry(token, { errorType, error }).catch(() => null);
    await vi.runAllTimersAsync();
    const given = await next;
    if (given === null) return { attempts, waitedMs: Date.now() - startedAtMs };
    token = given;
  }
}

it.each([
  { what: 'a gateway that limits requests', errorType: 'TRANSIENT', status: 503 },
  { what: 'an account that has asked too often', errorType: 'THROTTLING', status: 400 },
] as const)('asks $what for seconds', async ({ errorType, status }) => {
  expect(await giveUp(errorType, status)).toEqual({ attempts: 8, waitedMs: 6_500 });
});

it.each([
  { what: 'an address that does not answer', status: undefined },
  { what: 'an answer that does not come to its end', status: 200 },
])('gives up soon on $what', async ({ status }) => {
  expect(await giveUp('TRANSIENT', status)).toEqual({ attempts: 4, waitedMs: 175 });
});

it('does not repeat what was refused for good', async () => {
  expect(await giveUp('CLIENT_ERROR', 400)).toEqual({ attempts: 1, waitedMs: 0 });
});
