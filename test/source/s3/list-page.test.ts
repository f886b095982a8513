/** List page: what is believed of an answer of ListObjectsV2, and what is asked for again. */
import { describe, expect, it } from 'vitest';
import { asMalformed, decodeListedKey, pageOf } from '../../../src/source/s3/list-page.ts';
import type { Listing } from '../../../src/source/s3/listing.ts';
import { SourceFailure } from '../../../src/source/source-failure.ts';

const entry = {
  Key: 'p/a+b',
  ETag: '"1"',
  Size: 3,
  LastModified: new Date(1000),
  StorageClass: 'STANDARD' as const,
};
const whole = {
  IsTruncated: false,
  KeyCount: 1,
  EncodingType: 'url' as const,
  Contents: [entry],
};
const page = (change: Partial<Listing>) => pageOf('b', { prefix: 'p/' }, { ...whole, ...change });

describe('pageOf', () => {
  it('gives objects with decoded keys, and where the listing goes on', () => {
    const object = {
      bucket: 'b',
      key: 'p/a b',
      etag: '"1"',
      size: 3,
      lastModifiedMs: 1000,
      storageClass: 'STANDARD',
    };
    expect(page({})).toEqual({ objects: [object], prefixes: [], token: undefined });
    expect(page({ IsTruncated: true, NextContinuationToken: 't' }).token).toBe('t');
    expect(page({ CommonPrefixes: [{ Prefix: 'p/x%2By/' }] }).prefixes).toEqual(['p/x+y/']);
  });

  it.each<{ name: string; change: Partial<Listing> }>([
    { name: 'no count of keys', change: { KeyCount: undefined } },
    { name: 'no ETag, no time and no storage class', change: { Contents: [{ Key: 'p/k', Size: 1 }] } },
    {
      name: 'nothing, where more follows',
      change: { KeyCount: 0, Contents: [], IsTruncated: true, NextContinuationToken: 't' },
    },
    { name: 'a token where nothing follows', change: { NextContinuationToken: 't' } },
  ])('takes a page with $name', ({ change }) => {
    expect(() => page(change)).not.toThrow();
  });

  it.each<{ name: string; change: Partial<Listing>; message: RegExp }>([
    {
      name: 'does not say whether it is the last',
      change: { IsTruncated: undefined },
      message: /whether more follows/,
    },
    {
      name: 'is not the last and has no token',
      change: { IsTruncated: true },
      message: /does not say where/,
    },
    {
      name: 'has an empty token',
      change: { IsTruncated: true, NextContinuationToken: '' },
      message: /does not say where/,
    },
    { name: 'lacks keys that it counts', change: { KeyCount: 2 }, message: /fewer than the 2 keys/ },
    { name: 'has an entry without a key', change: { Contents: [{ Size: 1 }] }, message: /no key/ },
    { name: 'has an entry without a size', change: { Contents: [{ Key: 'p/a' }] }, message: /no size/ },
    {
      name: 'has a size that is no number',
      change: { Contents: [{ Key: 'p/a', Size: Number.NaN }] },
      message: /no size/,
    },
    {
      name: 'is of another prefix',
      change: { Contents: [{ Key: 'q/a', Size: 1 }] },
      message: /prefix asked for/,
    },
  ])('asks again for a page that $name', ({ change, message }) => {
    let thrown: unknown;
    try {
      page(change);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SourceFailure);
    expect(thrown).toMatchObject({ kind: 'transient', message: expect.stringMatching(message) });
  });
});

describe('asMalformed', () => {
  it('knows an answer of 200 that is no listing', () => {
    const unreadable = Object.assign(new TypeError('no date'), { $metadata: { httpStatusCode: 200 } });
    expect(asMalformed(unreadable)).toMatchObject({
      kind: 'transient',
      serviceCode: 'MalformedPage',
      cause: unreadable,
    });
  });

  it('leaves everything else as it is', () => {
    const refused = Object.assign(new Error('no'), { $metadata: { httpStatusCode: 403 } });
    for (const error of [refused, new TypeError('a bug'), null]) expect(asMalformed(error)).toBe(error);
  });
});

it.each([
  ['a+b', 'a b'],
  ['a%2Bb', 'a+b'],
  ['%C3%BC', 'ü'],
  ['100%', '100%'],
])('decodes the listed key %j to %j', (encoded, key) => {
  expect(decodeListedKey(encoded)).toBe(key);
});
