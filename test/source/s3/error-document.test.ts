/** Error document: what is kept of what S3 says, and what is said where something else answers. */
import { expect, it } from 'vitest';
import { errorOf } from '../../../src/source/s3/error-document.ts';
import type { SourceFailure } from '../../../src/source/source-failure.ts';

const NOW_MS = Date.parse('2026-11-26T12:00:00Z');
const document = (inner: string) => `<?xml version="1.0"?>\n<Error>${inner}</Error>`;

it.each<{
  name: string;
  status: number;
  headers?: Record<string, string>;
  text: string;
  said: Partial<SourceFailure>;
}>([
  {
    name: 'code and message',
    status: 403,
    text: document('<Code>AccessDenied</Code><Message>no &quot;you&quot; &amp; them</Message>'),
    said: { kind: 'denied', serviceCode: 'AccessDenied', message: 'no "you" & them' },
  },
  {
    name: 'a storage class',
    status: 403,
    text: document(
      '<Code>InvalidObjectState</Code><Message>no</Message><StorageClass>GLACIER</StorageClass>',
    ),
    said: { kind: 'archived', message: 'no, storage class GLACIER' },
  },
  {
    name: 'the region of the document',
    status: 400,
    text: document(
      '<Code>AuthorizationHeaderMalformed</Code><Message>no</Message><Region>eu-west-1</Region>',
    ),
    said: { kind: 'setup', bucketRegion: 'eu-west-1', message: 'no, the bucket is in region eu-west-1' },
  },
  {
    name: 'the region of a header',
    status: 301,
    headers: { 'x-amz-bucket-region': 'eu-west-1' },
    text: '',
    said: { kind: 'setup', bucketRegion: 'eu-west-1' },
  },
  {
    name: 'no document',
    status: 404,
    text: '',
    said: { kind: 'gone', serviceCode: '', message: 'HTTP status 404' },
  },
  {
    name: 'no document at 412',
    status: 412,
    text: '',
    said: { kind: 'changed', serviceCode: 'PreconditionFailed' },
  },
  {
    name: 'the clock of the service',
    status: 403,
    headers: { date: new Date(NOW_MS + 3_600_000).toUTCString() },
    text: document('<Code>RequestTimeTooSkewed</Code><Message>no</Message>'),
    said: { kind: 'skew', clockOffsetMs: 3_600_000 },
  },
  {
    name: 'a page of something else',
    status: 404,
    text: '<html><body>not here</body></html>',
    said: {
      kind: 'gone',
      serviceCode: 'ForeignAnswer',
      message: expect.stringMatching(/is not S3; check --s3-endpoint-url/),
    },
  },
  {
    name: 'a page of a gateway',
    status: 502,
    text: 'Bad Gateway',
    said: { kind: 'transient', serviceCode: 'ForeignAnswer' },
  },
])('tells $name', ({ status, headers = {}, text, said }) => {
  expect(errorOf(status, headers, text, NOW_MS)).toMatchObject({ status, ...said });
});
