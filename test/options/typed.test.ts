import { expect, it } from 'vitest';
import { NO_VALUE } from '../../src/options/flag.ts';
import { integer, list, text, toggle } from '../../src/options/kinds.ts';
import { readTyped } from '../../src/options/typed.ts';

const says = { help: 'x' };
const flags = [
  text('where', 'X', says),
  integer('limit', { min: 1, max: 9 }, says),
  toggle('quiet', says),
  list('set', 'X', says),
];
const known = new Map(flags.map((flag) => [flag.name, flag]));

it.each([
  [['a', '-', ''], ['a', '-', ''], {}],
  [['--where', 'x', 'b'], ['b'], { where: 'x' }],
  [['--where=x=y', '--limit', '-1'], [], { where: 'x=y', limit: '-1' }],
  [['--where=', '--limit='], [], { where: '', limit: '' }],
  [['--where=--quiet', '--where', '--quiet'], [], { where: NO_VALUE, quiet: true }],
  [['--where', '--', '--quiet'], ['--quiet'], { where: NO_VALUE }],
  [['--where'], [], { where: NO_VALUE }],
  [['--limit', '1', '--limit', '2'], [], { limit: '2' }],
  [['--set', 'a', '--set=b', '--set', '-c'], [], { set: ['a', 'b', '-c'] }],
  [['--set', 'a', '--set'], [], { set: NO_VALUE }],
  [['--quiet', 'a'], ['a'], { quiet: true }],
  [['--no-quiet'], [], { quiet: false }],
  [['--quiet=false', '--quiet=true'], [], { quiet: true }],
  [['--quiet=no'], [], { quiet: 'no' }],
  [['--no-where', '--no-set'], [], { 'no-where': true, 'no-set': true }],
  [['--no-quiet=x', '--nope', 'a'], ['a'], { 'no-quiet': 'x', nope: true }],
  [['-q', '-abc', '-1', '---x'], [], { '-q': true, '-abc': true, '-1': true, '---x': true }],
])('%j are the words %j and the flags %j', (argv, words, typed) => {
  expect(readTyped(argv, known)).toEqual({ words, typed });
});

it('a flag may be called like something of every object', () => {
  const { typed } = readTyped(['--__proto__=1', '--constructor'], known);
  expect(Object.entries(typed)).toEqual([
    ['__proto__', '1'],
    ['constructor', true],
  ]);
});
