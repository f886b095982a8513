/** S3 calls: what a request carries, and what is done about a wrong clock, a wrong region and silence. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { bodyOf } from '../../../src/aws/http-body.ts';
import type { HttpAnswer } from '../../../src/aws/http-client.ts';
import { S3Way } from '../../../src/aws/s3-way.ts';
import { systemClock } from '../../../src/source/retry.ts';
import { escapeKey, S3Calls, type S3CallsOptions } from '../../../src/source/s3/calls.ts';
import { SourceFailure } from '../../../src/source/source-failure.ts';

const credentials = async () => ({ accessKeyId: 'AKID', secretAccessKey: 's', sessionToken: 'token' });
const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const noClient = () => Promise.reject(new Error('the SDK was asked for'));

function callsTo(endpoint: string | null, options: Partial<S3CallsOptions> = {}): S3Calls {
  const way = new S3Way({ region: 'eu-west-1', profile: null, endpoint }, noClient, credentials);
  const calls = new S3Calls(way, { clock: systemClock, ...options });
  closers.push(() => calls.close());
  return calls;
}

/** A server that answers so; what it was asked. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

it('sends a query and headers, signed, and gives the whole answer', async () => {
  const { endpoint, asked } = await serve((_, response) => response.end('hello'));
  const calls = callsTo(endpoint, { requesterPays: true });
  const query = { prefix: "a b/ü&'", 'list-type': '2', delimiter: undefined };
  const answer = await calls.askWhole({ method: 'GET', bucket: 'data', query, headers: { 'x-amz-x': 'y' } });
  expect(String(answer!.body)).toBe('hello');
  expect(asked[0]!.url).toBe('/data/?list-type=2&prefix=a%20b%2F%C3%BC%26%27');
  expect(asked[0]!.headers).toMatchObject({
    'x-amz-x': 'y',
    'x-amz-request-payer': 'requester',
    'x-amz-security-token': 'token',
    'user-agent': 'millrace',
    authorization: expect.stringMatching(
      /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-request-payer;/,
    ),
  });
});

it('asks for keys of any characters, as they are', async () => {
  const { endpoint, asked } = await serve((_, response) => response.end());
  const calls = callsTo(endpoint);
  const keys = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(keys, async (key) => {
      await calls.askWhole({ method: 'GET', bucket: 'data', key });
      const { url } = asked.at(-1)!;
      expect(url).toMatch(/^\/data\/[\w.~%/-]+$/);
      expect(decodeURIComponent(url!.slice('/data/'.length))).toBe(key);
    }),
    { numRuns: 50 },
  );
});

it('waits for no body after a HEAD, and goes on with the same connection', async () => {
  const { endpoint, asked } = await serve((_, response) =>
    response.setHeader('content-length', 12_345).end(),
  );
  const calls = callsTo(endpoint);
  for (let i = 0; i < 3; i++) {
    const answer = await calls.askWhole({ method: 'HEAD', bucket: 'data', key: 'k' });
    expect([answer!.headers['content-length'], answer!.body.length]).toEqual(['12345', 0]);
  }
  expect(new Set(asked.map(({ socket }) => socket.remotePort)).size).toBe(1);
});

it('tells what S3 says of a status that is none of its own for such a question', async () => {
  const { endpoint } = await serve((_, response) => response.writeHead(204).end());
  const asking = callsTo(endpoint).askWhole({ method: 'GET', bucket: 'data' });
  await expect(asking).rejects.toMatchObject({ name: 'SourceFailure', status: 204 });
});

it('signs by the clock of the service once a failure has said it', async () => {
  const { endpoint, asked } = await serve((_, response) => response.end());
  const calls = callsTo(endpoint);
  await calls.renew(new SourceFailure('skew', 'no', { clockOffsetMs: 86_400_000 * 365 }));
  await calls.askWhole({ method: 'GET', bucket: 'data' });
  const year = Number(String(asked[0]!.headers['x-amz-date']).slice(0, 4));
  expect(year).toBe(new Date(Date.now() + 86_400_000 * 365).getUTCFullYear());
});

it('gives up a whole answer that does not come in time, and hears the signal', async () => {
  const { endpoint } = await serve((_, response) =>
    response.writeHead(200, { 'content-length': 9 }).write('half'),
  );
  const question = { method: 'GET', bucket: 'data' } as const;
  const late = callsTo(endpoint, { answerTimeoutMs: 50 }).askWhole(question);
  await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT', message: /within 50 ms/ });
  const stop = new AbortController();
  const stopped = callsTo(endpoint).askWhole(question, stop.signal);
  stop.abort(new Error('enough'));
  await expect(stopped).rejects.toMatchObject({ code: 'ABORT_ERR' });
});

describe('a bucket in another region', () => {
  const body = (text: string) => bodyOf(Readable.from([Buffer.from(text)]));
  const moved = '<Error><Code>PermanentRedirect</Code><Message>not here</Message></Error>';
  /** AWS, where the bucket is in one region alone. */
  const aws = (home: string, hosts: string[]): NonNullable<S3CallsOptions['open']> => {
    return ({ hostname }) => ({
      async request(): Promise<HttpAnswer> {
        hosts.push(hostname);
        return hostname === `data.s3.${home}.amazonaws.com`
          ? { status: 200, headers: {}, body: body('found') }
          : { status: 301, headers: { 'x-amz-bucket-region': home }, body: body(moved) };
      },
      close: () => {},
    });
  };

  it('is followed there, and found there at once from then on', async () => {
    const hosts: string[] = [];
    const calls = callsTo(null, { open: aws('ap-south-1', hosts) });
    for (let i = 0; i < 2; i++)
      expect(String((await calls.askWhole({ method: 'GET', bucket: 'data' }))!.body)).toBe('found');
    const [here, there] = ['data.s3.eu-west-1.amazonaws.com', 'data.s3.ap-south-1.amazonaws.com'];
    expect(hosts).toEqual([here, there, there]);
  });

  it('is not followed twice', async () => {
    const hosts: string[] = [];
    const asking = callsTo(null, { open: aws('eu-west-1x', hosts) }).askWhole({
      method: 'GET',
      bucket: 'other',
    });
    await expect(asking).rejects.toThrow();
    expect(hosts.length).toBeLessThanOrEqual(2);
  });
});

it.each([
  ['a/b', 'a/b'],
  ['a b+c', 'a%20b%2Bc'],
  ["!'()*", '%21%27%28%29%2A'],
  ['~-_.', '~-_.'],
  ['//x/../y', '//x/../y'],
  ['ü\n', '%C3%BC%0A'],
  ['%2e?#', '%252e%3F%23'],
])('escapes the key %j as %j', (key, escaped) => {
  expect(escapeKey(key)).toBe(escaped);
});
