import { expect, it } from 'vitest';
import { parseStatusOptions } from '../../src/options/status.ts';

it('asks for the run of a journal, or for all of them', () => {
  expect([parseStatusOptions({ journal: 'a.journal' }), parseStatusOptions({ json: true })]).toEqual([
    ...[{ journal: 'a.journal' }, { journal: null }],
  ]);
});

it.each(['', true, ['a', 'b']])('refuses a journal without a name: %j', (journal) => {
  expect(() => parseStatusOptions({ journal })).toThrow('Expected --journal to name a journal');
});
