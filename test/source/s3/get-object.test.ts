/** RangeReader: where requests go and what they carry, in every way of addressing a bucket. */
import { Readable } from 'node:stream';
import { S3Client } from '@aws-sdk/client-s3';
import { HttpResponse } from '@smithy/protocol-http';
import { describe, expect, it } from 'vitest';
import type { CredentialProvider } from '../../../src/aws/credentials.ts';
import { bodyOf, readWhole } from '../../../src/aws/http-body.ts';
import type { HttpAnswer, Origin } from '../../../src/aws/http-client.ts';
import { S3Way } from '../../../src/aws/s3-way.ts';
import { systemClock } from '../../../src/source/retry.ts';
import type { Transport } from '../../../src/source/s3/calls.ts';
import { createObjectGetter } from '../../../src/source/s3/get-object.ts';
import { SourceFailure } from '../../../src/source/source-failure.ts';

interface Sent {
  hostname: string;
  path: string;
  query?: Record<string, unknown>;
  headers: Readonly<Record<string, string>>;
}

/** The answer to every request: it fits the object below. */
const HEADERS = { etag: '"1"', 'content-range': 'bytes 10-19/100', 'content-length': '10' };
const bodyStream = () => Readable.from([Buffer.from('0123456789')]);

/** A way and a transport whose requests go nowhere. @param config Of the SDK's client, which is asked for all that is special. @param elsewhere Answers requests to some hosts in another way. */
function client(
  config: Record<string, unknown>,
  elsewhere: (hostname: string) => HttpAnswer | null = () => null,
) {
  const sent: Sent[] = [];
  const open = ({ hostname }: Origin): Transport => ({
    request: async ({ path, headers }) => {
      sent.push({ hostname, path, headers });
      const answer = elsewhere(hostname);
      if (answer !== null) return answer;
      return { status: 206, headers: HEADERS, body: bodyOf(bodyStream()) };
    },
    close: () => {},
  });
  const { endpoint = null, ...special } = config as { readonly endpoint?: string | null };
  const made = new S3Client({
    region: 'eu-west-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'token' },
    maxAttempts: 1,
    ...config,
    requestHandler: {
      handle: async (request: Sent) => {
        sent.push(request);
        return { response: new HttpResponse({ statusCode: 206, headers: HEADERS, body: bodyStream() }) };
      },
    } as never,
  });
  const target = {
    region: 'eu-west-1',
    profile: null,
    endpoint,
    hasOwnRules: 'useDualstackEndpoint' in special,
  };
  return {
    way: new S3Way(target, async () => made, made.config.credentials as CredentialProvider),
    sent,
    open,
  };
}

const object = {
  bucket: 'my-bucket',
  key: "a b/'ü",
  etag: '"1"',
  size: 100,
  lastModifiedMs: 0,
  storageClass: 'STANDARD',
};
const signal = new AbortController().signal;

describe('createObjectGetter', () => {
  it.each([
    {
      name: 'virtual hosts',
      config: {},
      bucket: 'my-bucket',
      host: 'my-bucket.s3.eu-west-1.amazonaws.com',
      path: '/a%20b/%27%C3%BC',
    },
    {
      name: 'a bucket with dots',
      config: {},
      bucket: 'my.bucket',
      host: 's3.eu-west-1.amazonaws.com',
      path: '/my.bucket/a%20b/%27%C3%BC',
    },
    {
      name: 'dual stack',
      config: { useDualstackEndpoint: true },
      bucket: 'my-bucket',
      host: 'my-bucket.s3.dualstack.eu-west-1.amazonaws.com',
      path: '/a%20b/%27%C3%BC',
    },
    {
      name: 'an endpoint of its own',
      config: { endpoint: 'http://127.0.0.1:9000/base', forcePathStyle: true },
      bucket: 'my-bucket',
      host: '127.0.0.1',
      path: '/base/my-bucket/a%20b/%27%C3%BC',
    },
    {
      name: 'an access point',
      config: {},
      bucket: 'arn:aws:s3:eu-west-1:123456789012:accesspoint/mine',
      host: 'mine-123456789012.s3-accesspoint.eu-west-1.amazonaws.com',
      path: '/a%20b/%27%C3%BC',
    },
  ])('addresses $name as the SDK does, signed and pinned', async ({ config, bucket, host, path }) => {
    const { way, sent, open } = client(config);
    const reader = createObjectGetter(way, { clock: systemClock, requesterPays: true, open });
    const { body, checksum } = await reader.read({ ...object, bucket }, 10, 20, signal);
    expect([sent.length, sent[0]!.hostname, sent[0]!.path]).toEqual([1, host, path]);
    expect(sent[0]!.headers).toMatchObject({
      range: 'bytes=10-19',
      'if-match': '"1"',
      'x-amz-request-payer': 'requester',
      'x-amz-security-token': 'token',
      authorization: expect.stringMatching(
        /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/s3\/aws4_request, SignedHeaders=.*host;if-match;range/,
      ),
    });
    expect([(await readWhole(body)).toString(), checksum]).toEqual(['0123456789', null]);
  });

  /** What S3 says of a bucket in another region: in a header, or in its document alone. */
  const redirects = {
    'a header': { status: 301, code: 'PermanentRedirect', headers: { 'x-amz-bucket-region': 'ap-south-1' } },
    'the document': { status: 400, code: 'AuthorizationHeaderMalformed', headers: {} },
  };
  const answerOf = ({ status, code, headers }: (typeof redirects)['a header' | 'the document']) => {
    const region = status === 400 ? '<Region>ap-south-1</Region>' : '';
    const text = `<Error><Code>${code}</Code><Message>not here</Message>${region}</Error>`;
    return {
      status,
      headers: headers as Record<string, string>,
      body: bodyOf(Readable.from([Buffer.from(text)])),
    };
  };

  it.each(Object.entries(redirects))('follows a bucket to its region, as %s says', async (_, redirect) => {
    const { way, sent, open } = client({ followRegionRedirects: true }, (hostname) =>
      hostname.includes('eu-west-1') ? answerOf(redirect) : null,
    );
    const reader = createObjectGetter(way, { clock: systemClock, open });
    // Side by side, as downloads are: each of them may be the first to learn it.
    await Promise.all([1, 2, 3].map(() => reader.read(object, 10, 20, signal)));
    expect(sent.length).toBeLessThanOrEqual(6);
    await reader.read(object, 10, 20, signal);
    expect(sent.at(-2)!.hostname).toBe('my-bucket.s3.ap-south-1.amazonaws.com');
    expect(sent.at(-1)).toMatchObject({
      hostname: 'my-bucket.s3.ap-south-1.amazonaws.com',
      headers: { authorization: expect.stringContaining('/ap-south-1/s3/aws4_request') },
    });
    await reader.read({ ...object, bucket: 'other' }, 10, 20, signal).catch(() => {});
    expect(sent.filter(({ hostname }) => hostname === 'other.s3.eu-west-1.amazonaws.com').length).toBe(1);
  });

  it.each([
    { name: 'it has an endpoint of its own', config: { endpoint: 'http://127.0.0.1:9000' }, requests: 1 },
    { name: 'the region that is named says the same', config: { followRegionRedirects: true }, requests: 2 },
  ])('names the region and ends where $name', async ({ config, requests }) => {
    const { way, sent, open } = client(config, () => answerOf(redirects['a header']));
    const reader = createObjectGetter(way, { clock: systemClock, open });
    await expect(reader.read(object, 10, 20, signal)).rejects.toMatchObject({
      kind: 'setup',
      serviceCode: 'PermanentRedirect',
      message: 'not here, the bucket is in region ap-south-1',
    });
    expect(sent.length).toBe(requests);
  });

  it('uses the whole SDK where buckets want sessions', async () => {
    const { way, sent } = client({ disableS3ExpressSessionAuth: true });
    const bucket = 'logs--euw1-az1--x-s3';
    await createObjectGetter(way, { clock: systemClock }).read({ ...object, bucket }, 10, 20, signal);
    expect(sent[0]!.hostname).toBe(`${bucket}.s3express-euw1-az1.eu-west-1.amazonaws.com`);
    expect(sent[0]!.query).toMatchObject({ 'x-id': 'GetObject' });
  });

  it('asks the credential chain again when a token has expired', async () => {
    let calls = 0;
    const credentials = async () => {
      calls++;
      return {
        accessKeyId: `AKID${calls}`,
        secretAccessKey: 's',
        expiration: new Date(Date.now() + 3_600_000),
      };
    };
    const { way, sent, open } = client({ credentials });
    const reader = createObjectGetter(way, { clock: systemClock, open });
    await reader.read(object, 10, 20, signal);
    await reader.read(object, 10, 20, signal);
    expect(calls).toBe(1);
    await reader.renew(new SourceFailure('credentials', 'expired'));
    await reader.read(object, 10, 20, signal);
    expect([calls, sent.at(-1)!.headers.authorization]).toEqual([
      2,
      expect.stringContaining('Credential=AKID2/'),
    ]);
  });
});
