/**
 * Exact numbers: what a JSON text says where `JSON.parse` rounds.
 * Takes  a JSON text.
 * Gives  its value with, for each number that a double does not hold, the number's own text by the place where it stands.
 * Never  costs anything where there are no such numbers: see `mayRound`.
 */
import { type Decimal, decimalOf, isInteger } from './decimal.ts';

/** Where a value stands: its object or array and its property there; both undefined for the whole text. */
type Holder = unknown;

/** Texts of rounded numbers, by place. */
export class ExactNumbers {
  readonly #texts = new Map<Holder, Map<string, string>>();

  set(holder: Holder, property: string, text: string): void {
    let texts = this.#texts.get(holder);
    if (texts === undefined) {
      texts = new Map();
      this.#texts.set(holder, texts);
    }
    texts.set(property, text);
  }

  /** The text at a place: its own, or the shortest one of a double that holds it. */
  textAt(holder: Holder, property: string | number | undefined, value: number): string {
    return this.#texts.get(holder)?.get(String(property)) ?? String(value);
  }

  decimalAt(holder: Holder, property: string | number | undefined, value: number): Decimal {
    return decimalOf(this.textAt(holder, property, value));
  }
}

/**
 * Numbers of at most 15 significant digits and a two-digit exponent are told apart, and ordered, by their doubles, and `String` gives
 * them back. Any other number of the text is found here, and now and then a string that looks like one, which only costs time.
 */
const MAY_ROUND = /(?:^|[[:,\s-])\d(?:[\d.]{15}|[\d.]*[eE][+-]?\d{3})/;

/** Whether a JSON text may have numbers that a double does not hold. */
export function mayRound(json: string): boolean {
  return MAY_ROUND.test(json);
}

/** Stands for every rounded number that is not an integer, as far as types go. */
const SOME_FRACTION = 0.5;

/**
 * Parses a JSON text.
 * @returns Its value, in which a rounded number is some double of the same kind, integer or not; and what the numbers are.
 * @throws {SyntaxError} If it is not JSON. {RangeError} If it nests some thousands of levels deep.
 */
export function parseExactly(json: string): { readonly value: unknown; readonly numbers: ExactNumbers } {
  const numbers = new ExactNumbers();
  let lastText: string | null = null;
  function revive(this: unknown, key: string, value: unknown, context: { readonly source?: string }) {
    lastText = null;
    if (typeof value !== 'number' || context.source === undefined || !mayRound(context.source)) return value;
    lastText = context.source;
    numbers.set(this, key, lastText);
    return sameKind(value, lastText);
  }
  const value: unknown = JSON.parse(json, revive as Parameters<typeof JSON.parse>[1]);
  // The whole text is the last value of all.
  if (lastText !== null) numbers.set(undefined, String(undefined), lastText);
  return { value, numbers };
}

function sameKind(value: number, text: string): number {
  if (!isInteger(decimalOf(text))) return Number.isInteger(value) ? SOME_FRACTION : value;
  return Math.min(Math.max(value, -Number.MAX_VALUE), Number.MAX_VALUE);
}
