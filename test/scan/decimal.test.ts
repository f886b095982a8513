/** Decimals: order, kind and multiples, against fractions of integers that hold every digit. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareDecimals, decimalKey, decimalOf, isInteger, multiplesOf } from '../../src/scan/decimal.ts';

const digits = fc.bigInt({ min: 0n, max: 10n ** 40n }).map(String);
const few = fc.integer({ min: 0, max: 2_000 }).map(String);
const whole = fc.oneof(digits, few);
const text = fc
  .tuple(
    fc.constantFrom('', '-'),
    whole,
    fc.option(fc.oneof(digits, few, fc.constantFrom('0', '000', '010')), { nil: null }),
    fc.option(fc.integer({ min: -50, max: 50 }), { nil: null }),
  )
  .map(([sign, before, after, exponent]) => {
    return `${sign}${before}${after === null ? '' : `.${after}`}${exponent === null ? '' : `e${exponent}`}`;
  });

/** Where every text of these tests is an integer. */
const SCALE = 150n;

/** The number times 10^SCALE, by the book. */
function scaled(number: string): bigint {
  const [mantissa = '', exponent = '0'] = number.split('e');
  const [before = '', after = ''] = mantissa.split('.');
  return BigInt(before + after) * 10n ** (SCALE - BigInt(after.length) + BigInt(exponent));
}

it('are ordered as their numbers are, and have one key a number', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      const [x, y] = [scaled(a), scaled(b)];
      const order = compareDecimals(decimalOf(a), decimalOf(b));
      expect(Math.sign(order)).toBe(x < y ? -1 : Number(x > y));
      expect(decimalKey(decimalOf(a)) === decimalKey(decimalOf(b))).toBe(x === y);
    }),
    {
      numRuns: 2_000,
      examples: [
        ['0.10', '1e-1'],
        ['-0', '0e7'],
        ['12', '123'],
        ['-12', '-123'],
      ],
    },
  );
});

it('are integers where nothing but zeros is behind the point', () => {
  fc.assert(
    fc.property(text, (number) => {
      expect(isInteger(decimalOf(number))).toBe(scaled(number) % 10n ** SCALE === 0n);
    }),
    { numRuns: 2_000, examples: [['1.0'], ['0'], ['15e-1'], ['150e-1'], ['0.0']] },
  );
});

it('are multiples where the quotient is an integer', () => {
  let multiples = 0;
  fc.assert(
    fc.property(
      text,
      text.filter((number) => scaled(number) !== 0n),
      fc.option(fc.integer({ min: -1_000_000, max: 1_000_000 }), { nil: null }),
      (number, unit, factor) => {
        // Half of them are multiples by construction.
        const value = factor === null ? number : `${scaled(unit) * BigInt(factor)}e-${SCALE}`;
        const isMultiple = scaled(value) % scaled(unit) === 0n;
        if (isMultiple) multiples++;
        expect(multiplesOf(decimalOf(unit))(decimalOf(value))).toBe(isMultiple);
      },
    ),
    {
      numRuns: 2_000,
      examples: [
        ['19.99', '0.01', null],
        ['1e20', '1024', null],
        ['1e9', '1024', null],
      ],
    },
  );
  expect(multiples).toBeGreaterThan(500);
});

it('cost no more than their text, whatever their exponent', () => {
  const [huge, tiny] = [decimalOf('7e999999999999'), decimalOf('7e-999999999999')];
  expect(compareDecimals(huge, decimalOf(`1${'0'.repeat(1_000_000)}`))).toBeGreaterThan(0);
  expect([isInteger(huge), isInteger(tiny)]).toEqual([true, false]);
  const sevenths = multiplesOf(decimalOf('0.7'));
  expect([sevenths(huge), sevenths(tiny), sevenths(decimalOf('8e999999999999'))]).toEqual([
    true,
    false,
    false,
  ]);
  expect(multiplesOf(decimalOf('3'))(decimalOf('1'.repeat(999_999)))).toBe(true);
});
