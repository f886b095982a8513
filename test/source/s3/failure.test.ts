/** SourceFailure: every answer is sorted by what can be done about it. */
import { expect, it } from 'vitest';
import { MillraceError } from '../../../src/base/errors.ts';
import { failureOf, kindOf } from '../../../src/source/s3/failure.ts';
import { type FailureKind, SourceFailure, toMillraceError } from '../../../src/source/source-failure.ts';

it.each<[number, string, string, FailureKind]>([
  [503, 'SlowDown', '', 'throttle'],
  [503, '', '', 'throttle'],
  [429, '', '', 'throttle'],
  [400, 'KMS.ThrottlingException', '', 'throttle'],
  [400, 'KMS.SomethingException', 'Rate exceeded', 'throttle'],
  [400, 'KMS.DisabledException', '', 'unreadable'],
  [500, 'InternalError', '', 'transient'],
  [502, '', '', 'transient'],
  [400, 'RequestTimeout', '', 'transient'],
  [0, 'ECONNRESET', '', 'transient'],
  [0, 'ENOTFOUND', '', 'transient'],
  [0, 'SELF_SIGNED_CERT_IN_CHAIN', '', 'setup'],
  [400, 'ExpiredToken', '', 'credentials'],
  [403, 'RequestTimeTooSkewed', '', 'skew'],
  [412, '', '', 'changed'],
  [416, 'InvalidRange', '', 'changed'],
  [404, 'NoSuchKey', '', 'gone'],
  [404, 'NoSuchBucket', '', 'setup'],
  [403, 'AccessDenied', '', 'denied'],
  [403, '', '', 'denied'],
  [403, 'InvalidObjectState', '', 'archived'],
  [403, 'SignatureDoesNotMatch', '', 'identity'],
  [301, 'PermanentRedirect', '', 'setup'],
  [307, 'TemporaryRedirect', '', 'transient'],
  [400, 'SomethingNew', '', 'unreadable'],
])('sorts %i %j %j as %s', (status, code, message, kind) => {
  expect(kindOf(status, code, message)).toBe(kind);
});

it.each<[FailureKind, string, number]>([
  ['changed', 'MILLRACE_OBJECT_CHANGED', 2],
  ['gone', 'MILLRACE_OBJECT_UNREADABLE', 2],
  ['denied', 'MILLRACE_OBJECT_UNREADABLE', 2],
  ['archived', 'MILLRACE_OBJECT_UNREADABLE', 2],
  ['unreadable', 'MILLRACE_OBJECT_UNREADABLE', 2],
  ['setup', 'MILLRACE_SOURCE', 2],
  ['transient', 'MILLRACE_SERVICE_AWAY', 3],
  ['throttle', 'MILLRACE_SERVICE_AWAY', 3],
  ['credentials', 'MILLRACE_SERVICE_AWAY', 3],
])('says %s as %s with exit code %i', (kind, code, exitCode) => {
  const error = toMillraceError(new SourceFailure(kind, 'why', { serviceCode: 'Code' }), 'read s3://b/k');
  expect(error).toMatchObject({
    code,
    exitCode,
    message: expect.stringMatching(/^Cannot read s3:\/\/b\/k.*Code: why/),
  });
});

it('takes a bug, an abort and an error of ours for no failure of the network', () => {
  const abort = Object.assign(new Error('aborted'), { name: 'AbortError' });
  for (const error of [new TypeError('bug'), abort, new MillraceError('MILLRACE_SOURCE', 'x')]) {
    expect(() => failureOf(error)).toThrow(error);
  }
});

it('reads what the SDK and sockets throw', () => {
  const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  expect(failureOf(reset)).toMatchObject({ kind: 'transient', serviceCode: 'ECONNRESET', status: 0 });
  const denied = Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
  expect(failureOf(denied)).toMatchObject({ kind: 'denied', serviceCode: 'AccessDenied', status: 403 });
  const nobody = Object.assign(new Error('no credentials'), { name: 'CredentialsProviderError' });
  expect(failureOf(nobody).kind).toBe('identity');
  const elsewhere = Object.assign(new Error('not here'), {
    name: 'PermanentRedirect',
    $metadata: { httpStatusCode: 301 },
    $response: { headers: { 'x-amz-bucket-region': 'ap-south-1' } },
  });
  expect(failureOf(elsewhere)).toMatchObject({
    kind: 'setup',
    bucketRegion: 'ap-south-1',
    message: 'not here, the bucket is in region ap-south-1',
  });
});
