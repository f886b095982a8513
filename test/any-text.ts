/**
 * Any text: strings of any code points, for properties (fast-check).
 * Takes  the greatest length, in code points. Gives  an arbitrary: what `fc.string({ unit: 'binary' })` draws, also names that every object has.
 * Never  keeps a table of all 1.1 million code points, as that one does once in each process: 0.4 CPU-seconds and 180 MB, through which
 *        every later collection of garbage goes.
 */
import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 } as const;
const codePoint = fc
  .nat({ max: 0x10ffff - SURROGATES.count })
  .map((n) => String.fromCodePoint(n < SURROGATES.first ? n : n + SURROGATES.count));

const NAMES = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', 'length', 'name', 'key'];
const NAMES_SHARE = { names: 1, others: 19 } as const;

export function anyText({ maxLength }: { readonly maxLength?: number } = {}): fc.Arbitrary<string> {
  const limit = maxLength === undefined ? {} : { maxLength };
  const text = fc.array(codePoint, limit).map((points) => points.join(''));
  const names = NAMES.filter((name) => maxLength === undefined || name.length <= maxLength);
  if (names.length === 0) return text;
  return fc.oneof(
    { arbitrary: text, weight: NAMES_SHARE.others },
    { arbitrary: fc.constantFrom(...names), weight: NAMES_SHARE.names },
  );
}
