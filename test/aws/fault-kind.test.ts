import { describe, expect, it } from 'vitest';
import {
  type FaultKind,
  faultOf,
  faultOfCode,
  faultOfStatus,
  isExpired,
  isPassingFault,
  isRenewable,
  isRepeatable,
} from '../../src/aws/fault-kind.ts';

describe('faultOf', () => {
  it.each<[string | null, number | null, FaultKind]>([
    ['ProvisionedThroughputExceededException', 400, 'throttle'],
    ['SlowDown', 503, 'throttle'],
    [null, 429, 'throttle'],
    ['InternalFailure', 500, 'transient'],
    [null, 502, 'transient'],
    [null, null, 'transient'],
    [null, 0, 'transient'],
    ['RequestTimeTooSkewed', 403, 'skew'],
    ['ExpiredTokenException', 400, 'credentials'],
    ['UnrecognizedClientException', 400, 'credentials'],
    ['SignatureDoesNotMatch', 403, 'credentials'],
    ['CredentialsProviderError', null, 'credentials'],
    ['AccessDeniedException', 400, 'denied'],
    ['KMSDisabledException', 400, 'denied'],
    ['ResourceNotFoundException', 400, 'denied'],
    [null, 403, 'denied'],
    ['ValidationException', 400, 'refused'],
    ['SomethingNew', 400, 'refused'],
    [null, 413, 'refused'],
    // A code says more than the status that it comes with.
    ['InternalFailure', 400, 'transient'],
  ])('takes %s with status %s for %s', (awsCode, statusCode, fault) => {
    expect(faultOf({ awsCode, statusCode, message: '' })).toBe(fault);
  });

  it('takes what a key service says about its rate for a throttle, whatever the code', () => {
    const message = 'The request to KMS was throttled: Rate exceeded';
    expect(faultOf({ awsCode: 'SomethingNew', statusCode: 400, message })).toBe('throttle');
  });
});

it('knows that it does not know a code', () => {
  expect([faultOfCode('NoSuchKey'), faultOfCode(null)]).toEqual([null, null]);
});

describe('what may be asked again', () => {
  it.each<[FaultKind, boolean, boolean]>([
    ['throttle', true, true],
    ['transient', true, true],
    ['credentials', false, true],
    ['skew', false, true],
    ['denied', false, false],
    ['refused', false, false],
  ])('after %s: passes by itself %s, may be repeated %s', (kind, passes, repeats) => {
    expect([isPassingFault(kind), isRepeatable(kind)]).toEqual([passes, repeats]);
  });

  it.each([
    [500, 'transient'],
    [503, 'transient'],
    [408, 'transient'],
    [429, 'throttle'],
    [403, 'denied'],
    [404, null],
    [200, null],
    [0, null],
  ])('is told by a status alone: %s is %s', (status, kind) => {
    expect(faultOfStatus(status)).toBe(kind);
  });

  it.each([
    ['ExpiredToken', true, true],
    ['TokenProviderError', false, true],
    ['SignatureDoesNotMatch', false, false],
  ])('tells credentials that ran out from those that are wrong: %s', (code, expired, renewable) => {
    expect([isExpired(code), isRenewable(code)]).toEqual([expired, renewable]);
  });
});
