import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterEach, describe, expect, it } from 'vitest';
import { decodeCbor, encodeCbor } from '../../src/aws/cbor.ts';
import { KinesisCallError, type KinesisCaller, openKinesisCaller } from '../../src/aws/kinesis-call.ts';
import { createKinesisCaller, wayOf } from '../../src/aws/kinesis-way.ts';
import { type LocalKinesis, startLocalKinesis } from '../../src/embedded/kinesis.ts';

const SECRET = 'secret-canary';
const FIXED = { accessKeyId: 'AKID', secretAccessKey: SECRET };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Options = Partial<Parameters<typeof createKinesisCaller>[0]>;

async function callerFor(endpoint: string, options: Options = {}): Promise<KinesisCaller> {
  const client = new KinesisClient({
    region: 'eu-west-1',
    endpoint,
    credentials: { accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: 'token-canary' },
  });
  const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor', ...options });
  cleanups.push(() => caller.close());
  return caller;
}

async function local(): Promise<LocalKinesis> {
  const kinesis = await startLocalKinesis({
    streams: { s: 1 },
    verifyPayloadHash: true,
    requireSignature: true,
  });
  cleanups.push(() => kinesis.close());
  return kinesis;
}

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A server that answers as told, request by request; the last answer serves for all that follow. */
async function scripted(
  ...answers: ((response: ServerResponse, seen: Seen) => void)[]
): Promise<{ endpoint: string; seen: Seen[]; server: Server }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const one = { headers: request.headers, body: Buffer.concat(chunks) };
      seen.push(one);
      answers[Math.min(seen.length, answers.length) - 1]!(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, server };
}

const ok = (response: ServerResponse) => {
  response.end(encodeCbor({}));
};
const refuse =
  (code: string, status = 400) =>
  (response: ServerResponse) => {
    response
      .writeHead(status, { 'content-type': 'application/x-amz-cbor-1.1' })
      .end(encodeCbor({ __type: code, message: 'no' }));
  };

/** Signature Version 4, computed again from what arrived. @see AWS General Reference, "Create a signed request". */
function signatureOf({ headers, body }: Seen): string {
  const [, date, region, service, names] =
    /Credential=AKID\/(\d+)\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+),/.exec(
      headers.authorization!,
    )!;
  const hash = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const lines = names!.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
  const canonical = ['POST', '/', '', lines.join(''), names, hash(body)].join('\n');
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash(canonical)].join('\n');
  const signingKey = [region!, service!, 'aws4_request'].reduce(
    (key, part) => hmac(key, part),
    hmac(`AWS4${SECRET}`, date!),
  );
  return hmac(signingKey, text).toString('hex');
}

it.each([
  { name: 'one piece', body: Buffer.from('abc') },
  { name: 'several pieces', body: [Buffer.from('a'), Buffer.from('bc'), Buffer.alloc(70_000, 'd')] },
  { name: 'a piece of shared memory', body: new Uint8Array(new SharedArrayBuffer(100)).fill(7) },
])('signs and sends a body of $name', async ({ body }) => {
  const { endpoint, seen } = await scripted(ok);
  const caller = await callerFor(endpoint);
  await caller.call('PutRecords', body);
  const [one] = seen;
  expect(one!.body).toEqual(Buffer.concat(body instanceof Uint8Array ? [Buffer.from(body)] : body));
  expect(one!.headers.authorization).toContain(`Signature=${signatureOf(one!)}`);
  expect(one!.headers).toMatchObject({
    'content-type': 'application/x-amz-cbor-1.1',
    'x-amz-target': 'Kinesis_20131202.PutRecords',
    'x-amz-security-token': 'token-canary',
    'content-length': String(one!.body.length),
  });
  expect(one!.headers['user-agent']).toContain('aws-sdk-js');
});

it('speaks with the embedded Kinesis in both encodings, over one connection', async () => {
  const kinesis = await local();
  const input = { StreamName: 's', ShardId: 'shardId-000000000000', ShardIteratorType: 'TRIM_HORIZON' };
  const viaCbor = await (await callerFor(kinesis.endpoint)).call('GetShardIterator', encodeCbor(input));
  const viaJson = await (await callerFor(kinesis.endpoint, { wire: 'json' })).call(
    'GetShardIterator',
    Buffer.from(JSON.stringify(input)),
  );
  expect(Object.keys(decodeCbor(viaCbor.body) as object)).toEqual(['ShardIterator']);
  expect(Object.keys(JSON.parse(viaJson.body.toString()))).toEqual(['ShardIterator']);
});

it("uses the SDK's own choice of endpoint where none is given", async () => {
  const client = new KinesisClient({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
  const streamArn = 'arn:aws:kinesis:eu-west-1:123456789012:stream/s';
  const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor', streamArn });
  cleanups.push(() => caller.close());
  const error = (await caller
    .call('GetRecords', Buffer.alloc(0), AbortSignal.abort())
    .catch((e: unknown) => e)) as KinesisCallError;
  expect(error).toBeInstanceOf(KinesisCallError);
  expect(error.isAmbiguous).toBe(false);
});

describe('a wrong clock', () => {
  it('is set right by the date of the refusal, and stays right', async () => {
    const serviceMs = Date.parse('2030-01-01T00:00:00Z');
    const skewed = (response: ServerResponse) => {
      response.setHeader('date', new Date(serviceMs).toUTCString());
      refuse('RequestTimeTooSkewed')(response);
    };
    const { endpoint, seen } = await scripted(skewed, ok);
    const caller = await callerFor(endpoint, { nowMs: () => serviceMs - 3_600_000 });
    await caller.call('GetRecords', Buffer.alloc(1));
    await caller.call('GetRecords', Buffer.alloc(1));
    expect(seen.map((one) => one.headers['x-amz-date'])).toEqual([
      '20291231T230000Z',
      '20300101T000000Z',
      '20300101T000000Z',
    ]);
  });

  it('is not the cause when the clocks agree: the refusal is passed on', async () => {
    const { endpoint, seen } = await scripted(refuse('InvalidSignatureException', 403));
    const caller = await callerFor(endpoint);
    await expect(caller.call('GetRecords', Buffer.alloc(1))).rejects.toMatchObject({
      awsCode: 'InvalidSignatureException',
    });
    expect(seen).toHaveLength(1);
  });
});

it('asks the provider again when the service calls the credentials expired, once', async () => {
  const { endpoint, seen } = await scripted(
    refuse('ExpiredTokenException'),
    ok,
    refuse('ExpiredTokenException'),
  );
  let asked = 0;
  const client = new KinesisClient({
    region: 'eu-west-1',
    endpoint,
    credentials: async () => ({
      accessKeyId: `AKID${++asked}`,
      secretAccessKey: SECRET,
      expiration: new Date(Date.now() + 3_600_000),
    }),
  });
  const caller = await callerFor(endpoint, { way: wayOf(client) });
  await caller.call('GetRecords', Buffer.alloc(1));
  expect(seen.map((one) => /AKID\d/.exec(one.headers.authorization!)![0])).toEqual(['AKID1', 'AKID2']);
  await expect(caller.call('GetRecords', Buffer.alloc(1))).rejects.toMatchObject({
    awsCode: 'ExpiredTokenException',
  });
  expect(seen).toHaveLength(4);
});

describe('eight requests in flight', () => {
  const COUNT = 8;
  /** Answers when all eight have come, signed with what is old by then; whatever comes behind them at once. */
  const later = (answer: (response: ServerResponse, seen: Seen) => void) => {
    const waiting: (() => void)[] = [];
    let arrived = 0;
    return (response: ServerResponse, seen: Seen) => {
      waiting.push(() => answer(response, seen));
      if (++arrived >= COUNT) for (const go of waiting.splice(0)) go();
    };
  };
  const keyOf = ({ headers }: Seen) => /Credential=(\w+)/.exec(headers.authorization!)![1]!;
  const calls = (caller: KinesisCaller) =>
    Promise.all(Array.from({ length: COUNT }, () => caller.call('PutRecords', Buffer.alloc(1))));

  it('all survive a clock that was set wrong', async () => {
    const serviceMs = Date.parse('2030-01-01T00:00:00Z');
    const { endpoint, seen } = await scripted(
      later((response, one) => {
        response.setHeader('date', new Date(serviceMs).toUTCString());
        if (one.headers['x-amz-date'] === '20300101T000000Z') ok(response);
        else refuse('InvalidSignatureException', 403)(response);
      }),
    );
    const caller = await callerFor(endpoint, { nowMs: () => serviceMs - 3_600_000 });
    await calls(caller);
    expect(seen).toHaveLength(16);
  });

  it.each(['UnrecognizedClientException', 'InvalidClientTokenId', 'ExpiredTokenException'])(
    'all survive credentials that were rotated, which are asked for once (%s)',
    async (code) => {
      const { endpoint, seen } = await scripted(
        later((response, one) => (keyOf(one) === 'NEW' ? ok(response) : refuse(code)(response))),
      );
      const client = new KinesisClient({ region: 'eu-west-1', endpoint, credentials: FIXED });
      const service = await wayOf(client).service('data', undefined);
      let renewals = 0;
      let current = { accessKeyId: 'OLD', secretAccessKey: SECRET };
      const caller = openKinesisCaller({
        service,
        wire: 'cbor',
        credentials: async (options) => {
          if (options?.forceRefresh) {
            renewals++;
            current = { accessKeyId: 'NEW', secretAccessKey: SECRET };
          }
          return current;
        },
      });
      cleanups.push(() => caller.close());
      await calls(caller);
      expect([seen.length, renewals]).toEqual([16, 1]);
    },
  );

  it('are not sent again where the credentials are still the same', async () => {
    const { endpoint, seen } = await scripted(later(refuse('ExpiredTokenException')));
    const caller = await callerFor(endpoint);
    await expect(calls(caller)).rejects.toMatchObject({ awsCode: 'ExpiredTokenException' });
    expect(seen).toHaveLength(8);
  });
});

describe('a call that fails', () => {
  const input = encodeCbor({ ShardIterator: 'x' });

  it.each([
    {
      name: 'a refusal',
      answer: refuse('AccessDeniedException'),
      awsCode: 'AccessDeniedException',
      isAmbiguous: false,
    },
    {
      name: 'an internal failure',
      answer: refuse('InternalFailure', 500),
      awsCode: 'InternalFailure',
      isAmbiguous: true,
    },
    {
      name: 'a cut connection',
      answer: (r: ServerResponse) => r.destroy(),
      awsCode: null,
      isAmbiguous: true,
    },
    {
      name: 'an answer cut short',
      answer: (r: ServerResponse) => {
        r.writeHead(200, { 'content-length': 100 }).write('x');
        setImmediate(() => r.destroy());
      },
      awsCode: null,
      isAmbiguous: true,
    },
  ])('tells the fate of the request after $name', async ({ answer, awsCode, isAmbiguous }) => {
    const { endpoint } = await scripted(answer);
    const error = await (await callerFor(endpoint)).call('PutRecords', input).catch((e: unknown) => e);
    expect(error).toMatchObject({ name: 'KinesisCallError', operation: 'PutRecords', awsCode, isAmbiguous });
    expect(`${JSON.stringify(error)} ${error}`).not.toMatch(/canary/);
  });

  it.each([
    { name: 'an answer', status: 200, declared: false, says: /EMSGSIZE/ },
    { name: 'an answer that says so', status: 200, declared: true, says: /EMSGSIZE/ },
    { name: 'an error', status: 500, declared: false, says: /HTTP status 500/ },
  ])('ends where $name has no end: memory has one', async ({ status, declared, says }) => {
    let sentBytes = 0;
    const closed = Promise.withResolvers<void>();
    const { endpoint } = await scripted((response) => {
      response.writeHead(status, declared ? { 'content-length': String(2 ** 40) } : {});
      response.on('close', closed.resolve);
      const chunk = Buffer.alloc(1 << 20, 'x');
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sentBytes += chunk.length;
      };
      response.on('drain', more);
      more();
    });
    const caller = await callerFor(endpoint);
    const error = await caller.call('GetRecords', Buffer.alloc(1)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(KinesisCallError);
    expect(String(error)).toMatch(says);
    await closed.promise;
    expect(sentBytes).toBeLessThan(200 * 2 ** 20);
  });

  it('is not ambiguous when nobody listens', async () => {
    const { endpoint, server } = await scripted(ok);
    await new Promise((resolve) => server.close(resolve));
    await expect((await callerFor(endpoint)).call('PutRecords', input)).rejects.toMatchObject({
      isAmbiguous: false,
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('is ambiguous when no answer comes in time', async () => {
    const { endpoint } = await scripted(() => {});
    const caller = await callerFor(endpoint, { requestTimeoutMs: 30 });
    await expect(caller.call('PutRecords', input)).rejects.toMatchObject({
      isAmbiguous: true,
      message: 'ETIMEDOUT: no complete answer within 30 ms',
    });
  });

  it('ends when its signal says so', async () => {
    const stop = new AbortController();
    const { endpoint } = await scripted(() => stop.abort());
    await expect((await callerFor(endpoint)).call('PutRecords', input, stop.signal)).rejects.toMatchObject({
      awsCode: null,
      message: 'ABORT_ERR: aborted',
    });
  });

  it('names the credential chain as the cause when the credentials cannot be renewed', async () => {
    const { endpoint } = await scripted(ok);
    let isGone = false;
    const client = new KinesisClient({
      region: 'eu-west-1',
      endpoint,
      credentials: () =>
        !isGone
          ? Promise.resolve({ accessKeyId: 'a', secretAccessKey: SECRET, expiration: new Date(0) })
          : Promise.reject(Object.assign(new Error('no profile'), { name: 'CredentialsProviderError' })),
    });
    const caller = await callerFor('', { way: wayOf(client) });
    isGone = true;
    await expect(caller.call('PutRecords', input)).rejects.toMatchObject({
      awsCode: 'CredentialsProviderError',
      isAmbiguous: false,
    });
  });
});

it('cannot be made without credentials', async () => {
  const credentials = () =>
    Promise.reject(Object.assign(new Error('no profile'), { name: 'CredentialsProviderError' }));
  const client = new KinesisClient({ region: 'eu-west-1', endpoint: 'http://127.0.0.1:9', credentials });
  await expect(createKinesisCaller({ way: wayOf(client), wire: 'cbor' })).rejects.toMatchObject({
    name: 'CredentialsProviderError',
  });
});
