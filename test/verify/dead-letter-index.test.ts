/** Which dead letter stands for which line. */
import { expect, it } from 'vitest';
import { DeadLetterIndex } from '../../src/verify/dead-letter-index.ts';

const PLACE = { bucket: 'b', key: 'k', etag: '"e"', offset: 7 };

it('gives each letter once, whatever the quotes of its ETag', () => {
  const book = new DeadLetterIndex(2, 0);
  book.addDeadLetter(PLACE);
  book.addDeadLetter({ ...PLACE, offset: 8 });
  expect(book.unclaimed).toBe(2);
  expect([book.take({ ...PLACE, etag: 'W/"e"' }), book.take(PLACE)]).toEqual(['held', 'absent']);
  expect(book.unclaimed).toBe(1);
});

it.each([{ bucket: 'c' }, { key: 'kk' }, { etag: '"f"' }, { offset: 8 }])(
  'has no letter for another line: %o',
  (other) => {
    const book = new DeadLetterIndex(1, 0);
    book.addDeadLetter(PLACE);
    expect(book.take({ ...PLACE, ...other })).toBe('absent');
  },
);

it('says of a letter that was redriven, also more than once, that it was, with and without the letter', () => {
  const book = new DeadLetterIndex(1, 3);
  book.addDeadLetter(PLACE);
  for (const offset of [7, 7, 9]) book.addRedriven({ ...PLACE, offset });
  expect([book.take(PLACE), book.take({ ...PLACE, offset: 9 })]).toEqual(['redriven', 'redriven']);
  expect(book.unclaimed).toBe(0);
});

it('tells letters about objects by their names', () => {
  const book = new DeadLetterIndex(1, 0);
  book.addObject(PLACE);
  expect([book.take({ ...PLACE, offset: 0 }), book.takeObject({ bucket: 'b', key: 'other' })]).toEqual([
    'absent',
    false,
  ]);
  expect([book.takeObject(PLACE), book.unclaimed]).toEqual([true, 0]);
});
