/** Head object: the same headers by a call of our own, and by the SDK where that has to sign. */
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { S3Way } from '../../../src/aws/s3-way.ts';
import { type FastS3, startFastS3 } from '../../../src/embedded/fast-s3.ts';
import { systemClock } from '../../../src/source/retry.ts';
import { S3Calls } from '../../../src/source/s3/calls.ts';
import { headObject } from '../../../src/source/s3/head-object.ts';
import { testCalls } from '../source-run.ts';

const NAMES = ['etag', 'content-length', 'last-modified', 'x-amz-storage-class'];
let s3: FastS3;
beforeAll(async () => {
  const one = { key: 'a', body: Buffer.from('{}\n'), modifiedAt: new Date(1000), storageClass: 'GLACIER' };
  // Between such a bucket and its keys the SDK writes two slashes where an endpoint is given.
  s3 = await startFastS3({ buckets: { data: [one], 'zone--x-s3': [{ ...one, key: '/a' }] } });
});
afterAll(() => s3.close());

/** Calls whose bucket the SDK is left to. */
function callsOfSdk(): { calls: S3Calls; clientCount: () => number } {
  let count = 0;
  const target = { region: 'us-east-1', profile: null, endpoint: s3.endpoint };
  const way = new S3Way(target, async () => {
    count++;
    return new S3Client({
      ...{ region: 'us-east-1', endpoint: s3.endpoint, forcePathStyle: true, maxAttempts: 1 },
      disableS3ExpressSessionAuth: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
  });
  return { calls: new S3Calls(way, { clock: systemClock }), clientCount: () => count };
}

it('tells the same both ways, and the SDK is opened once and only where it is needed', async () => {
  const { calls, clientCount } = callsOfSdk();
  const own = await headObject(testCalls(s3), { bucket: 'data', key: 'a' }, true, undefined);
  expect(NAMES.map(own)).toEqual([
    expect.stringMatching(/^"[0-9a-f]{32}"$/),
    '3',
    'Thu, 01 Jan 1970 00:00:01 GMT',
    'GLACIER',
  ]);
  await headObject(calls, { bucket: 'data', key: 'a' }, false, undefined);
  expect(clientCount()).toBe(0);
  for (let i = 0; i < 2; i++) {
    const theirs = await headObject(calls, { bucket: 'zone--x-s3', key: 'a' }, true, undefined);
    expect(NAMES.map(theirs)).toEqual(NAMES.map(own));
  }
  expect(clientCount()).toBe(1);
  calls.way.close();
});
