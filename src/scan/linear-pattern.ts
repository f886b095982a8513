/**
 * Linear pattern: the regular expressions of a schema, on an engine that takes time in proportion to the text.
 * Takes  a pattern of ECMA-262 with the flag u, as JSON Schema has them.
 * Gives  something to test texts with: RE2 (`re2js`), or V8's engine where that is sure to be as quick, and in fact is much quicker.
 * Owns   the translation to RE2, which decides exactly as V8 does: sets of characters are spelt out.
 * Never  translates what RE2 lacks: lookaround and backreferences stay with V8, under the guard (guard.ts).
 */
import { type AST, RegExpParser } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

export interface Pattern {
  test(text: string): boolean;
  /** Two patterns are the same when this text is. */
  toString(): string;
}

/** V8's engine takes this many steps in less time than RE2 takes to begin. */
const CHEAP_STEPS_MAX = 2_000;
/** RE2's own bound. */
const REPEATS_MAX = 1_000;
const CODE_POINT_MAX = 0x10ffff;

/** What RE2 has no words for. */
class Untranslatable extends Error {}

/**
 * @param cheapStepsMax V8 is asked where it takes no more steps.
 * @throws {SyntaxError} If it is not a pattern.
 */
export function linearPattern(source: string, cheapStepsMax = CHEAP_STEPS_MAX): Pattern {
  const v8 = new RegExp(source, 'u');
  const tree = parse(source);
  const cost = tree && costOf(tree);
  if (tree === null || cost === null || cost.degree <= 1) return v8;
  let re2: RE2JS | null | undefined;
  let isBusy = false;
  return {
    test(text) {
      if (re2 === null || cost.ways * text.length ** cost.degree <= cheapStepsMax) return v8.test(text);
      // It holds what it learned from texts, which is incomplete where the guard struck in between.
      if (isBusy) re2 = undefined;
      re2 ??= compiled(tree);
      isBusy = true;
      const isMatch = (re2 ?? v8).test(text);
      isBusy = false;
      return isMatch;
    },
    toString: () => String(v8),
  };
}

/** The pattern's tree, or null where V8 knows more of the language than the parser does. */
function parse(source: string): AST.Pattern | null {
  try {
    return new RegExpParser().parsePattern(source, 0, source.length, { unicode: true });
  } catch {
    return null;
  }
}

function compiled(tree: AST.Pattern): RE2JS | null {
  try {
    return RE2JS.compile(inRe2(tree));
  } catch {
    // Untranslatable, or larger than RE2 takes.
    return null;
  }
}

/** Steps of a backtracking engine are within ways * length ** degree. */
interface Cost {
  readonly ways: number;
  readonly degree: number;
}

const ONE_WAY: Cost = { ways: 1, degree: 0 };
const WAYS_MAX = 1_000;

/** Of a whole pattern; null where it uses what RE2 lacks: then V8 runs it, whatever it costs. */
function costOf(tree: AST.Pattern): Cost | null {
  try {
    const { ways, degree } = either(
      tree.alternatives.map((alternative) => {
        const [first] = alternative.elements;
        const isAnchored = first?.type === 'Assertion' && first.kind === 'start';
        const cost = alternativeCost(alternative);
        return isAnchored ? cost : { ...cost, degree: cost.degree + 1 };
      }),
    );
    return ways > WAYS_MAX ? { ways, degree: Number.POSITIVE_INFINITY } : { ways, degree };
  } catch (error) {
    if (error instanceof Untranslatable) return null;
    throw error;
  }
}

function either(costs: readonly Cost[]): Cost {
  const ways = costs.reduce((sum, cost) => sum + cost.ways, 0);
  return { ways, degree: Math.max(...costs.map(({ degree }) => degree)) };
}

function alternativeCost({ elements }: AST.Alternative): Cost {
  const costs = elements.map(elementCost);
  const ways = costs.reduce((product, cost) => product * cost.ways, Math.max(1, elements.length));
  return { ways, degree: costs.reduce((sum, cost) => sum + cost.degree, 0) };
}

function elementCost(element: AST.Element): Cost {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return either(element.alternatives.map(alternativeCost));
    case 'Quantifier':
      return repeatedCost(element);
    case 'Assertion':
      if (element.kind === 'lookahead' || element.kind === 'lookbehind') throw new Untranslatable();
      return ONE_WAY;
    case 'Backreference':
      throw new Untranslatable();
    default:
      return ONE_WAY;
  }
}

function repeatedCost({ element, min, max }: AST.Quantifier): Cost {
  const { ways, degree } = elementCost(element);
  const isSingle = ways === 1 && degree === 0;
  if (max === 1) return { ways: ways + (1 - min), degree };
  if (!isSingle) return { ways, degree: Number.POSITIVE_INFINITY };
  if (max === Number.POSITIVE_INFINITY) return { ways: Math.max(1, min), degree: 1 };
  return { ways: max, degree: 0 };
}

function inRe2(node: AST.Pattern | AST.Group | AST.CapturingGroup): string {
  return node.alternatives.map(({ elements }) => elements.map(elementInRe2).join('')).join('|');
}

function elementInRe2(element: AST.Element): string {
  switch (element.type) {
    case 'Group':
      if (element.modifiers !== null) throw new Untranslatable();
      return `(?:${inRe2(element)})`;
    case 'CapturingGroup':
      return `(?:${inRe2(element)})`;
    case 'Quantifier': {
      const { min, max } = element;
      const most = max === Number.POSITIVE_INFINITY ? '' : max;
      if (Math.max(min, most || 0) > REPEATS_MAX) throw new Untranslatable();
      return `(?:${elementInRe2(element.element)}){${min},${most}}`;
    }
    case 'Assertion':
      if (element.kind === 'start') return '\\A';
      if (element.kind === 'end') return '\\z';
      if (element.kind === 'word') return element.negate ? '\\B' : '\\b';
      throw new Untranslatable();
    case 'Character':
    case 'CharacterSet':
    case 'CharacterClass':
      return setInRe2(rangesOf(element));
    default:
      throw new Untranslatable();
  }
}

type Ranges = readonly (readonly [from: number, to: number])[];
type Set = AST.Character | AST.CharacterSet | AST.CharacterClass | AST.ClassRangesCharacterClassElement;

const WORD: Ranges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const ENDS_OF_LINES: Ranges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];

function rangesOf(node: Set): Ranges {
  switch (node.type) {
    case 'Character':
      return [[node.value, node.value]];
    case 'CharacterClassRange':
      return [[node.min.value, node.max.value]];
    case 'CharacterClass': {
      if (node.unicodeSets) throw new Untranslatable();
      const ranges = union(node.elements.flatMap(rangesOf));
      return node.negate ? complement(ranges) : ranges;
    }
    case 'CharacterSet':
      if (node.kind === 'any') return complement(ENDS_OF_LINES);
      if (node.kind === 'word') return node.negate ? complement(WORD) : WORD;
      return matching(node.raw);
    default:
      throw new Untranslatable();
  }
}

/** Sets are the same in every schema, and cost a million tests each. */
const known = new Map<string, Ranges>();

/** What V8 says is in a set such as \s or \p{Lu}: its tables decide, not those of another version of Unicode. */
function matching(set: string): Ranges {
  const earlier = known.get(set);
  if (earlier !== undefined) return earlier;
  const pattern = new RegExp(`^${set}$`, 'u');
  const ranges: [number, number][] = [];
  for (let code = 0; code <= CODE_POINT_MAX; code++) {
    if (!pattern.test(String.fromCodePoint(code))) continue;
    const last = ranges.at(-1);
    if (last?.[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  known.set(set, ranges);
  return ranges;
}

function union(ranges: Ranges): Ranges {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** @param ranges In order, apart from each other. */
function complement(ranges: Ranges): Ranges {
  const gaps: [number, number][] = [];
  let from = 0;
  for (const [first, last] of ranges) {
    if (first > from) gaps.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= CODE_POINT_MAX) gaps.push([from, CODE_POINT_MAX]);
  return gaps;
}

function setInRe2(ranges: Ranges): string {
  const hex = (code: number) => `\\x{${code.toString(16)}}`;
  if (ranges.length === 0) return `[^${hex(0)}-${hex(CODE_POINT_MAX)}]`;
  return `[${ranges.map(([from, to]) => `${hex(from)}-${hex(to)}`).join('')}]`;
}
