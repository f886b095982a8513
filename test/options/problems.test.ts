/** All that is wrong, in one message, each once. */
import { expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { flagsByName, NO_VALUE } from '../../src/options/flag.ts';
import { OUTPUT_FLAGS } from '../../src/options/output.ts';
import { Problems, shownValue } from '../../src/options/problems.ts';

it('names each problem once, and ends nothing where there is none', () => {
  const problems = new Problems();
  expect(() => problems.finish()).not.toThrow();
  for (const text of ['one', 'two', 'one']) problems.add(text);
  expect(problems.collect(() => 7)).toBe(7);
  const inner = () => {
    throw new OptionsError(['two', 'three']);
  };
  expect(problems.collect(inner)).toBeNull();
  expect(() => problems.finish()).toThrow(new OptionsError(['one', 'two', 'three']));
});

it('lets what is no matter of options pass', () => {
  const bug = () => {
    throw new TypeError('a bug');
  };
  expect(() => new Problems().collect(bug)).toThrow(TypeError);
});

it('names unknown names with the nearest that is known', () => {
  const problems = new Problems();
  problems.checkFlags({ json: true, quite: true, frobnicate: 'x' }, flagsByName(OUTPUT_FLAGS));
  problems.unknownOptions(['streem', 'aws'], ['stream', 'aws']);
  expect(problems.list).toEqual([
    'Expected flags of this command, but received --quite. See --help. Did you mean --quiet?',
    'Expected flags of this command, but received --frobnicate. See --help.',
    'Expected options of this call, but received streem. Did you mean stream?',
  ]);
});

it('shows every value that a program may give, also those that JSON has no form for', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const values = [
    NO_VALUE,
    5n,
    Number.NaN,
    undefined,
    () => 1,
    Symbol('x'),
    circle,
    'a"b',
    null,
    [undefined],
  ];
  expect(values.map(shownValue)).toEqual([
    ...['nothing', '5', 'NaN', 'nothing', 'a function', 'a symbol', 'an object that JSON cannot hold'],
    ...['"a\\"b"', 'null', '[null]'],
  ]);
});
