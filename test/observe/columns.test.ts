/** How wide text is, and rows of a width. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { columnsOf, wrap } from '../../src/observe/columns.ts';

it.each([
  ['abc', 3],
  ['日本', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['👍', 2],
  ['\u001b[31mred\u001b[0m', 3],
  ['', 0],
])('%j takes %i columns', (text, columns) => expect(columnsOf(text)).toBe(columns));

it('rows are as wide as they may be at most, and together are the text', () => {
  const text = fc.array(fc.constantFrom('a', '日', 'é', '{', ' ', '👍')).map((all) => all.join(''));
  const parts = fc.array(fc.record({ text, isChanged: fc.boolean() }));
  fc.assert(
    fc.property(parts, fc.integer({ min: 2, max: 20 }), (given, width) => {
      const rows = wrap(given, width);
      for (const row of rows)
        expect(columnsOf(row.map((part) => part.text).join(''))).toBeLessThanOrEqual(width);
      expect(
        rows
          .flat()
          .map((part) => part.text)
          .join(''),
      ).toBe(given.map((part) => part.text).join(''));
    }),
  );
});
