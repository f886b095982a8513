import { expect, it } from 'vitest';
import { identityDifferences, runName } from '../../src/journal/run-name.ts';

it('does not depend on the order of fields, and depends on everything else', () => {
  const name = runName('clicks', { sources: ['s3://b/p'], rules: { a: 1, b: null } });
  expect(name).toMatch(/^clicks-[0-9a-f]{8}$/);
  expect(runName('clicks', { rules: { b: null, a: 1 }, sources: ['s3://b/p'] })).toBe(name);
  expect(runName('clicks', { rules: { b: null, a: 1, c: undefined }, sources: ['s3://b/p'] })).toBe(name);
  expect(runName('clicks', { rules: { b: null, a: 2 }, sources: ['s3://b/p'] })).not.toBe(name);
  expect(runName('clicks', { rules: { b: null, a: 1 }, sources: ['s3://b/p', 's3://b/q'] })).not.toBe(name);
});

it.each([
  { stream: 'arn:aws:kinesis:eu-west-1:123456789012:stream/clicks', prefix: 'clicks-' },
  { stream: '../../etc', prefix: 'etc-' },
  { stream: 'a b:c', prefix: 'a_b_c-' },
])('makes a file name of $stream', ({ stream, prefix }) => {
  expect(runName(stream, {}).slice(0, -8)).toBe(prefix);
});

it.each([
  { name: 'nothing', before: { a: [1, { b: 2 }] }, now: { a: [1, { b: 2 }] }, differences: [] },
  { name: 'a missing field that is null now', before: {}, now: { a: null }, differences: [] },
  {
    name: 'a nested field',
    before: { a: { b: 1, c: 2 } },
    now: { a: { b: 1, c: 3 } },
    differences: ['a.c was 2, is now 3'],
  },
  {
    name: 'a new and a lost field',
    before: { a: 1 },
    now: { b: 'x' },
    differences: ['a was 1, is now null', 'b was null, is now "x"'],
  },
  {
    name: 'a prototype name',
    before: {},
    now: JSON.parse('{"__proto__":1}'),
    differences: ['__proto__ was null, is now 1'],
  },
  {
    name: 'a long value, cut',
    before: { a: 'x'.repeat(500) },
    now: { a: 1 },
    differences: [`a was "${'x'.repeat(119)}..., is now 1`],
  },
])('names $name', ({ before, now, differences }) => {
  expect(identityDifferences(before, now)).toEqual(differences);
});
