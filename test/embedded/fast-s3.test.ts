import {
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, expect, it } from 'vitest';
import { type FastS3, type FastS3Object, type S3Fault, startFastS3 } from '../../src/embedded/fast-s3.ts';

let s3: FastS3;
let client: S3Client;

async function start(objects: readonly FastS3Object[], faults: readonly S3Fault[] = []): Promise<void> {
  s3 = await startFastS3({ buckets: { bucket: objects }, faults });
  client = new S3Client({
    endpoint: s3.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    maxAttempts: 1,
  });
}

afterEach(async () => {
  client.destroy();
  await s3.close();
});

const Bucket = 'bucket';
const body = Buffer.from('0123456789');
const named = (...keys: string[]) => keys.map((key) => ({ key, body }));

async function get(input: object = {}) {
  const answer = await client.send(new GetObjectCommand({ Bucket, Key: 'k', ...input }));
  return { ...answer, text: Buffer.from(await answer.Body!.transformToByteArray()).toString() };
}

it.each([
  { range: undefined, text: '0123456789', header: undefined },
  { range: 'bytes=0-0', text: '0', header: 'bytes 0-0/10' },
  { range: 'bytes=2-5', text: '2345', header: 'bytes 2-5/10' },
  { range: 'bytes=9-100', text: '9', header: 'bytes 9-9/10' },
  { range: 'bytes=7-', text: '789', header: 'bytes 7-9/10' },
  { range: 'bytes=-3', text: '789', header: 'bytes 7-9/10' },
  { range: 'bytes=-100', text: '0123456789', header: 'bytes 0-9/10' },
  { range: 'bytes=5-2', text: '0123456789', header: undefined },
])('serves the range $range', async ({ range, text, header }) => {
  await start(named('k'));
  const answer = await get({ Range: range });
  expect([answer.text, answer.ContentRange, answer.ContentLength]).toEqual([text, header, text.length]);
});

it('refuses a range behind the end, and serves an empty object', async () => {
  await start([...named('k'), { key: 'empty', body: Buffer.alloc(0) }]);
  await expect(get({ Range: 'bytes=10-' })).rejects.toMatchObject({
    name: 'InvalidRange',
    $metadata: { httpStatusCode: 416 },
  });
  expect((await get({ Key: 'empty' })).text).toBe('');
});

it('serves a repeated buffer as one object, across its seams and in large pieces', async () => {
  const large = Buffer.alloc(3_000_000, 'abcdefg');
  await start([
    { key: 'k', body, repeat: 3 },
    { key: 'large', body: large, repeat: 5 },
  ]);
  expect([(await get()).text, (await get({ Range: 'bytes=8-21' })).text]).toEqual([
    '0123456789'.repeat(3),
    '89012345678901',
  ]);
  const { text } = await get({ Key: 'large', Range: 'bytes=1-14000000' });
  expect(text === large.toString().repeat(5).slice(1, 14_000_001)).toBe(true);
});

it('pins by ETag: the MD5, matched, mismatched, changed', async () => {
  await start(named('k'));
  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
  expect([head.ETag, head.ContentLength]).toEqual(['"781e5e245d69b566979b86e28d23f2c7"', 10]);
  expect((await get({ IfMatch: head.ETag })).text).toBe('0123456789');
  s3.put('bucket', { key: 'k', body: Buffer.from('new') });
  await expect(get({ IfMatch: head.ETag })).rejects.toMatchObject({
    name: 'PreconditionFailed',
    $metadata: { httpStatusCode: 412 },
  });
  s3.delete('bucket', 'k');
  await expect(get()).rejects.toMatchObject({ name: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
});

it('lists in the order of bytes, page by page, by prefix and from a key on', async () => {
  // U+FF5E stands before U+1F600 in UTF-8 and behind it in UTF-16.
  const keys = ['a/1', 'a/2', 'a/\u{ff5e}', 'a/\u{1f600}', 'b & <c> "d"', 'c\u0001 +%'];
  await start(named(...[...keys].reverse()));
  const listed: string[] = [];
  let pages = 0;
  for await (const page of paginateListObjectsV2({ client, pageSize: 4 }, { Bucket })) {
    listed.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    pages++;
  }
  expect([listed, pages]).toEqual([keys, 2]);
  const list = async (input: object) => {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ...input }));
    return [
      page.Contents?.map(({ Key }) => Key),
      page.CommonPrefixes?.map(({ Prefix }) => Prefix),
      page.IsTruncated,
    ];
  };
  expect(await list({ Prefix: 'a/' })).toEqual([keys.slice(0, 4), undefined, false]);
  expect(await list({ StartAfter: 'a/2', MaxKeys: 1 })).toEqual([['a/\u{ff5e}'], undefined, true]);
  expect(await list({ Delimiter: '/' })).toEqual([keys.slice(4), ['a/'], false]);
  expect(await list({ Prefix: 'none' })).toEqual([undefined, undefined, false]);
});

it('lists exactly 1,000 keys a page at most', async () => {
  await start(named(...Array.from({ length: 1001 }, (_, i) => `k${String(i).padStart(4, '0')}`)));
  const first = await client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 5000 }));
  expect([first.KeyCount, first.IsTruncated]).toEqual([1000, true]);
  const second = await client.send(
    new ListObjectsV2Command({ Bucket, ContinuationToken: first.NextContinuationToken }),
  );
  expect(second.Contents!.map(({ Key, Size }) => [Key, Size])).toEqual([['k1000', 10]]);
});

it('says what is missing', async () => {
  await start([]);
  await expect(get({ Bucket: 'other' })).rejects.toMatchObject({ name: 'NoSuchBucket' });
  await expect(client.send(new HeadBucketCommand({ Bucket: 'other' }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 404 },
  });
  await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).rejects.toMatchObject({
    $metadata: { httpStatusCode: 404 },
  });
  expect((await client.send(new HeadBucketCommand({ Bucket }))).$metadata.httpStatusCode).toBe(200);
});

it.each([
  { kind: 'slow-down', name: 'SlowDown', status: 503 },
  { kind: 'internal-error', name: 'InternalError', status: 500 },
  { kind: 'access-denied', name: 'AccessDenied', status: 403 },
  { kind: 'no-such-key', name: 'NoSuchKey', status: 404 },
  { kind: 'invalid-object-state', name: 'InvalidObjectState', status: 403 },
  { kind: 'precondition-failed', name: 'PreconditionFailed', status: 412 },
] as const)(
  'refuses by script with $name once, for the key that was named',
  async ({ kind, name, status }) => {
    await start(named('k', 'other'), [{ kind, times: 1, target: 'k' }]);
    expect((await get({ Key: 'other' })).text).toBe('0123456789');
    await expect(get()).rejects.toMatchObject({ name, $metadata: { httpStatusCode: status } });
    expect((await get()).text).toBe('0123456789');
    expect(s3.stats().faultsFired).toEqual({ [kind]: 1 });
  },
);

it('refuses an archived object, and still tells its size', async () => {
  await start([{ key: 'k', body, storageClass: 'GLACIER' }]);
  await expect(get()).rejects.toMatchObject({ name: 'InvalidObjectState' });
  expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }))).toMatchObject({
    StorageClass: 'GLACIER',
    ContentLength: 10,
  });
});

async function receivedBefore(
  failure: (bytes: number) => boolean,
): Promise<{ bytes: number; error: unknown }> {
  const abort = new AbortController();
  let bytes = 0;
  try {
    const response = await fetch(`${s3.endpoint}/bucket/k`, { signal: abort.signal });
    for await (const chunk of response.body!) {
      bytes += chunk.length;
      if (failure(bytes)) abort.abort();
    }
    return { bytes, error: undefined };
  } catch (error) {
    return { bytes, error };
  }
}

it.each([0, 1, 5, 9])('cuts a body after %i bytes, having promised all of them', async (afterBytes) => {
  await start(named('k'), [{ kind: 'truncate', afterBytes }]);
  const { bytes, error } = await receivedBefore(() => false);
  expect([bytes, error]).toEqual([afterBytes, expect.any(TypeError)]);
});

it('stalls after some bytes until the client gives up', async () => {
  await start(named('k'), [{ kind: 'stall', afterBytes: 4 }]);
  const { bytes, error } = await receivedBefore((received) => received === 4);
  expect([bytes, (error as Error).name]).toEqual([4, 'AbortError']);
});

it('sends slowly, and all of it', async () => {
  await start(named('k'), [{ kind: 'slow', bytesPerSecond: 50 }]);
  const startedAtMs = performance.now();
  expect(await receivedBefore(() => false)).toEqual({ bytes: 10, error: undefined });
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(150);
});

it('answers as if the object had been replaced', async () => {
  await start(named('k'), [{ kind: 'changed-etag' }]);
  expect((await get()).ETag).toBe('"ffffffffffffffffffffffffffffffff"');
  await expect(get({ IfMatch: '"781e5e245d69b566979b86e28d23f2c7"' })).rejects.toMatchObject({
    name: 'PreconditionFailed',
  });
});

it('resets by script, counts, and takes rules from another process', async () => {
  await start(named('k'));
  const rules = [{ kind: 'reset', operation: 'ListObjectsV2' }];
  await fetch(`${s3.endpoint}/_millrace/faults`, { method: 'POST', body: JSON.stringify({ rules }) });
  await expect(client.send(new ListObjectsV2Command({ Bucket }))).rejects.toThrow();
  await get();
  const stats = await (await fetch(`${s3.endpoint}/_millrace/stats`)).json();
  expect(stats).toMatchObject({
    requestsByOperation: { GetObject: 1, ListObjectsV2: 1 },
    bytesSent: 10,
    faultsFired: { reset: 1 },
  });
});
