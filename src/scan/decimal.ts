/**
 * Decimal: a number as its digits say, where a double would round it.
 * Takes  the text of a JSON number, of any length.
 * Gives  its order, whether it is an integer or a multiple of another, and one text for equal numbers.
 * Never  builds a power of ten that the text does not spell out: 1e999999999 costs what its eleven characters cost.
 */

/** sign x 0.digits x 10^point. Digits have no zero at either end; zero has none at all. */
export interface Decimal {
  readonly sign: -1 | 0 | 1;
  readonly digits: string;
  readonly point: bigint;
}

const ZERO: Decimal = { sign: 0, digits: '', point: 0n };
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
const CHAR_0 = 0x30;
/** This many digits are an integer that a double holds. */
const SAFE_DIGITS = 15;
const CHUNK = 10n ** BigInt(SAFE_DIGITS);

/** @param text As JSON or `String` of a finite number writes it. */
export function decimalOf(text: string): Decimal {
  const match = NUMBER.exec(text);
  if (match === null) throw new TypeError('This is not the text of a number');
  const [, minus, whole = '', fraction = '', exponent = '0'] = match;
  const all = whole + fraction;
  let start = 0;
  while (all.charCodeAt(start) === CHAR_0) start++;
  if (start === all.length) return ZERO;
  let end = all.length;
  while (all.charCodeAt(end - 1) === CHAR_0) end--;
  return {
    sign: minus === '' ? 1 : -1,
    digits: all.slice(start, end),
    point: BigInt(whole.length - start) + BigInt(exponent),
  };
}

/** Negative, 0 or positive, as a comparison for sorting. */
export function compareDecimals(a: Decimal, b: Decimal): number {
  if (a.sign !== b.sign || a.sign === 0) return a.sign - b.sign;
  if (a.point !== b.point) return a.point < b.point ? -a.sign : a.sign;
  if (a.digits === b.digits) return 0;
  return a.digits < b.digits ? -a.sign : a.sign;
}

export function isInteger({ digits, point }: Decimal): boolean {
  return BigInt(digits.length) <= point;
}

/** The same for equal numbers, and for no others. */
export function decimalKey({ sign, digits, point }: Decimal): string {
  return sign === 0 ? '0' : `${sign < 0 ? '-' : ''}${digits}e${point}`;
}

/** Tells multiples of one number, which is not 0. */
export function multiplesOf(unit: Decimal): (value: Decimal) => boolean {
  const divisor = BigInt(unit.digits);
  const unitExponent = unit.point - BigInt(unit.digits.length);
  // Powers of ten bring their own twos and fives; the rest must divide the digits.
  const [withoutTwos, twos] = withoutFactor(divisor, 2n);
  const [rest, fives] = withoutFactor(withoutTwos, 5n);
  const powersNeeded = BigInt(Math.max(twos, fives));
  return ({ sign, digits, point }) => {
    if (sign === 0) return true;
    const power = point - BigInt(digits.length) - unitExponent;
    // The last digit of the value is finer than the unit's.
    if (power < 0n) return false;
    if (power >= powersNeeded) return remainder(digits, rest) === 0n;
    return (remainder(digits, divisor) * 10n ** power) % divisor === 0n;
  };
}

function withoutFactor(value: bigint, factor: bigint): [rest: bigint, count: number] {
  let rest = value;
  let count = 0;
  for (; rest % factor === 0n; rest /= factor) count++;
  return [rest, count];
}

/** In time that grows with the digits alone: the whole number is never built. */
function remainder(digits: string, divisor: bigint): bigint {
  if (divisor === 1n) return 0n;
  const head = digits.length % SAFE_DIGITS;
  let sum = BigInt(digits.slice(0, head)) % divisor;
  for (let at = head; at < digits.length; at += SAFE_DIGITS) {
    sum = (sum * CHUNK + BigInt(digits.slice(at, at + SAFE_DIGITS))) % divisor;
  }
  return sum;
}
