import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import {
  type LocalKinesis,
  type LocalKinesisOptions,
  startLocalKinesis,
} from '../../../src/embedded/kinesis.ts';
import { ask } from './ask.ts';

let kinesis: LocalKinesis | undefined;
afterEach(() => kinesis?.close());

async function start(options: LocalKinesisOptions = {}): Promise<LocalKinesis> {
  kinesis = await startLocalKinesis({ streams: { s: 1 }, ...options });
  return kinesis;
}

const records = [{ Data: Buffer.from('x'), PartitionKey: 'k' }];
const put = (wire: 'cbor' | 'json' = 'cbor', headers = {}) =>
  ask(kinesis!.endpoint, 'PutRecords', { StreamName: 's', Records: records }, wire, headers);

it.each(['cbor', 'json'] as const)('refuses in the wire format of the request: %s', async (wire) => {
  const { endpoint } = await start();
  const answer = await ask(endpoint, 'DescribeStream', { StreamName: 'no' }, wire);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([400, `application/x-amz-${wire}-1.1`]);
  expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
  expect(answer.body).toEqual({
    __type: 'ResourceNotFoundException',
    message: 'Stream no under account 000000000000 not found.',
  });
});

it('can be one of the endpoints that know only JSON', async () => {
  await start({ cbor: false });
  const refused = await put('cbor');
  expect([refused.status, refused.headers.get('content-type'), refused.body]).toEqual([
    400,
    'application/x-amz-json-1.1',
    { __type: 'SerializationException' },
  ]);
  expect((await put('json')).status).toBe(200);
});

it.each([
  {
    name: 'a body that is no JSON',
    body: '{',
    target: 'Kinesis_20131202.ListStreams',
    type: 'SerializationException',
  },
  {
    name: 'a body that is no object',
    body: '[]',
    target: 'Kinesis_20131202.ListStreams',
    type: 'SerializationException',
  },
  {
    name: 'another service',
    body: '{}',
    target: 'DynamoDB_20120810.ListTables',
    type: 'UnknownOperationException',
  },
  {
    name: 'a name from the prototype',
    body: '{}',
    target: 'Kinesis_20131202.toString',
    type: 'UnknownOperationException',
  },
])('refuses $name', async ({ body, target, type }) => {
  const { endpoint } = await start();
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const response = await fetch(endpoint, { method: 'POST', headers, body });
  expect([response.status, await response.json()]).toEqual([400, { __type: type }]);
});

it('asks for a signature and for a true payload hash when told to', async () => {
  await start({ requireSignature: true, verifyPayloadHash: true });
  expect((await put('json')).body.__type).toBe('MissingAuthenticationTokenException');
  expect((await put('json', { authorization: 'Basic x' })).body.__type).toBe('IncompleteSignatureException');
  const authorization = `AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=${'0'.repeat(64)}`;
  expect((await put('json', { authorization })).status).toBe(200);
  const wrong = await put('json', { authorization, 'x-amz-content-sha256': '0'.repeat(64) });
  expect(wrong.body.__type).toBe('InvalidSignatureException');
});

it.each([
  { fault: { code: 'AccessDeniedException', message: 'no' }, status: 400, type: 'AccessDeniedException' },
  { fault: { code: 'KMSThrottlingException' }, status: 400, type: 'KMSThrottlingException' },
  { fault: {}, status: 500, type: 'InternalFailure' },
  { fault: { code: 'ServiceUnavailable' }, status: 503, type: 'ServiceUnavailable' },
])(
  'fails a request by script with $type, stores nothing, and says so in its counters',
  async ({ fault, status, type }) => {
    const { setFaults, stats, records: stored } = await start();
    setFaults([{ kind: 'error', times: 1, ...fault }]);
    const answer = await put();
    expect([answer.status, answer.body.__type, [...stored('s')].length]).toEqual([status, type, 0]);
    expect((await put()).status).toBe(200);
    expect(stats().faultsFired).toEqual({ error: 1 });
  },
);

it.each([
  { when: 'before' as const, storedCount: 0 },
  { when: 'after' as const, storedCount: 1 },
])('resets the connection $when the write', async ({ when, storedCount }) => {
  const { setFaults, stats, records: stored } = await start();
  setFaults([{ kind: 'reset', when, times: 1 }]);
  await expect(put()).rejects.toThrow('fetch failed');
  expect([[...stored('s')].length, stats().faultsFired]).toEqual([storedCount, { reset: 1 }]);
});

it('stalls after the write: the record is there, the answer never comes', async () => {
  const { endpoint, setFaults, stats, records: stored } = await start();
  setFaults([{ kind: 'stall', when: 'after' }]);
  const socket = connect(Number(new URL(endpoint).port), '127.0.0.1');
  const body = JSON.stringify({ StreamName: 's', Records: [{ Data: 'eA==', PartitionKey: 'k' }] });
  socket.write(
    `POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-amz-json-1.1\r\nx-amz-target: Kinesis_20131202.PutRecords\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let received = 0;
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  while (stats().recordsStored === 0) await new Promise((resolve) => setImmediate(resolve));
  const ended = once(socket, 'close');
  await kinesis!.close();
  await ended;
  expect([received, [...stored('s')].length]).toEqual([0, 1]);
});

it('delays by script, and garbles an answer whose records are stored all the same', async () => {
  const { setFaults, stats, records: stored } = await start();
  setFaults([
    { kind: 'delay', delayMs: 50, times: 1 },
    { kind: 'garble', times: 1 },
  ]);
  const startedAtMs = performance.now();
  expect((await put()).status).toBe(200);
  expect(performance.now() - startedAtMs).toBeGreaterThanOrEqual(49);
  await expect(put('json')).rejects.toThrow(SyntaxError);
  expect([stats().faultsFired, [...stored('s')].length]).toEqual([{ delay: 1, garble: 1 }, 2]);
});

it('applies a rule to the stream it names only, by name and by ARN', async () => {
  const { endpoint, setFaults, streamArn } = await start({ streams: { s: 1, t: 1 } });
  setFaults([{ kind: 'error', operation: '*', target: 't' }]);
  expect((await put()).status).toBe(200);
  const byArn = await ask(endpoint, 'PutRecords', { StreamARN: streamArn('t'), Records: records }, 'cbor');
  const described = await ask(endpoint, 'DescribeStreamSummary', { StreamName: 't' });
  expect([byArn.status, described.status]).toEqual([500, 500]);
});

it('is steered and read from another process over its side path', async () => {
  const { endpoint, records: stored } = await start();
  const post = (path: string, body: unknown) =>
    fetch(`${endpoint}/_millrace/${path}`, { method: 'POST', body: JSON.stringify(body) });
  await put();
  await put('json');
  await post('faults', { rules: [{ kind: 'throttle', name: 'x' }], seed: 3 });
  await put();
  await post('faults', { rules: [] });
  await post('limits', { recordsPerSecond: 1, bytesPerSecond: 1e6 });
  expect([(await put()).body.FailedRecordCount, (await put()).body.FailedRecordCount]).toEqual([0, 1]);
  const stats = await (await fetch(`${endpoint}/_millrace/stats`)).json();
  expect(stats).toMatchObject({
    recordsStored: 3,
    faultsFired: { x: 1 },
    streams: { s: { shards: { 'shardId-000000000000': { throttled: 2 } } } },
  });
  const log = await (await fetch(`${endpoint}/_millrace/log?stream=s`)).text();
  const lines = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const expected = [...stored('s')].map((record) => ({ ...record, data: record.data.toString('base64') }));
  expect(lines).toEqual(JSON.parse(JSON.stringify(expected)));
  expect((await fetch(`${endpoint}/_millrace/log?stream=no`)).status).toBe(400);
  expect((await post('faults', 'nonsense')).status).toBe(400);
});

it('keeps one wait at a time while a long log leaves slowly, and lets go when its reader is gone', async () => {
  const { endpoint, port } = await start();
  const Records = Array.from({ length: 20 }, () => ({ Data: Buffer.alloc(50_000), PartitionKey: 'k' }));
  for (let n = 0; n < 30; n++) await ask(endpoint, 'PutRecords', { StreamName: 's', Records }, 'cbor');
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on('warning', onWarning);
  try {
    const socket = connect(port, '127.0.0.1');
    socket.write('GET /_millrace/log?stream=s HTTP/1.1\r\nHost: x\r\n\r\n');
    for await (const _ of socket) break; // it is destroyed: the server meets a reader that is gone
    const log = await (await fetch(`${endpoint}/_millrace/log?stream=s`)).text();
    expect(log.trimEnd().split('\n')).toHaveLength(30 * Records.length);
  } finally {
    process.off('warning', onWarning);
  }
  expect(warnings).toEqual([]);
});
