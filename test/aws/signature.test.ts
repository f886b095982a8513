import { createHash, createHmac } from 'node:crypto';
import { HttpRequest } from '@smithy/protocol-http';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Signer } from '../../src/aws/signature.ts';

/** The hash that the SDK's signer asks for, by the platform. */
class PlatformSha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    const isKeyed = secret !== undefined;
    this.#hash = isKeyed ? createHmac('sha256', secret as string) : createHash('sha256');
  }
  update(data: Uint8Array): void {
    this.#hash.update(data);
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }
  reset(): void {}
}

const EMPTY = createHash('sha256').digest('hex');
const visible = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
});
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const path = fc
  .array(fc.oneof(fc.constantFrom('', '.', '..', 'a b', "it's(*)!"), fc.webSegment()), { maxLength: 5 })
  .map((segments) => `/${segments.map(encodeURIComponent).join('/')}`);

const queries = fc.dictionary(name, fc.string({ unit: 'binary', maxLength: 10 }), { maxKeys: 4 });
/** As it is sent. */
const textOf = (query: Readonly<Record<string, string>>) =>
  Object.keys(query)
    .sort()
    .map(
      (key) =>
        `${key}=${encodeURIComponent(query[key]!).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)}`,
    )
    .join('&');

it("writes what the SDK's signer writes, for any headers, path, query, credentials and time", async () => {
  const credentials = fc.record(
    { accessKeyId: visible, secretAccessKey: visible, sessionToken: visible },
    { requiredKeys: ['accessKeyId', 'secretAccessKey'] },
  );
  const headers = fc.dictionary(
    fc.oneof(name, fc.constantFrom('user-agent', 'proxy-x', 'sec-y', 'connection', 'range', 'if-match')),
    fc.oneof(visible, fc.constantFrom('  two  blanks\t', 'a\tb')),
  );
  const times = fc.integer({ min: 0, max: 4e12 });
  await fc.assert(
    fc.asyncProperty(
      fc.record({ path, credentials, headers, method: fc.constantFrom('GET', 'POST') }),
      fc.array(times, { minLength: 1, maxLength: 3 }),
      fc.boolean(),
      queries,
      async (request, moments, escapesPath, query) => {
        const mine = new Signer({ region: 'eu-west-1', service: 'kinesis', escapesPath });
        const theirs = new SignatureV4({
          ...{ service: 'kinesis', region: 'eu-west-1', credentials: request.credentials },
          ...{ sha256: PlatformSha256, applyChecksum: false, uriEscapePath: escapesPath },
        });
        const given = { host: 'h:1', ...request.headers, 'x-amz-content-sha256': EMPTY };
        const {
          authorization: _,
          'x-amz-date': __,
          date: ___,
          ...unsigned
        } = given as Record<string, string>;
        const toSign = { ...request, headers: unsigned as typeof given };
        for (const unixMs of moments) {
          const wanted = await theirs.sign(new HttpRequest({ ...toSign, query }), {
            signingDate: new Date(unixMs),
          });
          expect(mine.sign({ ...toSign, query: textOf(query) }, request.credentials, unixMs)).toEqual(
            wanted.headers,
          );
        }
      },
    ),
  );
});

it('signs with a new key on a new day, and for new credentials', () => {
  const signer = new Signer({ region: 'eu-west-1', service: 'kinesis', escapesPath: true });
  const request = { method: 'POST', path: '/', headers: { host: 'h', 'x-amz-content-sha256': EMPTY } };
  const one = { accessKeyId: 'A', secretAccessKey: 's' };
  const DAY_MS = 86_400_000;
  const sign = (credentials: typeof one, unixMs: number) =>
    signer.sign(request, credentials, unixMs).authorization!;
  const first = sign(one, 0);
  expect(first).toContain('Credential=A/19700101/eu-west-1/kinesis/aws4_request');
  expect(sign(one, DAY_MS)).toContain('/19700102/');
  expect(sign({ ...one, secretAccessKey: 'other' }, 0)).not.toBe(first);
  expect(sign(one, 0)).toBe(first);
});
