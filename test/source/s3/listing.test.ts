/** Listing: what is read of a document is what the SDK's client reads of it. */
import { Readable } from 'node:stream';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { HttpResponse } from '@smithy/protocol-http';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Listing, readListing } from '../../../src/source/s3/listing.ts';
import { SourceFailure } from '../../../src/source/source-failure.ts';

/** What the SDK makes of the same document. */
async function bySdk(text: string): Promise<Listing> {
  const handle = async () => ({
    response: new HttpResponse({ statusCode: 200, headers: {}, body: Readable.from([Buffer.from(text)]) }),
  });
  const client = new S3Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
    requestHandler: { handle } as never,
  });
  const { $metadata: _, ...output } = await client.send(new ListObjectsV2Command({ Bucket: 'data' }));
  return output;
}

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (char) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[char]!);
/** Only what may stand in a document: keys come escaped like a form (`encoding-type=url`). */
const word = fc.string({ unit: fc.constantFrom(...'abz/%20+.~&<>"\'ü😀 -'), maxLength: 20 });
const element = (name: string, text: fc.Arbitrary<string>) =>
  text.map((said) => `<${name}>${escaped(said)}</${name}>`);
const maybe = (one: fc.Arbitrary<string>) => fc.oneof({ weight: 4, arbitrary: one }, fc.constant(''));
const number = fc.nat({ max: 2 ** 31 - 1 }).map(String);
const time = fc
  .date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());
const flag = fc.constantFrom('true', 'false');
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((said) => said.join(''));

const entry = joined(
  maybe(element('Key', word)),
  maybe(element('LastModified', time)),
  maybe(element('ETag', word)),
  maybe(element('Size', number)),
  maybe(element('StorageClass', fc.constantFrom('STANDARD', 'GLACIER', 'NEW_CLASS'))),
  maybe(fc.constant('<Owner><ID>x</ID></Owner>')),
  maybe(
    joined(element('IsRestoreInProgress', flag), maybe(element('RestoreExpiryDate', time))).map(
      (said) => `<RestoreStatus>${said}</RestoreStatus>`,
    ),
  ),
).map((said) => `<Contents>${said}</Contents>`);
const document = joined(
  maybe(fc.constant('<?xml version="1.0" encoding="UTF-8"?>\n')),
  joined(
    maybe(element('Name', word)),
    maybe(element('EncodingType', fc.constant('url'))),
    maybe(element('KeyCount', number)),
    maybe(element('IsTruncated', flag)),
    maybe(element('NextContinuationToken', word)),
    fc.array(entry, { maxLength: 3 }).map((list) => list.join('\n  ')),
    fc
      .array(element('Prefix', word), { maxLength: 3 })
      .map((list) => list.map((said) => `<CommonPrefixes>${said}</CommonPrefixes>`).join('')),
  ).map(
    (said) => `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${said}</ListBucketResult>`,
  ),
);

/** The fields that are used, where both have them: an empty list and none are the same. */
function used({ Contents = [], CommonPrefixes = [], ...rest }: Listing) {
  const { IsTruncated, NextContinuationToken, KeyCount, EncodingType } = rest;
  const objects = Contents.map(({ Key, ETag, Size, LastModified, StorageClass, RestoreStatus }) => ({
    ...{ Key, ETag, Size, LastModified, StorageClass, RestoreStatus },
  }));
  return { IsTruncated, NextContinuationToken, KeyCount, EncodingType, objects, prefixes: CommonPrefixes };
}

it('is what the SDK reads, whatever is left out', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(document, async (text) => {
      expect(used(readListing(text))).toEqual(used(await bySdk(text)));
    }),
    { numRuns: 300 },
  );
});

it('says nothing where nothing came', () => {
  expect(readListing('')).toEqual({});
});

it.each([
  ['a page', '<html><head><meta></head></html>'],
  ['no document', 'hello'],
  ['half of one', '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a</Key>'],
  ['a size that is none', '<ListBucketResult><Contents><Size>many</Size></Contents></ListBucketResult>'],
  ['a size below nothing', '<ListBucketResult><Contents><Size>-1</Size></Contents></ListBucketResult>'],
  ['a time that is none', '<L><Contents><LastModified>yesterday</LastModified></Contents></L>'],
  ['a count that is none', '<L><KeyCount>1.5</KeyCount></L>'],
])('asks again for %s', (_, text) => {
  const read = () => readListing(text);
  expect(read).toThrow(SourceFailure);
  expect(read).toThrow(/no whole page/);
});
