/** Exact numbers: which texts may have numbers that a double does not hold, and what is kept of them. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decimalKey, decimalOf } from '../../src/scan/decimal.ts';
import { mayRound, parseExactly } from '../../src/scan/exact-numbers.ts';

it.each(['19.99', '[1,2.5]', '{"a":-123456789012345}', '"1234567890123456789"', '1e99', '{"id":"5e123"}'])(
  'are not looked for in %s',
  (json) => {
    expect(mayRound(json)).toBe(false);
  },
);

it('are looked for wherever String of a double is another number than was written', () => {
  const number = fc
    .tuple(
      fc.constantFrom('', '-'),
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.nat(20),
      fc.integer({ min: -400, max: 400 }),
    )
    .map(([sign, digits, places, exponent]) => {
      const padded = String(digits).padStart(places + 1, '0');
      const fraction = places === 0 ? '' : `.${padded.slice(-places)}`;
      return `${sign}${padded.slice(0, padded.length - places)}${fraction}${exponent % 3 === 0 ? '' : `e${exponent}`}`;
    });
  let rounded = 0;
  fc.assert(
    fc.property(
      number,
      fc.constantFrom('#', '[#]', '[1,#]', '[1, #]', '{"a":#}', '{"a": #}', '[\n#]'),
      (text, frame) => {
        const double = Number(text);
        const isHeld =
          Number.isFinite(double) && decimalKey(decimalOf(String(double))) === decimalKey(decimalOf(text));
        if (isHeld) return;
        rounded++;
        expect(mayRound(frame.replace('#', text))).toBe(true);
      },
    ),
    { numRuns: 5_000 },
  );
  expect(rounded).toBeGreaterThan(1_000);
});

it('are kept by place, beside a value of the same kind', () => {
  const json = '{"a":[1e400,1.00000000000000000001],"":-1e400,"__proto__":{"b":9007199254740993}}';
  const { value, numbers } = parseExactly(json);
  const { a, '': empty } = value as { a: number[]; '': number };
  const inner = Object.getOwnPropertyDescriptor(value, '__proto__')?.value;
  expect([numbers.textAt(a, 0, 0), numbers.textAt(a, 1, 0), numbers.textAt(value, '', 0)]).toEqual([
    '1e400',
    '1.00000000000000000001',
    '-1e400',
  ]);
  expect(numbers.textAt(inner, 'b', 0)).toBe('9007199254740993');
  expect([Number.isInteger(a[0]), Number.isInteger(a[1]), Number.isInteger(empty)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(numbers.textAt(a, 2, 19.99)).toBe('19.99');
});

it('are kept for a text that is one number', () => {
  const { value, numbers } = parseExactly('9007199254740993');
  expect(numbers.textAt(undefined, undefined, value as number)).toBe('9007199254740993');
  expect(parseExactly('[9007199254740993]').numbers.textAt(undefined, undefined, 5)).toBe('5');
});
