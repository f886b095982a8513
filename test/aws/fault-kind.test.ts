import { describe, expect, it } from 'vitest';
import { type FaultKind, faultOf, faultOfCode } from '../../src/aws/fault-kind.ts';

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
