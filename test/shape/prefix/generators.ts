/**
 * Generators: lines and conditions about them, with all that is awkward: fields that are missing, of another type, written with escapes or
 * twice, numbers beyond doubles, times of many forms.
 * Gives  fast-check arbitraries.
 */
import fc from 'fast-check';
import type { Edit } from '../../../src/shape/stages.ts';
import { anyText } from '../../any-text.ts';

const NAMES = ['a', 'b', 'ab', 'id', 'é', 'k"q', '__proto__', 'constructor', '0', '1', ''];
const TEXTS = [
  ...[
    '',
    'x',
    'xy',
    'yx',
    'XY',
    'a',
    'é',
    'éa',
    '\u{1f600}',
    '\uffee',
    'x\u{10000}',
    '"',
    '\\',
    'x\ny',
    'true',
    '5',
    '/',
  ],
  ...[
    '2024-01-01T00:00:00Z',
    '2024-01-01T01:00:00+01:00',
    '2024-02-30T00:00:00Z',
    '2024-01-01T00:00:00.123456789Z',
  ],
  ...['2023-12-31T23:59:59.999Z', '2024-01-01', 'Mon, 25 Dec 1995 13:30:00 GMT', '2024-01-01T24:00:00.000Z'],
  ...[
    '0024-01-01T00:00:00.00Z',
    '2024-01-01T00:00:00.0000000000Z',
    '2024-13-01T00:00:00.000Z',
    '2024-01-01t00:00:00.000z',
  ],
];
const NUMBERS = [
  ...[
    '0',
    '-0',
    '1',
    '1.0',
    '10e-1',
    '-1',
    '2',
    '0.5',
    '5e-324',
    '1e400',
    '-1e400',
    '1e-400',
    '0.1',
    '100000000000000000001',
  ],
  ...[
    '9007199254740992',
    '9007199254740993',
    '9007199254740994',
    '9223372036854775807',
    '9223372036854775808',
  ],
  ...[
    '-9223372036854775808',
    '-9223372036854775809',
    '1.0000000000000002',
    '123456789.123456789',
    '3e22',
    '3E23',
  ],
  ...['179769313486231580793728971405301', '0.000000000000000000000000000000000001', '1e22', '8.5e-23'],
];

export const space = fc.constantFrom('', '', '', ' ', '\t', '  ');

/** Now and then a character as an escape. */
function written(text: string, dice: number): string {
  if (dice > 2) return JSON.stringify(text);
  const units = text.split('').map((unit, i) => {
    if ((i + dice) % 2 === 0) return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return JSON.stringify(unit).slice(1, -1);
  });
  return `"${units.join('')}"`;
}

const dice = fc.nat({ max: 9 });
export const nameText = fc.tuple(fc.constantFrom(...NAMES), dice).map(([name, roll]) => written(name, roll));
export const textText = fc.oneof(
  {
    arbitrary: fc.tuple(fc.constantFrom(...TEXTS), dice).map(([text, roll]) => written(text, roll)),
    weight: 8,
  },
  fc.constantFrom('"\\ud800"', '"\\udc00x"', '"x\\ud83d\\ude00"', '"\\ud83dx"', '"\\/"', '"\\ud800\\ud800"'),
  anyText({ maxLength: 6 }).map((text) => JSON.stringify(text)),
);
export const numberText = fc.oneof(
  { arbitrary: fc.constantFrom(...NUMBERS), weight: 4 },
  fc.integer({ min: -5, max: 5 }).map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

export const { value } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { arbitrary: textText, weight: 4 },
    { arbitrary: numberText, weight: 4 },
    { arbitrary: fc.constantFrom('true', 'false', 'null'), weight: 2 },
    { arbitrary: tie('object'), weight: 3 },
    tie('array'),
  ),
  array: fc
    .array(fc.tuple(space, tie('value'), space), { maxLength: 3 })
    .map((items) => `[${items.map((parts) => parts.join('')).join(',')}]`),
  object: fc
    .array(fc.tuple(space, nameText, space, space, tie('value'), space), { maxLength: 5 })
    .map(
      (members) =>
        `{${members.map(([s1, name, s2, s3, item, s4]) => `${s1}${name}${s2}:${s3}${item}${s4}`).join(',')}}`,
    ),
}));

/** Mostly objects, as lines are. */
export const lineText: fc.Arbitrary<string> = fc.oneof(
  {
    arbitrary: fc
      .array(fc.tuple(nameText, space, value), { maxLength: 6 })
      .map((members) => `{${members.map(([name, gap, item]) => `${name}:${gap}${item}`).join(`,`)}}`),
    weight: 6,
  },
  value,
);

const plainNames = ['a', 'b', 'ab', 'id', 'constructor', '__proto__'];
const step = fc.oneof(
  { arbitrary: fc.constantFrom(...plainNames).map((name) => `.${name}`), weight: 5 },
  fc.constantFrom(...NAMES).map((name) => `[${JSON.stringify(name)}]`),
  fc.nat({ max: 2 }).map((index) => `[${index}]`),
);
const path = fc
  .oneof(
    { arbitrary: fc.array(step, { minLength: 1, maxLength: 1 }), weight: 3 },
    fc.array(step, { maxLength: 3 }),
  )
  .map((steps) => `record${steps.join('')}`);
const namedPath = fc
  .array(
    fc.constantFrom(...plainNames).map((name) => `.${name}`),
    { minLength: 1, maxLength: 3 },
  )
  .map((steps) => `record${steps.join('')}`);

const CEL_ESCAPED: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n' };
const celText = fc
  .oneof(fc.constantFrom(...TEXTS), anyText({ maxLength: 3 }))
  .map((text) => `"${text.replaceAll(/["\\\n\r]/g, (char) => CEL_ESCAPED[char] ?? '')}"`);
const celNumber = fc.constantFrom(
  ...[
    '0',
    '1',
    '-1',
    '2',
    '5',
    '1.0',
    '0.5',
    '-0.0',
    '1e22',
    '0.1',
    '9007199254740993',
    '9007199254740992.0',
  ],
  ...['9223372036854775807', '-9223372036854775807', '1.0000000000000002', '5e-324', '1u'],
);
const constant = fc.oneof(
  { arbitrary: celText, weight: 4 },
  { arbitrary: celNumber, weight: 4 },
  fc.constantFrom('true', 'false', 'null'),
);
const relation = fc.constantFrom('==', '!=', '<', '<=', '>', '>=');
const time = fc.constantFrom(
  ...[
    '2024-01-01T00:00:00Z',
    '2023-12-31T23:59:59.999Z',
    '2024-01-01T00:00:00.123Z',
    '1995-12-25T14:30:00+01:00',
  ],
);

const leaf = fc.oneof(
  { arbitrary: fc.tuple(path, relation, constant).map((parts) => parts.join(' ')), weight: 8 },
  fc.tuple(constant, relation, path).map((parts) => parts.join(' ')),
  fc.tuple(path, fc.array(celText, { maxLength: 3 })).map(([at, texts]) => `${at} in [${texts.join(', ')}]`),
  fc
    .tuple(path, fc.constantFrom('[0, 1, 5]', '[1.0, 0.5]', '[true]', '[null]'))
    .map(([at, list]) => `${at} in ${list}`),
  namedPath.map((at) => `has(${at})`),
  fc
    .tuple(path, fc.constantFrom('startsWith', 'endsWith', 'contains'), celText)
    .map(([at, name, text]) => `${at}.${name}(${text})`),
  fc
    .tuple(path, relation, fc.integer({ min: -1, max: 4 }), fc.boolean())
    .map(([at, sign, count, isMethod]) => `${isMethod ? `${at}.size()` : `size(${at})`} ${sign} ${count}`),
  fc.tuple(path, relation, time).map(([at, sign, text]) => `timestamp(${at}) ${sign} timestamp("${text}")`),
  path,
  fc.constantFrom('true', 'false'),
  // What no token decides.
  fc.tuple(path, path).map(([one, other]) => `${one} == ${other}`),
  path.map((at) => `${at}.exists(i, i == "x")`),
  fc.tuple(path).map(([at]) => `${at}.matches("^x+")`),
  fc.constantFrom('source.key.endsWith("l")', 'source.offset < 40', 'source.bucket == "other"'),
);

const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4 },
    { arbitrary: leaf, weight: 4 },
    fc
      .tuple(tie('condition'), fc.constantFrom('&&', '||'), tie('condition'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    tie('condition').map((inner) => `!(${inner})`),
  ),
}));

export { condition };

const token = fc.constantFrom('a', 'b', 'ab', 'id', 'é', 'k"q', '0', '1', '', '__proto__', 'constructor');
const pointer = fc
  .array(token, { minLength: 1, maxLength: 3 })
  .map((tokens) => tokens.map((part) => `/${part}`).join(''));
export const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant('drop' as const), pointer }),
  fc.record({ kind: fc.constant('hash' as const), pointer }),
  fc.record({
    kind: fc.constant('set' as const),
    pointer,
    json: fc.constantFrom('1', '"é"', '{"a":[1.0]}', 'null', '[]'),
  }),
  fc.record({ kind: fc.constant('rename' as const), pointer, name: fc.constantFrom('n', 'k"q', 'é') }),
);
