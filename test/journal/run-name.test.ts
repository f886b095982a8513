import { expect, it } from 'vitest';
import { conditionOf, type Identity, identityDifferences, runName } from '../../src/journal/run-name.ts';

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

it.each<{ name: string; before: object; now: object; told: string[]; condition: string }>([
  {
    name: 'of modules alone is called so',
    ...{
      before: { transform: ['./a.ts'], laterPrint: 'a1' },
      now: { transform: ['./a.ts'], laterPrint: 'b2' },
    },
    told: ['a module of its stages, or a file that one imports, has changed since'],
    condition: 'with the other flags as they are and its modules as they were',
  },
  {
    name: 'of the key alone is called so',
    ...{ before: { hash: ['/id'], hashKeyPrint: 'a1' }, now: { hash: ['/id'], hashKeyPrint: 'b2' } },
    told: ['the key of --hash is another one'],
    condition: 'with the other flags as they are and the key of --hash that it had',
  },
  {
    name: 'that its flags tell is told once, by their names',
    before: { transform: ['./a.ts'], laterPrint: 'a1', hash: ['/id'], hashKeyPrint: 'a1', limitLines: 5 },
    now: { transform: [], hash: [] },
    told: [
      'hash was ["/id"], is now []',
      'limitLines was 5, is now null',
      'transform was ["./a.ts"], is now []',
    ],
    condition: 'with the other flags as they are',
  },
])('a difference $name', ({ before, now, told, condition }) => {
  const differences = identityDifferences(before as Identity, now as Identity);
  expect([differences, conditionOf(differences)]).toEqual([told, condition]);
});
