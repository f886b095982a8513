/** Key order: that of UTF-8 bytes, whatever the characters. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAscending, isKeyBefore } from '../../src/source/key-order.ts';

const key = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '\u00fc', '\ud7ff', '\uffee', '\u{1f600}'),
  maxLength: 5,
});

describe('isKeyBefore', () => {
  it('compares as UTF-8 bytes do', () => {
    fc.assert(
      fc.property(key, key, (one, other) => {
        expect(isKeyBefore(one, other)).toBe(Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0);
      }),
    );
  });
});

it.each([
  { keys: ['a', 'b', '\uffee', '\u{1f600}'], is: true },
  { keys: ['\u{1f600}', '\uffee'], is: false },
  { keys: ['a', 'a'], is: false },
  { keys: [], is: true },
])('knows whether $keys ascend', ({ keys, is }) => {
  expect(isAscending(keys)).toBe(is);
});
