/** The flags of redrive: one file of dead letters, and no flag that chooses objects. */
import { expect, it } from 'vitest';
import { parseRedriveOptions } from '../../src/options/redrive.ts';

it('sends the letters of a file; what fails again goes beside it', () => {
  const options = parseRedriveOptions(['a.jsonl'], { stream: 's', aggregate: true });
  expect(options).toMatchObject({
    sources: [],
    deadLetters: 'a.jsonl',
    deadLetter: 'a.jsonl.again',
    aggregate: true,
  });
  expect(parseRedriveOptions(['a.jsonl'], { stream: 's', 'dead-letter': 'b' }).deadLetter).toBe('b');
});

it.each([
  [[], {}, 'Expected one dead-letter file, but received 0.'],
  [['a', 'b'], {}, 'Expected one dead-letter file, but received 2.'],
  [['a'], { include: ['*'] }, '--include'],
  [['a'], { journal: 'j' }, '--journal'],
  [['a'], { wire: 'xml' }, '--wire to be cbor or json'],
])('%j %j is one problem', (words, flags, says) => {
  expect(() => parseRedriveOptions(words, { stream: 's', ...flags })).toThrow(
    expect.objectContaining({ problems: [expect.stringContaining(says)] }),
  );
});
