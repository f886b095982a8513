import { describe, expect, it } from 'vitest';
import { KinesisCallError } from '../../../src/aws/kinesis-call.ts';
import { classifyFailure } from '../../../src/publish/kinesis/error-classification.ts';

const failure = (
  awsCode: string | null,
  isAmbiguous = false,
  statusCode: number | null = null,
  message = 'why',
) =>
  classifyFailure(
    new KinesisCallError({ operation: 'PutRecords', awsCode, message, statusCode, isAmbiguous }),
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

  it('takes a plain 429 for a throttle', () => {
    expect(failure(null, false, 429)).toEqual({ kind: 'throttled' });
  });

  it.each([
    ['InternalFailure', true],
    ['ServiceUnavailable', true],
    [null, false],
    [null, true],
  ])('takes %s for a failure that goes again, ambiguous as it came: %s', (code, isAmbiguous) => {
    expect(failure(code, isAmbiguous)).toEqual({ kind: 'failed', isAmbiguous, reason: 'why' });
  });

  it.each([
    ['AccessDeniedException', 2, 'kinesis:PutRecords'],
    ['ResourceNotFoundException', 2, 'stream name'],
    ['KMSDisabledException', 2, 'KMS key'],
    ['UnrecognizedClientException', 2, 'credentials'],
    ['ExpiredTokenException', 3, 'renew the credentials'],
    ['CredentialsProviderError', 3, 'renew the credentials'],
  ])('ends the run on %s, where it lasts, with exit code %s', (code, exitCode, advice) => {
    const result = failure(code);
    if (result.kind !== 'denied') throw new Error(`expected denied, got ${result.kind}`);
    expect(result.error).toMatchObject({ code: 'MILLRACE_PUT_REFUSED', exitCode });
    expect(result.error.message).toContain('orders');
    expect(result.error.message).toContain(advice);
  });

  it.each([
    ['ValidationException', 400, 'report this'],
    ['InvalidArgumentException', 400, 'report this'],
    ['SerializationException', 400, '--wire json'],
    [null, 413, 'a proxy on the way'],
    [null, 400, 'report this'],
  ])('takes %s with status %s for a refusal of what the request holds', (code, status, advice) => {
    const result = failure(code, false, status);
    if (result.kind !== 'refused') throw new Error(`expected refused, got ${result.kind}`);
    expect(result.reason).toContain(code ?? `HTTP status ${status}`);
    expect(result.error).toMatchObject({ code: 'MILLRACE_PUT_REFUSED', exitCode: 2 });
    expect(result.error.message).toContain(advice);
  });

  it('shows no value that the service refuses: a partition key is a part of the payload', () => {
    const message = "1 validation error detected: Value 'a 'quoted' key' at 'records.1.member.partitionKey'";
    const result = failure('ValidationException', false, 400, message);
    expect(JSON.stringify(result)).not.toContain('quoted');
    expect(result).toMatchObject({ reason: expect.stringContaining('records.1.member.partitionKey') });
  });
});
