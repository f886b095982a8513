import { describe, expect, it } from 'vitest';
import { KinesisCallError } from '../../src/aws/kinesis-call.ts';
import { classifyReadFailure } from '../../src/stream/read-failure.ts';

const call = (awsCode: string | null) =>
  new KinesisCallError({
    operation: 'GetRecords',
    awsCode,
    message: 'said so',
    statusCode: 400,
    isAmbiguous: false,
  });

describe.each([
  { from: 'a call of ours', make: call },
  {
    from: 'the SDK',
    make: (code: string | null) => Object.assign(new Error('said so'), { name: code ?? 'TimeoutError' }),
  },
])('an error of $from', ({ make }) => {
  it.each([
    { code: 'ExpiredIteratorException', kind: 'expired' },
    { code: 'ProvisionedThroughputExceededException', kind: 'again' },
    { code: 'KMSThrottlingException', kind: 'again' },
    { code: 'LimitExceededException', kind: 'again' },
    { code: 'InternalFailure', kind: 'again' },
    { code: null, kind: 'again' },
    { code: 'ValidationException', kind: 'fatal', exitCode: 2 },
    { code: 'AccessDeniedException', kind: 'denied', exitCode: 2 },
    { code: 'ResourceNotFoundException', kind: 'denied', exitCode: 2 },
    { code: 'UnrecognizedClientException', kind: 'denied', exitCode: 2 },
    { code: 'ExpiredTokenException', kind: 'denied', exitCode: 3 },
    { code: 'CredentialsProviderError', kind: 'denied', exitCode: 3 },
  ])('$code is $kind', ({ code, kind, exitCode }) => {
    const failure = classifyReadFailure(make(code), 'orders');
    expect(failure.kind).toBe(kind);
    if (failure.kind === 'fatal' || failure.kind === 'denied')
      expect([failure.error.exitCode, failure.error.message]).toEqual([
        exitCode,
        expect.stringContaining('orders'),
      ]);
  });
});
