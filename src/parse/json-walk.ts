/**
 * JSON walk: goes through a value byte by byte, over as many pieces as it comes in, to the first byte that no valid value could have there.
 * Takes  bytes. Gives  where the value has ended, or where it went wrong; on its way, where the array at a pointer begins.
 * Owns   how far damage goes: to the first wrong byte. Bytes beyond ASCII are good in any string: whether they are UTF-8 is a scanner's matter.
 * Never  keeps bytes, but for a name that may be the pointer's. It is for what is rare: damage, what is too long to be kept, and what stands
 *        around an array; values themselves are found by scan/values.ts.
 */

/** `open`: more bytes are needed. `array`: the array at the pointer begins in front of where the walk stands. */
export type WalkState = 'open' | 'ended' | 'wrong' | 'array';

/** What is due. */
const DUE = {
  VALUE: 0,
  FIRST_ELEMENT: 1,
  FIRST_NAME: 2,
  NAME: 3,
  COLON: 4,
  BEHIND: 5,
  STRING: 6,
  ESCAPE: 7,
  HEX: 8,
  LITERAL: 9,
  MINUS: 10,
  ZERO: 11,
  DIGITS: 12,
  DOT: 13,
  FRACTION: 14,
  EXPONENT: 15,
  SIGN: 16,
  POWER: 17,
  SCALAR_END: 18,
} as const;
type Due = (typeof DUE)[keyof typeof DUE];

/** Numbers that may end where they stand. */
const COMPLETE: ReadonlySet<Due> = new Set([DUE.ZERO, DUE.DIGITS, DUE.FRACTION, DUE.POWER, DUE.SCALAR_END]);
const LITERALS: Readonly<Record<string, string>> = { t: 'rue', f: 'alse', n: 'ull' };

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];
/** A name is remembered no further than this times the bytes of the one that it may be: all escaped. */
const ESCAPED_BYTES = 6;

export interface JsonWalkOptions {
  /** More open brackets than that are taken for damage: nothing that is kept has so many. */
  readonly depthMax: number;
  /** Names and indexes that lead to an array, or null. */
  readonly tokens?: readonly string[] | null;
}

export class JsonWalk {
  readonly #depthMax: number;
  readonly #tokens: readonly string[] | null;
  /** Open brackets, the innermost last: 1 for an object. */
  #stack = new Uint8Array(64);
  #depth = 0;
  #due: Due = DUE.VALUE;
  /** The string at hand is a name. */
  #isName = false;
  #hexLeft = 0;
  #literalLeft = '';
  /** How many open containers lie on the way to the pointer, and what of a name or index has been seen in the last one. */
  #onWay = 0;
  #isNamed = false;
  #elements = 0;
  #name: Buffer[] | null = null;
  #nameBytes = 0;

  constructor({ depthMax, tokens = null }: JsonWalkOptions) {
    this.#depthMax = depthMax;
    this.#tokens = tokens;
  }

  /** Forgets everything: the next byte begins a value, or is white space in front of it. */
  begin(): void {
    this.#depth = 0;
    this.#due = DUE.VALUE;
    this.#onWay = 0;
    this.#isNamed = false;
    this.#name = null;
  }

  /** As if the array at the pointer had just been found. */
  beginInArray(): void {
    const tokens = this.#tokens!;
    this.begin();
    if (this.#stack.length < tokens.length) this.#stack = new Uint8Array(tokens.length);
    // A token that is a number may be a name, too: then what follows the array is taken for damage, and said.
    for (const [i, token] of tokens.entries()) this.#stack[i] = /^\d+$/.test(token) ? 0 : 1;
    this.#depth = tokens.length;
    this.#onWay = tokens.length;
    this.#elements = Number(tokens.at(-1) ?? 0);
    this.#due = DUE.BEHIND;
  }

  get #isWhole(): boolean {
    return this.#depth === 0 && this.#due === DUE.BEHIND;
  }

  /** Nothing of a value has been seen. */
  get isFresh(): boolean {
    return this.#depth === 0 && this.#due === DUE.VALUE;
  }

  /** A number or a literal that stands alone ends with the object. */
  get isCompleteAtEnd(): boolean {
    return this.#depth === 0 && COMPLETE.has(this.#due);
  }

  /** The array that was found has been read up to and with its closing bracket. @returns Whether the value has ended with it. */
  leaveArray(): boolean {
    return this.#endValue();
  }

  /** Goes on through bytes[from, end). @returns The state, and the index behind the value, of the wrong byte, or behind the array's bracket. */
  walk(bytes: Uint8Array, from: number, end: number): { readonly state: WalkState; readonly at: number } {
    for (let at = from; at < end; ) {
      if (this.#due === DUE.STRING) {
        at = this.#walkString(bytes, at, end);
        if (at < 0) return { state: 'wrong', at: ~at };
        if (this.#isWhole) return { state: 'ended', at };
        continue;
      }
      const byte = bytes[at]!;
      if (this.#isName && (this.#due === DUE.ESCAPE || this.#due === DUE.HEX))
        this.#keepName(bytes, at, at + 1);
      if (COMPLETE.has(this.#due) && !this.#isPartOfNumber(byte)) {
        if (!isScalarEnd(byte)) return { state: 'wrong', at };
        if (this.#endValue()) return { state: 'ended', at };
      }
      const step = this.#step(byte);
      if (step === 'wrong') return { state: step, at };
      at++;
      if (step !== 'open') return { state: step, at };
    }
    return { state: 'open', at: end };
  }

  #step(byte: number): WalkState {
    switch (this.#due) {
      case DUE.VALUE:
      case DUE.FIRST_ELEMENT:
        return isSpace(byte) ? 'open' : this.#beginValue(byte);
      case DUE.FIRST_NAME:
      case DUE.NAME:
        if (isSpace(byte)) return 'open';
        if (byte === CLOSE_OBJECT && this.#due === DUE.FIRST_NAME) return this.#close();
        if (byte !== QUOTE) return 'wrong';
        this.#beginName();
        return 'open';
      case DUE.COLON:
        if (isSpace(byte)) return 'open';
        if (byte !== COLON) return 'wrong';
        return this.#expect(DUE.VALUE);
      case DUE.BEHIND:
        return isSpace(byte) ? 'open' : this.#stepBehind(byte);
      case DUE.ESCAPE:
        if (byte === 0x75) this.#hexLeft = 4;
        else if (!'"\\/bfnrt'.includes(String.fromCharCode(byte))) return 'wrong';
        return this.#expect(byte === 0x75 ? DUE.HEX : DUE.STRING);
      case DUE.HEX:
        if (!/[\da-fA-F]/.test(String.fromCharCode(byte))) return 'wrong';
        this.#hexLeft--;
        return this.#hexLeft === 0 ? this.#expect(DUE.STRING) : 'open';
      case DUE.LITERAL:
        if (byte !== this.#literalLeft.charCodeAt(0)) return 'wrong';
        this.#literalLeft = this.#literalLeft.slice(1);
        return this.#literalLeft === '' ? this.#expect(DUE.SCALAR_END) : 'open';
      default:
        return this.#stepNumber(byte);
    }
  }

  #expect(due: Due): 'open' {
    this.#due = due;
    return 'open';
  }

  #beginValue(byte: number): WalkState {
    const isFirst = this.#due === DUE.FIRST_ELEMENT;
    if (byte === CLOSE_ARRAY && isFirst) return this.#close();
    const isTarget = this.#reachesPointer();
    if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
      if (isTarget && byte === OPEN_ARRAY) return 'array';
      return this.#open(byte === OPEN_OBJECT);
    }
    if (byte === QUOTE) {
      this.#isName = false;
      return this.#expect(DUE.STRING);
    }
    if (byte === 0x2d) return this.#expect(DUE.MINUS);
    if (byte === 0x30) return this.#expect(DUE.ZERO);
    if (isDigit(byte)) return this.#expect(DUE.DIGITS);
    const literal = LITERALS[String.fromCharCode(byte)];
    if (literal === undefined) return 'wrong';
    this.#literalLeft = literal;
    return this.#expect(DUE.LITERAL);
  }

  #open(isObject: boolean): WalkState {
    if (this.#depth === this.#depthMax) return 'wrong';
    // The root is on the way, and what a token of the way has led to.
    const isOnWay = this.#isOnWay && (this.#depth === 0 || this.#isNamed);
    if (isOnWay) {
      this.#onWay++;
      this.#elements = 0;
    }
    this.#isNamed = false;
    if (this.#depth === this.#stack.length) {
      const grown = new Uint8Array(2 * this.#depth);
      grown.set(this.#stack);
      this.#stack = grown;
    }
    this.#stack[this.#depth++] = isObject ? 1 : 0;
    if (!isObject && isOnWay) this.#nameElement();
    return this.#expect(isObject ? DUE.FIRST_NAME : DUE.FIRST_ELEMENT);
  }

  #close(): WalkState {
    this.#depth--;
    if (this.#onWay > this.#depth) {
      this.#onWay = this.#depth;
      // Of an array only the element of its index is on the way.
      this.#elements = Number(this.#tokens![this.#depth - 1] ?? 0);
    }
    return this.#endValue() ? 'ended' : 'open';
  }

  /** @returns Whether it was the whole value. */
  #endValue(): boolean {
    this.#due = DUE.BEHIND;
    this.#isNamed = false;
    return this.#depth === 0;
  }

  #stepBehind(byte: number): WalkState {
    const isObject = this.#stack[this.#depth - 1] === 1;
    if (byte === COMMA) {
      if (!isObject && this.#isOnWay) {
        this.#elements++;
        this.#nameElement();
      }
      return this.#expect(isObject ? DUE.NAME : DUE.VALUE);
    }
    return byte === (isObject ? CLOSE_OBJECT : CLOSE_ARRAY) ? this.#close() : 'wrong';
  }

  #isPartOfNumber(byte: number): boolean {
    if (this.#due === DUE.SCALAR_END) return false;
    if (byte === 0x65 || byte === 0x45) return this.#due !== DUE.POWER;
    if (byte === 0x2e) return this.#due === DUE.ZERO || this.#due === DUE.DIGITS;
    return isDigit(byte) && this.#due !== DUE.ZERO;
  }

  #stepNumber(byte: number): WalkState {
    const due = this.#due;
    if (byte === 0x2e) return due === DUE.ZERO || due === DUE.DIGITS ? this.#expect(DUE.DOT) : 'wrong';
    if (byte === 0x65 || byte === 0x45) return COMPLETE.has(due) ? this.#expect(DUE.EXPONENT) : 'wrong';
    if (byte === 0x2b || byte === 0x2d) return due === DUE.EXPONENT ? this.#expect(DUE.SIGN) : 'wrong';
    if (!isDigit(byte)) return 'wrong';
    if (due === DUE.MINUS) return this.#expect(byte === 0x30 ? DUE.ZERO : DUE.DIGITS);
    if (due === DUE.DOT) return this.#expect(DUE.FRACTION);
    if (due === DUE.EXPONENT || due === DUE.SIGN) return this.#expect(DUE.POWER);
    return 'open';
  }

  /** @returns Index behind the string, or of an escape's second byte, or the end; ~index of a wrong byte. */
  #walkString(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    while (at < end && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH && bytes[at]! >= 0x20) at++;
    this.#keepName(bytes, from, Math.min(at + 1, end));
    if (at === end) return at;
    const byte = bytes[at]!;
    if (byte === BACKSLASH) {
      this.#due = DUE.ESCAPE;
      return at + 1;
    }
    if (byte !== QUOTE) return ~at;
    if (this.#isName) this.#endName();
    else this.#endValue();
    return at + 1;
  }

  #beginName(): void {
    this.#isName = true;
    this.#due = DUE.STRING;
    this.#name = this.#isOnWay ? [] : null;
    this.#nameBytes = 0;
  }

  #keepName(bytes: Uint8Array, from: number, end: number): void {
    if (!this.#isName || this.#name === null) return;
    this.#nameBytes += end - from;
    const wanted = this.#tokens![this.#depth - 1];
    if (wanted === undefined || this.#nameBytes > ESCAPED_BYTES * Buffer.byteLength(wanted) + 2)
      this.#name = null;
    else this.#name.push(Buffer.from(bytes.subarray(from, end)));
  }

  #endName(): void {
    this.#due = DUE.COLON;
    const wanted = this.#tokens?.[this.#depth - 1];
    const raw = this.#name && Buffer.concat(this.#name).toString();
    this.#isNamed = raw !== null && wanted !== undefined && JSON.parse(`"${raw}`) === wanted;
    this.#name = null;
  }

  /** An element of an array on the way begins. */
  #nameElement(): void {
    this.#isNamed = this.#tokens![this.#depth - 1] === String(this.#elements);
  }

  /** All open containers lie on the way to the pointer. */
  get #isOnWay(): boolean {
    return this.#tokens !== null && this.#onWay === this.#depth;
  }

  #reachesPointer(): boolean {
    return this.#isOnWay && this.#depth === this.#tokens!.length && (this.#depth === 0 || this.#isNamed);
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** In front of what a number or a literal may end. */
function isScalarEnd(byte: number): boolean {
  const isBracket =
    byte === OPEN_OBJECT || byte === CLOSE_OBJECT || byte === OPEN_ARRAY || byte === CLOSE_ARRAY;
  return isSpace(byte) || isBracket || byte === QUOTE || byte === COMMA || byte === COLON;
}
