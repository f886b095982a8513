import { describe, expect, it } from 'vitest';
import { codeOf, isPassing, isTlsCode, isUnnamed, placeOf } from '../../src/aws/call-fault.ts';
import { KinesisCallError } from '../../src/aws/kinesis-error.ts';

const system = (code: string, fields: object = {}) =>
  Object.assign(new Error(`system ${code}`), { code, ...fields });
const sdk = (name: string, httpStatusCode: number) =>
  Object.assign(new Error('said'), { name, $metadata: { httpStatusCode } });
const call = (awsCode: string | null, statusCode: number | null, cause?: unknown) =>
  new KinesisCallError({
    operation: 'PutRecords',
    awsCode,
    message: 'said',
    statusCode,
    isAmbiguous: false,
    cause,
  });

describe('a call that failed', () => {
  it.each([
    [sdk('LimitExceededException', 400), true],
    [sdk('InternalFailure', 500), true],
    [sdk('SyntaxError', 200), true],
    [sdk('Unknown', 429), true],
    [sdk('ValidationException', 400), false],
    [system('ECONNRESET'), true],
    [system('EHOSTUNREACH'), true],
    [Object.assign(new Error('late'), { name: 'TimeoutError' }), true],
    [call(null, null, system('ETIMEDOUT')), true],
    [call(null, 502), true],
    [call('ValidationException', 400), false],
    [system('SELF_SIGNED_CERT_IN_CHAIN'), false],
    [call(null, null, system('UNABLE_TO_VERIFY_LEAF_SIGNATURE')), false],
    [system('EPROTO'), false],
    [system('EPROXY'), false],
    [system('ERR_INVALID_CHAR'), false],
    [new Error('Region not accepted'), false],
    [new TypeError('Invalid URL'), false],
  ])('says whether it may work later: %s, %s', (error, expected) => {
    expect(isPassing(error)).toBe(expected);
  });

  it('has a code, of the service before that of the system', () => {
    expect(codeOf(call('AccessDeniedException', 400))).toBe('AccessDeniedException');
    expect(codeOf(call(null, null, system('ENOTFOUND')))).toBe('ENOTFOUND');
    expect(codeOf(sdk('ResourceNotFoundException', 400))).toBe('ResourceNotFoundException');
    expect(codeOf(new Error('x'))).toBe('Error');
  });

  it('names the place that could not be reached', () => {
    expect(placeOf(system('ENOTFOUND', { hostname: 'kinesis.invalid' }))).toBe('kinesis.invalid');
    expect(placeOf(call(null, null, system('ECONNREFUSED', { address: '127.0.0.1', port: 9 })))).toBe(
      '127.0.0.1:9',
    );
    expect(placeOf(new Error('x'))).toBeNull();
  });

  it.each(['ENOTFOUND', 'EAI_AGAIN'])('for want of an address is told from all others: %s', (code) => {
    expect([isUnnamed(code), isTlsCode(code), isUnnamed('ECONNREFUSED')]).toEqual([true, false, false]);
  });
});
