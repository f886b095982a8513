/** Control retries: who refuses for now is asked for seconds, who does not answer is given up soon. */
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { retryingControl } from '../../src/aws/control-retries.ts';
import { KinesisCallError } from '../../src/aws/kinesis-error.ts';

/** How long was waited, where nobody has to. */
const waitsMs: number[] = [];
const wait = (ms: number, value: undefined, options?: { signal: AbortSignal }) => {
  waitsMs.push(ms);
  return setTimeout(options === undefined ? 0 : 600_000, value, options);
};
beforeEach(() => {
  waitsMs.length = 0;
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => vi.restoreAllMocks());

function errorOf(statusCode: number | null, awsCode: string | null, fields = {}): KinesisCallError {
  const cause = statusCode === null ? Object.assign(new Error('gone'), { code: 'ECONNRESET' }) : undefined;
  const operation = 'ListShards';
  return new KinesisCallError({
    ...{ operation, awsCode, message: 'no', statusCode, isAmbiguous: false, cause },
    ...fields,
  });
}

/** A call whose every attempt fails so. @returns How many there were, and how long they were spread over. */
async function giveUp(error: KinesisCallError) {
  let attempts = 0;
  const fail = async () => {
    attempts++;
    throw error;
  };
  const asked = retryingControl(fail, undefined, wait).catch((thrown: unknown) => thrown);
  expect(await asked).toBe(error);
  return { attempts, waitedMs: waitsMs.reduce((sum, ms) => sum + ms, 0) };
}

it.each([
  { what: 'a gateway that limits requests', error: errorOf(503, null) },
  { what: 'an account that has asked too often', error: errorOf(400, 'LimitExceededException') },
])('asks $what for seconds', async ({ error }) => {
  expect(await giveUp(error)).toEqual({ attempts: 8, waitedMs: 6_500 });
});

it('gives up soon on an address that does not answer', async () => {
  expect(await giveUp(errorOf(null, null))).toEqual({ attempts: 4, waitedMs: 175 });
});

it.each([
  { what: 'was refused for good', error: errorOf(400, 'ValidationException') },
  { what: 'is answered by something else', error: errorOf(200, null, { isForeign: true }) },
])('does not repeat what $what', async ({ error }) => {
  expect(await giveUp(error)).toEqual({ attempts: 1, waitedMs: 0 });
});

it('ends its waiting with the signal', async () => {
  const stop = new AbortController();
  const refuse = async () => {
    throw errorOf(503, null);
  };
  const asked = retryingControl(refuse, stop.signal, wait).catch((thrown: unknown) => thrown);
  await vi.waitFor(() => expect(waitsMs).toEqual([500]));
  const reason = new Error('enough');
  stop.abort(reason);
  expect(await asked).toMatchObject({ name: 'AbortError', cause: reason });
});
