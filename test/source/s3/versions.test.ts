/** Versions: which answers are of the version that is carried. */
import { describe, expect, it } from 'vitest';
import { Versions } from '../../../src/source/s3/versions.ts';

const AT = 'Thu, 01 Jan 1970 00:00:01 GMT';
const LATER = 'Thu, 01 Jan 1970 00:00:02 GMT';
type Headers = Readonly<Record<string, string>>;

function start(etag: string) {
  let told = 0;
  const versions = new Versions(() => told++);
  const object = { bucket: 'b', key: 'k', etag, size: 1, lastModifiedMs: 0, storageClass: 'STANDARD' };
  const check = (headers: Headers) => versions.check(object, 200, (name) => headers[name]);
  return { object, check, told: () => told };
}

describe('Versions', () => {
  it.each<{ name: string; etag: string; answers: Headers[]; pinned: string; told: number }>([
    { name: 'quotes', etag: 'a', answers: [{ etag: '"a"' }, { etag: 'W/"a"' }], pinned: 'a', told: 0 },
    {
      name: 'no ETag in the listing',
      etag: '',
      answers: [{ etag: '"a"' }, { etag: '"a"' }],
      pinned: '"a"',
      told: 0,
    },
    {
      name: 'no ETag at all',
      etag: '',
      answers: [{ 'last-modified': AT }, { 'last-modified': AT }],
      pinned: `last-modified:${AT}`,
      told: 1,
    },
    {
      name: 'no ETag in GETs',
      etag: '"a"',
      answers: [{ 'last-modified': AT }, { 'last-modified': AT }],
      pinned: '"a"',
      told: 1,
    },
    { name: 'nothing at all', etag: '', answers: [{}, {}], pinned: 'unversioned', told: 1 },
    {
      name: 'a time that is not always said',
      etag: '',
      answers: [{ 'last-modified': AT }, {}],
      pinned: `last-modified:${AT}`,
      told: 1,
    },
  ])('takes answers of one version: $name', ({ etag, answers, pinned, told }) => {
    const versions = start(etag);
    for (const answer of answers) expect(() => versions.check(answer)).not.toThrow();
    expect([versions.object.etag, versions.told()]).toEqual([pinned, told]);
  });

  it.each<{ name: string; etag: string; answers: Headers[] }>([
    { name: 'another ETag', etag: '"a"', answers: [{ etag: '"b"' }] },
    { name: 'another ETag than the first GET had', etag: '', answers: [{ etag: '"a"' }, { etag: '"b"' }] },
    {
      name: 'another time than the first GET had',
      etag: '',
      answers: [{ 'last-modified': AT }, { 'last-modified': LATER }],
    },
    {
      name: 'another time, where only the listing had an ETag',
      etag: '"a"',
      answers: [{ 'last-modified': AT }, { 'last-modified': LATER }],
    },
  ])('refuses $name', ({ etag, answers }) => {
    const { check } = start(etag);
    for (const answer of answers.slice(0, -1)) check(answer);
    expect(() => check(answers.at(-1)!)).toThrow(/its ETag was .* and is /);
  });

  it('knows which answers prove their version', () => {
    expect(start('"a"').check({ etag: 'W/"a"' })).toBe(true);
    expect(start('"a"').check({ 'last-modified': AT })).toBe(false);
    expect(start(`last-modified:${AT}`).check({ 'last-modified': AT })).toBe(true);
    expect(start('unversioned').check({ 'last-modified': AT })).toBe(false);
  });
});
