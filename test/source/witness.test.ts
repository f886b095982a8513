/** Objects that are denied in mid-run: for a moment, for ever, or together with everything else. */
import { afterEach, expect, it } from 'vitest';
import { type FastS3, startFastS3 } from '../../src/embedded/fast-s3.ts';
import type { S3Fault } from '../../src/embedded/s3/body.ts';
import { listObjects } from '../../src/source/s3/list.ts';
import { hastyClock, joined, runPool, testCalls } from './source-run.ts';

let server: FastS3;
afterEach(() => server?.close());

const KEYS = Array.from({ length: 12 }, (_, i) => `k${String(i).padStart(2, '0')}`);

/** Downloads twelve objects, two at a time. The first ones are read before anything goes wrong. */
async function run(...faults: readonly S3Fault[]) {
  server = await startFastS3({
    buckets: { data: KEYS.map((key) => ({ key, body: Buffer.from(`{"key":"${key}"}\n`) })) },
    faults: [...faults, { kind: 'slow', bytesPerSecond: 1_000 }],
  });
  const clock = hastyClock();
  const objects = listObjects(testCalls(server, { clock }), ['s3://data/']);
  const recorded = await runPool({ endpoint: server.endpoint, objects, clock, downloads: 2 });
  return { recorded, read: [...joined(recorded).values()].filter((text) => text !== '').length };
}

it.each(['access-denied', 'invalid-access-key'] as const)(
  'reads an object all the same that was refused once in mid-run (%s)',
  async (kind) => {
    const { recorded, read } = await run({ kind, skip: 4, times: 1 });
    expect(server.stats().faultsFired[kind]).toBe(1);
    expect([read, [...recorded.errors]]).toEqual([KEYS.length, []]);
  },
);

it.each([
  { kind: 'access-denied', says: /access denied/ },
  { kind: 'wrong-signature', says: /SignatureDoesNotMatch: .*others are given/ },
] as const)(
  'gives up an object whose $kind lasts while others are given, after few requests',
  async ({ kind, says }) => {
    const { recorded, read } = await run({ kind, target: 'k06' });
    expect([...recorded.errors.keys()]).toEqual(['k06']);
    const message = expect.stringMatching(says);
    expect(recorded.errors.get('k06')).toMatchObject({ code: 'MILLRACE_OBJECT_UNREADABLE', message });
    expect(read).toBe(KEYS.length - 1);
    expect(server.stats().faultsFired[kind]).toBe(3);
  },
);

it('waits while everything is denied that was given before, and then reads on', async () => {
  const { recorded, read } = await run({ kind: 'access-denied', skip: 4, times: 8 });
  expect(server.stats().faultsFired['access-denied']).toBe(8);
  expect([read, [...recorded.errors]]).toEqual([KEYS.length, []]);
});

it.each([
  { kind: 'access-denied', says: /access denied .*so is what could be read before/ },
  { kind: 'invalid-access-key', says: /InvalidAccessKeyId/ },
  { kind: 'wrong-signature', says: /SignatureDoesNotMatch/ },
] as const)('ends the run where it lasts, and gives up no object ($kind)', async ({ kind, says }) => {
  const outcome = run({ kind, skip: 4 });
  await expect(outcome).rejects.toMatchObject({ code: 'MILLRACE_SOURCE', exitCode: 2 });
  await expect(outcome).rejects.toThrow(says);
  expect(server.stats().faultsFired[kind]).toBeGreaterThan(4);
});

it('ends the run at once where the keys were never taken', async () => {
  await expect(run({ kind: 'invalid-access-key' })).rejects.toMatchObject({ exitCode: 2 });
  expect(server.stats().faultsFired['invalid-access-key']).toBeLessThanOrEqual(2);
});

it.each(['access-denied', 'invalid-access-key'] as const)(
  'lists on after a page that was refused once (%s), and never after a first one',
  async (kind) => {
    const keys = Array.from({ length: 2_500 }, (_, i) => ({ key: `k${i}`, body: Buffer.from('1') }));
    server = await startFastS3({ buckets: { data: keys } });
    const list = async (fault: S3Fault) => {
      server.setFaults([fault]);
      let count = 0;
      for await (const _ of listObjects(testCalls(server, { clock: hastyClock() }), ['s3://data/'])) count++;
      return count;
    };
    expect(await list({ kind, operation: 'ListObjectsV2', skip: 1, times: 1 })).toBe(keys.length);
    expect(server.stats().faultsFired[kind]).toBe(1);
    await expect(list({ kind, operation: 'ListObjectsV2', times: 1 })).rejects.toMatchObject({ exitCode: 2 });
  },
);
