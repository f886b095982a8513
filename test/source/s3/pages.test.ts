/** Pages: a listing is asked for as the SDK asks for it, and archived objects that were restored are told from those that were not. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RETRY_POLICY_DEFAULT } from '../../../src/source/retry.ts';
import { Pages } from '../../../src/source/s3/pages.ts';
import type { PageQuery } from '../../../src/source/s3/spread.ts';
import { hastyClock, testCalls, testClient } from '../source-run.ts';

const ARCHIVED = ['thawed', 'thawing', 'frozen'];
/** What S3 adds where it is asked for. */
const STATUS: Readonly<Record<string, string>> = {
  thawed:
    '<IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2030-01-01T00:00:00.000Z</RestoreExpiryDate>',
  thawing: '<IsRestoreInProgress>true</IsRestoreInProgress>',
};
const ATTRIBUTES = 'x-amz-optional-object-attributes';

const asked: IncomingMessage[] = [];
let place: { readonly endpoint: string };
const server = createServer((request, response) => {
  asked.push(request);
  const isTold = request.headers[ATTRIBUTES] === 'RestoreStatus';
  const entries = ARCHIVED.map((name) => {
    const status = isTold && STATUS[name] ? `<RestoreStatus>${STATUS[name]}</RestoreStatus>` : '';
    return `<Contents><Key>p%2F${name}</Key><ETag>"1"</ETag><Size>1</Size><StorageClass>GLACIER</StorageClass>${status}</Contents>`;
  });
  const head = '<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>';
  response.end(`<ListBucketResult>${head}${entries.join('')}</ListBucketResult>`);
});
beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  place = { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
  asked.length = 0;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const pagesOf = (requesterPays = false) =>
  new Pages(testCalls(place, { clock: hastyClock(), requesterPays }), {
    retry: RETRY_POLICY_DEFAULT,
    signal: undefined,
  });

/** What a request says, but for what is signed anew each time. */
function saidIn({ method, url, headers }: IncomingMessage) {
  const { pathname, searchParams } = new URL(url!, place.endpoint);
  return {
    ...{ method, pathname, query: Object.fromEntries(searchParams) },
    payer: headers['x-amz-request-payer'],
    attributes: headers[ATTRIBUTES],
  };
}

it.each<{
  name: string;
  query: PageQuery;
  more?: Parameters<Pages['ask']>[2];
  isPaid?: boolean;
  theirs: Partial<ListObjectsV2CommandInput>;
}>([
  { name: 'a prefix', query: { prefix: 'p/' }, theirs: { Prefix: 'p/' } },
  { name: 'no prefix', query: { prefix: '' }, theirs: { Prefix: '' } },
  {
    name: 'odd characters',
    query: { prefix: 'p/', after: "p/a b+c%20&=/ü😀'\n" },
    theirs: { Prefix: 'p/', StartAfter: "p/a b+c%20&=/ü😀'\n" },
  },
  {
    name: 'a page behind another, paid for',
    query: { prefix: 'p/', token: 'a+b/c==', after: 'p/x' },
    isPaid: true,
    theirs: { Prefix: 'p/', ContinuationToken: 'a+b/c==', RequestPayer: 'requester' },
  },
  {
    name: 'one key, sub-prefixes and what was restored',
    query: { prefix: 'p/', isFolder: true },
    more: { MaxKeys: 1, OptionalObjectAttributes: ['RestoreStatus'] },
    theirs: { Prefix: 'p/', Delimiter: '/', MaxKeys: 1, OptionalObjectAttributes: ['RestoreStatus'] },
  },
])('asks as the SDK does for $name', async ({ query, more, isPaid, theirs }) => {
  await pagesOf(isPaid).ask('data', query, more);
  await testClient(place).send(new ListObjectsV2Command({ Bucket: 'data', EncodingType: 'url', ...theirs }));
  const [ours, wanted] = asked.map(saidIn);
  expect(ours).toEqual(wanted);
});

it('gives an archived object that was restored as one that can be read', async () => {
  const { objects } = await pagesOf().page('data', { prefix: 'p/' });
  expect(objects.map(({ key, storageClass }) => [key, storageClass])).toEqual([
    ['p/thawed', 'RESTORED'],
    ['p/thawing', 'GLACIER'],
    ['p/frozen', 'GLACIER'],
  ]);
  expect(asked.map(({ headers }) => headers[ATTRIBUTES])).toEqual([undefined, 'RestoreStatus']);
});
