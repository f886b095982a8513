/** Changes between two lines: nothing is lost, nothing is invented, and what both have is not marked. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { changesBetween } from '../../src/observe/changes.ts';

const shownOf = (parts: readonly { text: string; isChanged: boolean }[]) =>
  parts.map(({ text, isChanged }) => (isChanged ? `<${text}>` : text)).join('');

it.each([
  ['{"a":1,"b":2}', '{"a":1}', '{"a":1<,"b":2>}', '{"a":1}'],
  ['{"a":1}', '{"a":1,"c":true}', '{"a":1}', '{"a":1<,"c":true>}'],
  ['{"a":"x, y"}', '{"a":"x"}', '{"a":<"x, y">}', '{"a":<"x">}'],
  ['{"a":1,"b":2,"c":3}', '{"z":1,"b":2,"c":4}', '{<"a">:1,"b":2,"c":<3>}', '{<"z">:1,"b":2,"c":<4>}'],
  ['same', 'same', 'same', 'same'],
  ['', 'new', '', '<new>'],
  ['{"a":1}', 'plain text', '<{"a":1}>', '<plain text>'],
])('from %s to %s', (before, after, old, made) => {
  const [removed, added] = changesBetween(before, after);
  expect([shownOf(removed), shownOf(added)]).toEqual([old, made]);
});

it('give both texts again, and what is not marked is the same in both', () => {
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc.array(fc.constantFrom('a', ' ', '"x"', ',')).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, text, (before, after) => {
      const [removed, added] = changesBetween(before, after);
      expect([removed, added].map((parts) => parts.map((part) => part.text).join(''))).toEqual([
        before,
        after,
      ]);
      const kept = [removed, added].map((parts) =>
        parts
          .filter(({ isChanged }) => !isChanged)
          .map((part) => part.text)
          .join(''),
      );
      expect(kept[0]).toBe(kept[1]);
    }),
  );
});

it('of very long lines take no time that grows with their square', () => {
  const many = Array.from({ length: 20_000 }, (_, i) => i).join(',');
  const [removed, added] = changesBetween(`[0,${many}]`, `[1,${many.replaceAll('9', '8')}]`);
  expect([removed.length, added.length]).toEqual([3, 3]);
});
