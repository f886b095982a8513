/** Heads: what is known of an object that no listing names, and why one cannot be had. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FastS3, type S3Fault, startFastS3 } from '../../../src/embedded/fast-s3.ts';
import { RETRY_POLICY_DEFAULT } from '../../../src/source/retry.ts';
import { Heads } from '../../../src/source/s3/heads.ts';
import { hastyClock, testCalls } from '../source-run.ts';

let s3: FastS3;
beforeAll(async () => {
  s3 = await startFastS3({
    buckets: { data: [{ key: 'a', body: Buffer.from('{}\n'), modifiedAt: new Date(1000) }] },
  });
});
afterAll(() => s3.close());

const heads = () =>
  new Heads(testCalls(s3, { clock: hastyClock() }), { retry: RETRY_POLICY_DEFAULT, signal: undefined });
const a = { bucket: 'data', key: 'a' };

describe('Heads', () => {
  it('gives what the service says about an object', async () => {
    const etag = expect.stringMatching(/^"[0-9a-f]{32}"$/);
    expect(await heads().find(a)).toEqual({
      ...a,
      etag,
      size: 3,
      lastModifiedMs: 1000,
      storageClass: 'STANDARD',
    });
  });

  it.each<{
    name: string;
    location: typeof a;
    faults: S3Fault[];
    code: string;
    kind: string;
    message: RegExp;
  }>([
    {
      name: 'a key that does not exist',
      location: { bucket: 'data', key: 'gone' },
      faults: [],
      code: 'MILLRACE_OBJECT_UNREADABLE',
      kind: 'gone',
      message: /it no longer exists \(NoSuchKey/,
    },
    {
      name: 'a bucket that does not exist, which a HEAD does not tell from a key',
      location: { bucket: 'nowhere', key: 'a' },
      faults: [],
      code: 'MILLRACE_SOURCE',
      kind: 'setup',
      message: /NoSuchBucket/,
    },
    {
      name: 'an object that may not be read',
      location: a,
      faults: [{ kind: 'access-denied', operation: '*' }],
      code: 'MILLRACE_OBJECT_UNREADABLE',
      kind: 'denied',
      message: /access denied \(AccessDenied/,
    },
  ])('says why there is none: $name', async ({ location, faults, code, kind, message }) => {
    s3.setFaults(faults);
    const finding = heads().find(location);
    await expect(finding).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
      cause: { kind },
    });
    s3.setFaults([]);
  });

  it('asks again where a HEAD is refused and a GET is not', async () => {
    s3.setFaults([{ kind: 'access-denied', operation: 'HeadObject', times: 2 }]);
    expect((await heads().find(a)).size).toBe(3);
    expect(s3.stats().faultsFired['access-denied']).toBeGreaterThanOrEqual(2);
    s3.setFaults([]);
  });
});
