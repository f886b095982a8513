/**
 * List page: one answer of ListObjectsV2, looked at before it is believed.
 * Takes  what was asked for and what was read of the answer. An empty body is read as one that says nothing.
 * Gives  a Page with decoded keys, or a failure that is worth asking again.
 * Never  asks.
 */
import type { SourceObject } from '../object.ts';
import { SourceFailure } from '../source-failure.ts';
import type { Listing } from './listing.ts';
import type { Page, PageQuery } from './spread.ts';

/** What such an answer is called in messages; S3 has no code for it. */
export const MALFORMED_PAGE = 'MalformedPage';

/**
 * @throws {SourceFailure} `transient`: the answer is not a whole page of this listing. A listing that ends early, or an object whose size is
 * missing, would be left out silently.
 */
export function pageOf(bucket: string, query: PageQuery, output: Listing): Page {
  const { Contents = [], CommonPrefixes = [], IsTruncated, KeyCount, NextContinuationToken } = output;
  if (typeof IsTruncated !== 'boolean') throw malformed('it does not say whether more follows');
  if (IsTruncated && !NextContinuationToken) throw malformed('more follows, and it does not say where');
  if (KeyCount !== undefined && KeyCount > Contents.length + CommonPrefixes.length)
    throw malformed(`it holds fewer than the ${KeyCount} keys that it counts`);
  const decode = output.EncodingType === 'url' ? decodeListedKey : (text: string) => text;
  const within = (text: string | undefined) => {
    if (!text) throw malformed('an entry has no key');
    const key = decode(text);
    if (!key.startsWith(query.prefix)) throw malformed('a key does not begin with the prefix asked for');
    return key;
  };
  return {
    objects: Contents.map((entry) => toObject(bucket, entry, within(entry.Key))),
    prefixes: CommonPrefixes.map(({ Prefix }) => within(Prefix)),
    token: IsTruncated ? NextContinuationToken : undefined,
  };
}

/** What was thrown, or a failure that says it better: the answer was not a document of S3's. */
export function asMalformed(error: unknown): unknown {
  const status = (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
  return status === 200 ? malformed('it is no listing', error) : error;
}

export function malformed(why: string, cause?: unknown): SourceFailure {
  return new SourceFailure('transient', `the answer is no whole page: ${why}`, {
    status: 200,
    serviceCode: MALFORMED_PAGE,
    cause,
  });
}

function toObject(
  bucket: string,
  { ETag, Size, LastModified, StorageClass }: NonNullable<Listing['Contents']>[number],
  key: string,
): SourceObject {
  if (!Number.isSafeInteger(Size) || Size! < 0) throw malformed('an entry has no size');
  return {
    bucket,
    key,
    etag: ETag ?? '',
    size: Size!,
    lastModifiedMs: LastModified?.getTime() ?? 0,
    storageClass: StorageClass ?? 'STANDARD',
  };
}

/** `EncodingType: url` escapes like a form: a space is `+`. An invalid escape is taken as it stands. */
export function decodeListedKey(encoded: string): string {
  const text = encoded.replaceAll('+', ' ');
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return encoded;
  }
}
