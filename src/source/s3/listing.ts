/**
 * Listing: the document of ListObjectsV2, read by the SDK's own reader of XML.
 * Takes  the text of an answer. Gives  the fields that are used, as the SDK names them; what the document does not say is left out.
 * Never  decodes keys, or decides whether the page is whole: that is list-page.ts.
 */
import type { ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { parseXML } from '@aws-sdk/xml-builder';
import { malformed } from './list-page.ts';

export type Listing = Omit<ListObjectsV2CommandOutput, '$metadata'>;

/** An element: its text, or what is in it. */
type Element = string | { readonly [name: string]: Element | readonly Element[] | undefined };

/** @throws {SourceFailure} Where the text is no document, or a number or time in it is none. */
export function readListing(text: string): Listing {
  if (text === '') return {};
  let document: { readonly [name: string]: Element };
  try {
    document = parseXML(text);
  } catch (error) {
    throw malformed('it is no listing', error);
  }
  const root = Object.values(document)[0]!;
  const token = textIn(root, 'NextContinuationToken');
  const count = textIn(root, 'KeyCount');
  const encoding = textIn(root, 'EncodingType');
  return {
    ...flagIn(root, 'IsTruncated'),
    ...(token !== undefined && { NextContinuationToken: token }),
    ...(count !== undefined && { KeyCount: numberOf(count) }),
    ...(encoding !== undefined && { EncodingType: encoding as 'url' }),
    Contents: all(root, 'Contents').map(entryOf),
    CommonPrefixes: all(root, 'CommonPrefixes').map((one) => ({ Prefix: textIn(one, 'Prefix') })),
  };
}

function entryOf(entry: Element): NonNullable<Listing['Contents']>[number] {
  const size = textIn(entry, 'Size');
  const modified = textIn(entry, 'LastModified');
  const [status] = all(entry, 'RestoreStatus');
  const expiry = status && textIn(status, 'RestoreExpiryDate');
  return {
    Key: textIn(entry, 'Key'),
    ETag: textIn(entry, 'ETag'),
    ...(size !== undefined && { Size: numberOf(size) }),
    ...(modified !== undefined && { LastModified: timeOf(modified) }),
    StorageClass: textIn(entry, 'StorageClass') as 'STANDARD' | undefined,
    ...(status !== undefined && {
      RestoreStatus: {
        ...flagIn(status, 'IsRestoreInProgress'),
        ...(expiry !== undefined && { RestoreExpiryDate: timeOf(expiry) }),
      },
    }),
  };
}

/** Elements of one name, in their order. */
function all(element: Element, name: string): readonly Element[] {
  if (typeof element === 'string') return [];
  const found = element[name];
  return found === undefined ? [] : Array.isArray(found) ? found : [found as Element];
}

function textIn(element: Element, name: string): string | undefined {
  const [first] = all(element, name);
  if (first === undefined || typeof first === 'string') return first;
  return textIn(first, '#text') ?? ''; // it has attributes
}

function flagIn<Name extends string>(element: Element, name: Name): { readonly [Flag in Name]?: boolean } {
  const text = textIn(element, name);
  if (text !== 'true' && text !== 'false') return {};
  return { [name]: text === 'true' } as { [Flag in Name]: boolean };
}

function numberOf(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw malformed('it is no listing');
  return Number(text);
}

function timeOf(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime())) throw malformed('it is no listing');
  return time;
}
