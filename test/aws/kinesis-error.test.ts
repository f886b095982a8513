import { expect, it } from 'vitest';
import { encodeCbor } from '../../src/aws/cbor.ts';
import { serviceError } from '../../src/aws/kinesis-error.ts';

const JSON_TYPE = 'application/x-amz-json-1.1';
const CBOR_TYPE = 'application/x-amz-cbor-1.1';

it.each([
  {
    status: 400,
    type: JSON_TYPE,
    body: '{"__type":"LimitExceededException","message":"m"}',
    code: 'LimitExceededException',
  },
  {
    status: 400,
    type: JSON_TYPE,
    body: '{"__type":"com.amazonaws.kinesis#KMSOptInRequired"}',
    code: 'KMSOptInRequired',
  },
  {
    status: 400,
    type: CBOR_TYPE,
    body: encodeCbor({ __type: 'ExpiredIteratorException' }),
    code: 'ExpiredIteratorException',
  },
  { status: 400, type: CBOR_TYPE, body: 'no CBOR at all', code: null },
  { status: 502, type: 'text/html', body: '<html>Bad gateway</html>', code: null },
  { status: 500, type: JSON_TYPE, body: '{"__type":"InternalFailure"}', code: 'InternalFailure' },
  { status: 400, type: JSON_TYPE, body: 'null', code: null },
])('reads the code $code from status $status, $type', ({ status, type, body, code }) => {
  const error = serviceError('PutRecords', {
    status,
    headers: { 'content-type': type },
    body: Buffer.from(body),
  });
  expect([error.awsCode, error.statusCode, error.isAmbiguous]).toEqual([code, status, status >= 500]);
});

it('takes the code from the header where the body has none', () => {
  const headers = { 'x-amzn-errortype': 'AccessDeniedException:http://internal.amazon.com/' };
  expect(serviceError('GetRecords', { status: 400, headers, body: Buffer.alloc(0) }).awsCode).toBe(
    'AccessDeniedException',
  );
});

it('cuts a message that is a page', () => {
  const body = Buffer.from(JSON.stringify({ message: 'x'.repeat(10_000) }));
  expect(
    serviceError('GetRecords', { status: 400, headers: { 'content-type': JSON_TYPE }, body }).message,
  ).toHaveLength(500);
});
