/** ETag forms: which refusals of If-Match are believed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FastS3, type S3Fault, startFastS3 } from '../../../src/embedded/fast-s3.ts';
import { EtagForms } from '../../../src/source/s3/etag-forms.ts';
import { SourceFailure } from '../../../src/source/source-failure.ts';
import { testCalls } from '../source-run.ts';

const object = {
  bucket: 'data',
  key: 'a',
  etag: '"1"',
  size: 3,
  lastModifiedMs: 0,
  storageClass: 'STANDARD',
};
const refusal = new SourceFailure('changed', 'no', { status: 412 });
const signal = new AbortController().signal;
let s3: FastS3;
beforeAll(async () => {
  s3 = await startFastS3({ buckets: { data: [{ key: 'a', body: Buffer.from('{}\n') }] } });
});
afterAll(() => s3.close());
const onHead = (kind: S3Fault['kind']): S3Fault => ({ kind, operation: 'HeadObject' });

describe('isMisread', () => {
  it.each([
    { name: 'of a store with strong ETags', faults: [], misread: false, heads: 1 },
    { name: 'of a store with weak ETags', faults: [onHead('weak-etag')], misread: true, heads: 1 },
    { name: 'of a store that cannot be asked', faults: [onHead('access-denied')], misread: false, heads: 2 },
  ])('judges two refusals $name', async ({ faults, misread, heads }) => {
    s3.setFaults(faults);
    const before = s3.stats().requestsByOperation.HeadObject ?? 0;
    const forms = new EtagForms(testCalls(s3));
    for (let i = 0; i < 2; i++) expect(await forms.isMisread(refusal, object, signal)).toBe(misread);
    expect(s3.stats().requestsByOperation.HeadObject! - before).toBe(heads);
    s3.setFaults([]);
  });

  it('asks nobody about other failures', async () => {
    const forms = new EtagForms(testCalls(s3));
    const before = s3.stats().requests;
    for (const error of [new SourceFailure('gone', 'no', { status: 404 }), new Error('no')])
      expect(await forms.isMisread(error, object, signal)).toBe(false);
    expect(s3.stats().requests).toBe(before);
  });
});
