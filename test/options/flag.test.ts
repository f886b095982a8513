/** Tables of flags: how they are read, cut and told. */
import { expect, it } from 'vitest';
import { acceptOptions, flagsByName, helpOf, readFlags, without } from '../../src/options/flag.ts';
import { integer, text, toggle } from '../../src/options/kinds.ts';
import { Problems } from '../../src/options/problems.ts';

const TABLE = {
  journal: text('journal', 'FILE', { help: 'where progress is kept', absent: 'beside it' }),
  inFlight: integer('in-flight', { min: 1, max: 9 }, { help: 'requests at once', default: '8' }),
  isStrict: toggle('strict', { help: 'be strict' }),
} as const;

it('reads flags by their names and options by theirs, and collects what is wrong', () => {
  const problems = new Problems();
  expect(readFlags(TABLE, { 'in-flight': '3', strict: true, other: 1 }, problems)).toEqual({
    ...{ journal: null, inFlight: 3, isStrict: true },
  });
  expect(acceptOptions(TABLE, { inFlight: 3, journal: 'a' }, problems)).toEqual({
    ...{ journal: 'a', inFlight: 3, isStrict: false },
  });
  expect(problems.list).toEqual([]);
  readFlags(TABLE, { 'in-flight': '10', strict: 'no', journal: '' }, problems);
  expect(problems.list).toHaveLength(3);
});

it('says the default behind the help: as it is typed, or in words', () => {
  expect(Object.values(TABLE).map(helpOf)).toEqual([
    ...['where progress is kept [beside it]', 'requests at once [8]', 'be strict'],
  ]);
});

it('can be cut, and looked up by names', () => {
  const part = without(TABLE, ['journal']);
  expect(Object.keys(part)).toEqual(['inFlight', 'isStrict']);
  expect([...flagsByName(part, TABLE).keys()]).toEqual(['in-flight', 'strict', 'journal']);
});
