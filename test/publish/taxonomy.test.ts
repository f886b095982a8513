import { describe, expect, it } from 'vitest';
import { KinesisCallError } from '../../src/aws/kinesis-call.ts';
import { classifyFailure } from '../../src/publish/taxonomy.ts';

const failure = (awsCode: string | null, isAmbiguous = false) =>
  classifyFailure(
    new KinesisCallError({ operation: 'PutRecords', awsCode, message: 'why', statusCode: 400, isAmbiguous }),
    'orders',
  );

describe('classifyFailure', () => {
  it.each([
    'ProvisionedThroughputExceededException',
    'LimitExceededException',
    'KMSThrottlingException',
    'ThrottlingException',
    'TooManyRequestsException',
  ])('takes %s for a throttle', (code) => {
    expect(failure(code)).toEqual({ kind: 'throttled' });
  });

  it.each([
    ['InternalFailure', true],
    ['ServiceUnavailable', true],
    [null, false],
    [null, true],
  ])('takes %s for a failure that goes again, ambiguous as it came: %s', (code, isAmbiguous) => {
    expect(failure(code, isAmbiguous)).toEqual({ kind: 'failed', isAmbiguous });
  });

  it.each([
    ['AccessDeniedException', 2, 'kinesis:PutRecords'],
    ['ResourceNotFoundException', 2, 'stream name'],
    ['KMSDisabledException', 2, 'KMS key'],
    ['UnrecognizedClientException', 2, 'credentials'],
    ['ExpiredTokenException', 3, 'renew the credentials'],
    ['CredentialsProviderError', 3, 'renew the credentials'],
  ])('ends the run on %s with exit code %s', (code, exitCode, advice) => {
    const result = failure(code);
    if (result.kind !== 'fatal') throw new Error(`expected fatal, got ${result.kind}`);
    expect(result.error).toMatchObject({ code: 'MILLRACE_PUT_REFUSED', exitCode });
    expect(result.error.message).toContain('orders');
    expect(result.error.message).toContain(advice);
  });
});
