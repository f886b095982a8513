import { expect, it } from 'vitest';
import { parseStatusOptions } from '../../src/options/status.ts';

it('asks for the run of a journal, or for all of them', () => {
  expect([parseStatusOptions([], { journal: 'a.journal' }), parseStatusOptions([], { json: true })]).toEqual([
    ...[{ journal: 'a.journal' }, { journal: null }],
  ]);
});

it.each(['', true, ['a', 'b']])('refuses a journal without a name: %j', (journal) => {
  expect(() => parseStatusOptions([], { journal })).toThrow('Expected --journal to name a journal');
});

it('refuses words and flags that it does not know, all at once, and says where a journal belongs', () => {
  expect(() => parseStatusOptions(['.millrace/a.journal'], { stream: 'x', json: 'no' })).toThrow(
    [
      'Expected flags of this command, but received --stream. See --help.',
      'Expected --json to be true or false, but received "no".',
      'Expected no arguments, but received .millrace/a.journal. Name the journal with --journal.',
    ].join('\n'),
  );
});
