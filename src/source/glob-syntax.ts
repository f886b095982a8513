/**
 * Glob syntax: what a glob says (docs/CLI.md, "Globs").
 * Takes  the text of a glob.
 * Gives  a tree of what it takes, character by character; a character is a code point.
 * Owns   the syntax, and the rule that whatever is not syntax stands for itself: a bracket that is never closed, a brace without a comma.
 */

export type GlobNode =
  /** One character that the test takes. */
  | { readonly kind: 'one'; readonly takes: (code: number) => boolean }
  | { readonly kind: 'row'; readonly nodes: readonly GlobNode[] }
  | { readonly kind: 'choice'; readonly nodes: readonly GlobNode[] }
  | { readonly kind: 'repeat'; readonly node: GlobNode; readonly isOnceAtLeast: boolean }
  /** Any text that `node` does not take; without `/` unless `isCrossing`. */
  | { readonly kind: 'not'; readonly node: GlobNode; readonly isCrossing: boolean }
  /** Takes nothing, but not at the end of the key. */
  | { readonly kind: 'more' };

export interface Glob {
  readonly node: GlobNode;
  /** It takes every key that `node` does not take. */
  readonly isNegated: boolean;
}

/** A character of the glob. What is escaped, quoted or in a set is plain. */
interface Token {
  readonly code: number;
  readonly isPlain: boolean;
  readonly set?: GlobNode;
  /** Of a bracket or brace: where its partner stands. */
  partner?: number;
}

export const GLOB_CHARS_MAX = 4096;
const DEPTH_MAX = 100;
const RANGE_MAX = 1000;

const SLASH = 0x2f;
const char = (code: number): GlobNode => ({ kind: 'one', takes: (other) => other === code });
const row = (nodes: readonly GlobNode[]): GlobNode => ({ kind: 'row', nodes });
const choice = (nodes: readonly GlobNode[]): GlobNode =>
  nodes.length === 1 ? nodes[0]! : { kind: 'choice', nodes };
const many = (node: GlobNode): GlobNode => ({ kind: 'repeat', node, isOnceAtLeast: false });
const maybe = (node: GlobNode): GlobNode => choice([node, row([])]);
const textOf = (text: string): GlobNode => row(Array.from(text, (one) => char(one.codePointAt(0)!)));

const IN_SEGMENT: GlobNode = { kind: 'one', takes: (code) => code !== SLASH };
const ANYTHING = many({ kind: 'one', takes: () => true });
/** Whole segments, each with its slash. */
const SEGMENTS = maybe(row([ANYTHING, char(SLASH)]));

/** @throws {RangeError} When it is too long or too deep. */
export function parseGlob(glob: string): Glob {
  if (glob.length > GLOB_CHARS_MAX) throw new RangeError(`it has over ${GLOB_CHARS_MAX} characters`);
  const bangs = /^!*/.exec(glob)![0].length;
  const negations = glob[bangs] === '(' ? Math.max(0, bangs - 1) : bangs;
  const body = glob.slice(negations);
  const parser = new Parser(tokensOf(body));
  const node = parser.whole();
  return { node: body.includes('/') ? node : row([SEGMENTS, node]), isNegated: negations % 2 === 1 };
}

function tokensOf(glob: string): Token[] {
  const chars = Array.from(glob);
  const codeAt = (at: number) => chars[at]!.codePointAt(0)!;
  const tokens: Token[] = [];
  let isQuoted = false;
  for (let at = 0; at < chars.length; at++) {
    const one = chars[at]!;
    if (one === '"') isQuoted = !isQuoted;
    else if (one === '\\' && at + 1 < chars.length) tokens.push({ code: codeAt(++at), isPlain: true });
    else if (one === '[' && !isQuoted) {
      const set = readSet(chars, at);
      if (set === null) tokens.push({ code: codeAt(at), isPlain: true });
      else {
        tokens.push({ code: codeAt(at), isPlain: true, set: set.node });
        at = set.last;
      }
    } else tokens.push({ code: codeAt(at), isPlain: isQuoted || !'*?+@!()|{},'.includes(one) });
  }
  pair(tokens);
  return tokens;
}

/** Finds the partners of brackets and braces. One without a partner stays without. */
function pair(tokens: readonly Token[]): void {
  const open: number[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.isPlain) continue;
    const one = String.fromCodePoint(token.code);
    if (one === '(' || one === '{') open.push(at);
    const other = one === ')' ? '(' : one === '}' ? '{' : null;
    const last = open.at(-1);
    if (other === null || last === undefined || String.fromCodePoint(tokens[last]!.code) !== other) continue;
    token.partner = last;
    tokens[last]!.partner = at;
    if (open.length > DEPTH_MAX) throw new RangeError(`it is nested over ${DEPTH_MAX} deep`);
    open.pop();
  }
}

/** Of the characters of ASCII. */
const CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[a-zA-Z0-9]/,
  alpha: /[a-zA-Z]/,
  ascii: /./su,
  blank: /[ \t]/,
  cntrl: /\p{Cc}/u,
  digit: /[0-9]/,
  graph: /[\x21-\x7e]/,
  lower: /[a-z]/,
  print: /[\x20-\x7e]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\r\n\v\f]/,
  upper: /[A-Z]/,
  word: /[A-Za-z0-9_]/,
  xdigit: /[A-Fa-f0-9]/,
};

/** Reads `[...]`. @returns Its node and where it ends, or null: it is not a set. */
function readSet(chars: readonly string[], first: number): { node: GlobNode; last: number } | null {
  const isNegated = chars[first + 1] === '!' || chars[first + 1] === '^';
  const begin = first + (isNegated ? 2 : 1);
  const tests: ((code: number) => boolean)[] = [];
  for (let at = begin; at < chars.length; at++) {
    if (chars[at] === ']' && at > begin) {
      const isListed = (code: number) => tests.some((test) => test(code));
      if (isNegated)
        return { node: { kind: 'one', takes: (code) => !isListed(code) && code !== SLASH }, last: at };
      const node: GlobNode = { kind: 'one', takes: isListed };
      const inner = chars.slice(begin, at).join('');
      // Names with brackets in them are taken as they stand, too.
      const isPlain = !/[-*+?.^${}(|)[\]\\:]/.test(inner);
      return { node: isPlain ? choice([node, textOf(`[${inner}]`)]) : node, last: at };
    }
    const named = /^\[:([a-z]+):\]/.exec(chars.slice(at, at + 12).join(''));
    const test = named === null ? undefined : CLASSES[named[1]!];
    if (test !== undefined) {
      tests.push((code) => code < 128 && test.test(String.fromCharCode(code)));
      at += named![0].length - 1;
      continue;
    }
    if (chars[at] === '\\' && at + 1 < chars.length) at++;
    const low = chars[at]!.codePointAt(0)!;
    if (chars[at + 1] === '-' && at + 2 < chars.length && chars[at + 2] !== ']') {
      at += chars[at + 2] === '\\' && at + 3 < chars.length ? 3 : 2;
      const high = chars[at]!.codePointAt(0)!;
      tests.push((code) => code >= low && code <= high);
    } else tests.push((code) => code === low);
  }
  return null;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): GlobNode {
    const node = this.#choice('|', this.#tokens.length);
    const { length } = this.#tokens;
    // A star or a set at the end takes one slash behind it.
    const isOpen =
      this.#tokens[length - 1]?.set !== undefined ||
      (this.#is(length - 1, '*') && !this.#isGlobstar(length - 2));
    return isOpen ? row([node, maybe(char(SLASH))]) : node;
  }

  #is(at: number, one: string): boolean {
    const token = this.#tokens[at];
    return token !== undefined && !token.isPlain && String.fromCodePoint(token.code) === one;
  }

  #isSlash(at: number): boolean {
    return this.#tokens[at]?.code === SLASH && this.#tokens[at]!.set === undefined;
  }

  /** Alternatives up to `end`, which is passed over by the caller. */
  #choice(divider: '|' | ',', end: number): GlobNode {
    const nodes: GlobNode[] = [];
    for (;;) {
      nodes.push(this.#row(divider, end));
      if (this.#at >= end) return choice(nodes);
      this.#at++;
    }
  }

  #row(divider: '|' | ',', end: number): GlobNode {
    const nodes: GlobNode[] = [];
    while (this.#at < end && !this.#is(this.#at, divider)) {
      const last = nodes.at(-1);
      if (this.#isGlobstar(this.#at)) this.#globstar(nodes, last);
      else nodes.push(this.#one());
    }
    return row(nodes);
  }

  #one(): GlobNode {
    const at = this.#at;
    const token = this.#tokens[at]!;
    const { set, code, partner } = token;
    if (set !== undefined || token.isPlain) {
      this.#at++;
      return set ?? char(code);
    }
    const one = String.fromCodePoint(code);
    const isGroup =
      '?*+@!'.includes(one) && this.#is(at + 1, '(') && this.#tokens[at + 1]!.partner !== undefined;
    if (isGroup) return this.#group(one, at + 1);
    if (one === '(' && partner !== undefined) return this.#group('@', at);
    if (one === '{' && partner !== undefined) return this.#braces(at, partner);
    if (one === '*') return this.#star();
    this.#at++;
    return one === '?' ? IN_SEGMENT : char(code);
  }

  #group(quantity: string, open: number): GlobNode {
    const close = this.#tokens[open]!.partner!;
    this.#at = open + 1;
    const node = this.#choice('|', close);
    this.#at = close + 1;
    if (quantity === '?') return maybe(node);
    if (quantity === '*') return many(node);
    if (quantity === '+') return { kind: 'repeat', node, isOnceAtLeast: true };
    if (quantity === '@') return node;
    const isCrossing = this.#tokens.slice(open, close).some((_, i) => this.#isSlash(open + i));
    return { kind: 'not', node, isCrossing };
  }

  #braces(open: number, close: number): GlobNode {
    const inner = this.#tokens.slice(open + 1, close);
    const range = rangeOf(String.fromCodePoint(...inner.map(({ code }) => code)));
    if (range !== null) {
      this.#at = close + 1;
      return choice(range.map(textOf));
    }
    this.#at = open + 1;
    const node = this.#choice(',', close);
    this.#at = close + 1;
    return node.kind === 'choice' ? node : row([char(0x7b), node, char(0x7d)]);
  }

  /** One star or three and more. At the beginning of a segment something must follow. */
  #star(): GlobNode {
    const isFirst = this.#at === 0 || this.#isSlash(this.#at - 1);
    while (
      this.#is(this.#at, '*') &&
      !(this.#is(this.#at + 1, '(') && this.#tokens[this.#at + 1]!.partner !== undefined)
    )
      this.#at++;
    return isFirst ? row([{ kind: 'more' }, many(IN_SEGMENT)]) : many(IN_SEGMENT);
  }

  /** Exactly two stars that are a whole segment. */
  #isGlobstar(at: number): boolean {
    const isTwo =
      this.#is(at, '*') && this.#is(at + 1, '*') && !this.#is(at + 2, '*') && !this.#is(at - 1, '*');
    const isBegun =
      at === 0 || this.#isSlash(at - 1) || ['(', '|', '{', ','].some((one) => this.#is(at - 1, one));
    const next = at + 2;
    const isEnded =
      next === this.#tokens.length ||
      this.#isSlash(next) ||
      [')', '|', '}', ','].some((one) => this.#is(next, one));
    return isTwo && isBegun && isEnded;
  }

  #globstar(nodes: GlobNode[], last: GlobNode | undefined): void {
    const isBehindSlash = this.#isSlash(this.#at - 1) && this.#at > 1;
    this.#at += 2;
    while (this.#isSlash(this.#at) && this.#isGlobstar(this.#at + 1)) this.#at += 3;
    if (this.#isSlash(this.#at)) {
      this.#at++;
      nodes.push(SEGMENTS);
    } else if (this.#at === this.#tokens.length && isBehindSlash && last !== undefined && last !== SEGMENTS) {
      // `a/**` takes `a`, too.
      nodes.pop();
      nodes.push(maybe(row([char(SLASH), ANYTHING])));
    } else nodes.push(ANYTHING);
  }
}

/** `1..10`, `01..12`, `a..e`, each with a step behind it if need be. */
function rangeOf(text: string): string[] | null {
  const match = /^(?:(-?\d{1,15})\.\.(-?\d{1,15})|([A-Za-z])\.\.([A-Za-z]))(?:\.\.(-?\d{1,15}))?$/.exec(text);
  if (match === null) return null;
  const [, from, to, fromDeadLetter, toDeadLetter, stepText] = match;
  const isNumber = from !== undefined;
  const low = isNumber ? Number(from) : fromDeadLetter!.charCodeAt(0);
  const high = isNumber ? Number(to) : toDeadLetter!.charCodeAt(0);
  const step = Math.max(1, Math.abs(Number(stepText ?? 1)));
  const count = Math.floor(Math.abs(high - low) / step) + 1;
  if (count > RANGE_MAX) throw new RangeError(`{${text}} stands for over ${RANGE_MAX} texts`);
  const isPadded = isNumber && [from, to!].some((end) => /^-?0\d/.test(end));
  const width = isPadded ? Math.max(from!.length, to!.length) : 0;
  return Array.from({ length: count }, (_, i) => {
    const value = low + i * step * (high < low ? -1 : 1);
    if (!isNumber) return String.fromCharCode(value);
    return value < 0 ? `-${String(-value).padStart(width - 1, '0')}` : String(value).padStart(width, '0');
  });
}
