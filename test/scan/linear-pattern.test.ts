/** Linear patterns: the verdicts of V8's engine on every text, in time that grows with the text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Guard } from '../../src/scan/guard.ts';
import { linearPattern } from '../../src/scan/linear-pattern.ts';

/** Longer than what V8 is asked about: RE2 decides. */
const LONG = 3_000;

describe('a pattern', () => {
  it.each([
    ['^(a+)+$', 'a', '!'],
    ['^(a|a)*$', 'a', 'b'],
    ['^(a|aa)+$', 'a', 'b'],
    ['(x+x+)+y', 'x', ''],
    ['^(\\w+\\s?)*$', 'word ', '!'],
    ['^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}$', 'a', '!'],
    ['^(\\p{L}+ ?)+$', 'é', '1'],
    ['\\s+$', ' ', 'x'],
  ])('%s that takes V8 for ever is decided at once, with no and with yes', (source, text, end) => {
    const pattern = linearPattern(source);
    const before = process.threadCpuUsage();
    expect(pattern.test(text.repeat(LONG) + end)).toBe(false);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(1_500);
    const good = ['(x+x+)+y', '^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}$'];
    const yes = source === good[0] ? `${text.repeat(LONG)}y` : `${text.repeat(LONG)}@a.`;
    expect(pattern.test(good.includes(source) ? yes : text.repeat(LONG))).toBe(true);
  });

  it('that RE2 has no words for is decided by V8', () => {
    expect(linearPattern('^(?=.*\\d)(\\w+x?)+$').test(`${'a'.repeat(LONG)}1`)).toBe(true);
    expect(linearPattern('^(.+)-\\1$').test(`${'ab'.repeat(LONG)}-${'ab'.repeat(LONG)}`)).toBe(true);
    expect(linearPattern('(?<!a)b+b+$').test('ab')).toBe(false);
    expect(linearPattern('^(?:(?i:A)+b?)+$').test('aAbA'.repeat(LONG))).toBe(true);
    expect(linearPattern('^(?:a{1001}b*)+$').test('a'.repeat(2002))).toBe(true);
  });

  it('that is none is refused', () => {
    for (const source of ['(', '[[:alpha:]]', '\\Qa', 'a{2,1}', '\\A'])
      expect(() => linearPattern(source)).toThrow(SyntaxError);
  });

  it('is known by its own text', () => {
    expect(String(linearPattern('a+b+'))).toBe('/a+b+/u');
  });
});

const ATOMS = [
  ...['a', 'b', '-', ' ', '1', 'ä', '\\.', '\\-', '\\/', '\\u00e4', '\\u{1F600}', '\\ud83d\\ude00', '\\x41'],
  ...[
    '.',
    '\\d',
    '\\D',
    '\\w',
    '\\W',
    '\\s',
    '\\S',
    '[^]',
    '[]',
    '[a-c]',
    '[^a-c]',
    '[\\d\\-b]',
    '[^\\s\\w]',
    '[\\b]',
  ],
  ...[
    '[[:b]',
    '[a&&b]',
    '\\p{Lu}',
    '\\P{L}',
    '[^\\p{L}1]',
    '\\p{Script=Greek}',
    '\\0',
    '\\cJ',
    '\\t',
    '\\v',
    '\\n',
  ],
  ...['^', '$', '\\b', '\\B', '\\ud800', '[\\ud800-\\udfff]'],
];
const pattern = fc.letrec<{ alternatives: string; sequence: string; item: string }>((tie) => ({
  alternatives: fc.array(tie('sequence'), { minLength: 1, maxLength: 3 }).map((list) => list.join('|')),
  sequence: fc.array(tie('item'), { maxLength: 4 }).map((list) => list.join('')),
  item: fc
    .tuple(
      fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.constantFrom(...ATOMS),
        fc
          .tuple(fc.constantFrom('(', '(?:', '(?<n>'), tie('alternatives'))
          .map(([open, inner]) => `${open}${inner})`),
      ),
      fc.constantFrom('', '', '*', '+', '?', '*?', '+?', '{2}', '{0,2}', '{1,}'),
    )
    .map(([atom, times]) => (['^', '$', '\\b', '\\B'].includes(atom) ? atom : atom + times)),
})).alternatives;
const TEXT = [
  'a',
  'b',
  'A',
  '-',
  ' ',
  '1',
  'ä',
  'Ω',
  '😀',
  '\n',
  '\r',
  '\u2028',
  '\u00a0',
  '\v',
  '\0',
  '\ud800',
  '\udc00',
  '[',
  ':',
];

/** Two groups of one name are none. */
function isPattern(source: string): boolean {
  try {
    return new RegExp(source, 'u') !== null;
  } catch {
    return false;
  }
}

it('decides as V8 does, on short texts and on long ones', () => {
  let decided = 0;
  let matched = 0;
  const guard = new Guard({ lineCpuMsMax: 1000 });
  fc.assert(
    fc.property(pattern, fc.array(fc.constantFrom(...TEXT), { maxLength: 7 }), (source, deadLetters) => {
      fc.pre(isPattern(source));
      const v8 = new RegExp(source, 'u');
      const text = deadLetters.join('');
      const linear = linearPattern(source, 0);
      decided += linear instanceof RegExp ? 0 : 1;
      let isMatch = false;
      // Now and then a pattern is made that V8 itself does not come to the end of.
      fc.pre(
        guard.runLine(() => {
          isMatch = v8.test(text);
        }, text.length),
      );
      matched += isMatch ? 1 : 0;
      expect([source, text, linear.test(text)]).toEqual([source, text, isMatch]);
    }),
    { numRuns: 1000 },
  );
  expect(decided).toBeGreaterThan(100);
  expect(matched).toBeGreaterThan(100);
});
