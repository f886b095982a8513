/**
 * Generators: random input for scanners, from nearly valid to noise.
 * Gives  fast-check arbitraries. A failure prints its seed.
 */
import fc from 'fast-check';
import type { RecordRules } from '../../src/scan/scanner.ts';
import { anyText } from '../any-text.ts';
import { RULES } from './harness.ts';

const NAMES = [
  'a',
  'b',
  'id',
  '__proto__',
  'constructor',
  'toString',
  'é',
  'x/y',
  'm~n',
  '',
  '0',
  'k"q',
  'back\\slash',
  'a name of more than thirty-two bytes, surely',
];

const name = fc.constantFrom(...NAMES);

const space = fc.constantFrom('', '', '', '', ' ', '\t', '\r', '  ');

const numberText = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.constantFrom(
    '0',
    '-0',
    '1.0',
    '1e400',
    '-1E-400',
    '1E+2',
    '123456789012345678901234567890',
    '0.1e1',
    '10000000',
    '01',
    '1.',
    '.5',
    '-',
    '1e',
    '1e+',
    '0x1',
    '+1',
    '1.2.3',
    '--1',
    '1e5e5',
    'NaN',
    '00',
    '-01',
  ),
  fc.stringMatching(/^[-+0-9.eE]{1,40}$/),
);

const literalText = fc.constantFrom(
  'true',
  'false',
  'null',
  'true',
  'false',
  'null',
  'tru',
  'nulll',
  'True',
  'falsey',
  'undefined',
);

const stringInside = fc.oneof(
  fc.string({ maxLength: 20 }).map((text) => JSON.stringify(text).slice(1, -1)),
  anyText({ maxLength: 12 }).map((text) => JSON.stringify(text).slice(1, -1)),
  fc
    .array(
      fc.constantFrom(
        '\\n',
        '\\"',
        '\\\\',
        '\\/',
        '\\u0041',
        '\\ud83d\\ude00',
        '\\ud800',
        '\\udc00',
        '\\u00e9',
        'a',
        '\\u',
        '\\u12',
        '\\x',
        '\\',
        '\t',
        '{',
        '[',
        ',',
        ':',
        '"',
        '\u0001',
        'é',
        '\\u006',
      ),
    )
    .map((parts) => parts.join('')),
  fc.integer({ min: 240, max: 270 }).map((length) => 'k'.repeat(length)),
  fc.integer({ min: 120, max: 135 }).map((length) => '👍'.repeat(length)),
  fc.constantFrom(
    '340282366920938463463374607431768211455',
    '340282366920938463463374607431768211456',
    '0',
    '007',
    '12',
  ),
);

const stringText = stringInside.map((inside) => `"${inside}"`);

/** A member's name as text, now and then written with escapes. */
const nameText = fc.tuple(name, fc.nat({ max: 9 }), fc.nat({ max: 20 })).map(([text, dice, at]) => {
  if (dice > 1 || text.length === 0) return JSON.stringify(text);
  const units = text.split('');
  return `"${units.map((unit, i) => (i === at % units.length ? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}` : JSON.stringify(unit).slice(1, -1))).join('')}"`;
});

const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    { arbitrary: stringText, weight: 3 },
    { arbitrary: numberText, weight: 3 },
    literalText,
    tie('object'),
    tie('array'),
  ),
  array: fc
    .array(
      fc.tuple(space, tie('value'), space).map((parts) => parts.join('')),
      { maxLength: 4 },
    )
    .map((items) => `[${items.join(',')}]`),
  object: fc
    .array(fc.tuple(space, fc.oneof(nameText, stringText), space, tie('value'), space), { maxLength: 5 })
    .map(
      (members) =>
        `{${members.map(([before, key, middle, item, after]) => `${before}${key}${middle}:${item}${after}`).join(',')}}`,
    ),
}));

const text = fc.oneof(
  { arbitrary: value, weight: 6 },
  { arbitrary: fc.json({ maxDepth: 6 }), weight: 2 },
  { arbitrary: space, weight: 1 },
  {
    arbitrary: fc
      .integer({ min: 1, max: 80 })
      .chain((depth) =>
        fc
          .constantFrom('[', '{"a":', '[[],')
          .map((open) => `${open.repeat(depth)}1${(open[0] === '[' ? ']' : '}').repeat(depth)}`),
      ),
    weight: 1,
  },
);

/** Bytes put over, into or out of a line. */
const NOISE = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  ' ',
  '\r',
  '\t',
  '\n',
  '\0',
  '\x1f',
  '\x7f',
  '0',
  'e',
  '.',
  '-',
  'u',
  '\xff',
  '\xc3',
  '\xe2\x82',
  '\xf0\x9f',
  '\x80',
  '\xed\xa0\x80',
  '\xef\xbb\xbf',
  '\xc0\x80',
  '\xf4\x90\x80\x80',
];

const damage = fc.record({
  at: fc.nat({ max: 400 }),
  noise: fc.constantFrom(...NOISE),
  removed: fc.nat({ max: 3 }),
});

const line = fc
  .tuple(text, fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, fc.array(damage, { maxLength: 3 })))
  .map(([valid, damages]) => {
    let bytes = Buffer.from(valid);
    for (const { at, noise, removed } of damages) {
      const cut = at % (bytes.length + 1);
      bytes = Buffer.concat([
        bytes.subarray(0, cut),
        Buffer.from(noise, 'latin1'),
        bytes.subarray(Math.min(cut + removed, bytes.length)),
      ]);
    }
    return bytes;
  });

const lineEnd = fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n', ' \n', '\r\r\n');

/** Whole lines; the last one may lack its newline. */
export const pieceBytes: fc.Arbitrary<Buffer> = fc.oneof(
  {
    arbitrary: fc
      .tuple(fc.boolean(), fc.array(fc.tuple(line, lineEnd), { maxLength: 12 }), line)
      .map(([hasMark, lines, last]) =>
        Buffer.concat([
          ...(hasMark && lines.length % 4 === 3 ? [Buffer.from('\ufeff')] : []),
          ...lines.flatMap(([bytes, end]) => [bytes, Buffer.from(end)]),
          last,
        ]),
      ),
    weight: 12,
  },
  {
    arbitrary: fc
      .array(fc.constantFrom(...NOISE), { maxLength: 200 })
      .map((parts) => Buffer.from(parts.join(''), 'latin1')),
    weight: 2,
  },
  { arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), weight: 1 },
);

const token = fc
  .oneof(name, fc.constantFrom('1', '2', '00', 'none'))
  .map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'));

export const pointer: fc.Arbitrary<string> = fc
  .array(token, { maxLength: 3 })
  .map((tokens) => tokens.map((part) => `/${part}`).join(''));

export const rules: fc.Arbitrary<RecordRules> = fc
  .record({
    partitionKey: fc.option(pointer, { freq: 5 }),
    explicitHashKey: fc.option(pointer, { freq: 1 }),
    onMissingKey: fc.constantFrom('dead-letter' as const, 'coordinates' as const, 'coordinates' as const),
    appendNewline: fc.boolean(),
    depthMax: fc.constantFrom(1, 2, 3, 5, 62, 63, 64, 65, 1024),
    recordBytesMax: fc.constantFrom(40, 300, 1_048_576, 1_048_576, 1_048_576),
    keyCharsMax: fc.constantFrom(96, 100, 256, 256),
  })
  .map((some) => ({ ...RULES, ...some }));
