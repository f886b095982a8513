/** ETag: what counts as the same version, and what is asked for. */
import { describe, expect, it } from 'vitest';
import { bareEtag, isSameEtag, isStandIn, preconditionOf, versionName } from '../../src/aws/etag.ts';

const AT = 'Thu, 01 Jan 1970 00:00:01 GMT';

it.each([
  { one: '"abc"', other: 'abc', is: true },
  { one: '"abc"', other: 'W/"abc"', is: true },
  { one: 'W/abc', other: 'abc', is: true },
  { one: '"abc-2"', other: '"abc"', is: false },
  { one: '"Abc"', other: '"abc"', is: false },
])('compares $one with $other', ({ one, other, is }) => {
  expect([isSameEtag(one, other), isSameEtag(other, one)]).toEqual([is, is]);
});

describe('versionName', () => {
  it.each([
    { etag: 'W/"abc"', lastModified: AT, name: 'W/"abc"' },
    { etag: undefined, lastModified: AT, name: `last-modified:${AT}` },
    { etag: '""', lastModified: 1000, name: `last-modified:${AT}` },
    { etag: '', lastModified: 'yesterday', name: 'last-modified:yesterday' },
    { etag: undefined, lastModified: undefined, name: 'unversioned' },
    { etag: undefined, lastModified: 0, name: 'unversioned' },
  ])('is $name', ({ etag, lastModified, name }) => {
    expect(versionName(etag, lastModified)).toBe(name);
    expect(isStandIn(name)).toBe(etag === undefined || bareEtag(etag) === '');
  });
});

it.each([
  { version: '"abc"', condition: { 'if-match': '"abc"' } },
  { version: 'abc', condition: { 'if-match': '"abc"' } },
  { version: 'W/"abc"', condition: {} },
  { version: '', condition: {} },
  { version: 'unversioned', condition: {} },
  { version: `last-modified:${AT}`, condition: { 'if-unmodified-since': AT } },
])('asks for $version', ({ version, condition }) => {
  expect(preconditionOf(version)).toEqual(condition);
});
