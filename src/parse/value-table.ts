/**
 * Value table: what may follow what in JSON, byte by byte. For the value count alone (value-count.ts), which is its only reader.
 * Never  shares code with finders, cutter, walk and scanner.
 */

const NAMES = [
  ...[
    'wrong',
    'value',
    'element',
    'member',
    'name',
    'colon',
    'behind',
    'text',
    'escape',
    'hex4',
    'hex3',
    'hex2',
    'hex1',
  ],
  ...['minus', 'zero', 'digits', 'dot', 'fraction', 'power', 'sign', 'powered', 'literal'],
  ...['tr', 'tru', 'true', 'fa', 'fal', 'fals', 'false', 'nu', 'nul', 'null'],
  // What has to be done, and not only remembered.
  ...['open', 'close', 'comma', 'quote', 'border'],
] as const;
type Name = (typeof NAMES)[number];
/** States by their names: rows of TABLE, and what stands in it. */
export const NUMBER = Object.fromEntries(NAMES.map((name, number) => [name, number])) as Record<Name, number>;

const SPACE = ' \t\r\n';
const VALUE: readonly (readonly [string, Name])[] = [
  ...([
    [SPACE, 'value'],
    ['"', 'text'],
    ['-', 'minus'],
    ['0', 'zero'],
    ['123456789', 'digits'],
  ] as const),
  ...([
    ['t', 'tr'],
    ['f', 'fa'],
    ['n', 'nu'],
    ['{[', 'open'],
  ] as const),
];
const BORDER = [`${SPACE}{}[]:,"`, 'border'] as const;
const DIGITS = '0123456789';
const HEX = `${DIGITS}abcdefABCDEF`;

/** What may follow, by state. Texts are added below: nearly every byte may stand in one. */
const FOLLOWS: Partial<Record<Name, readonly (readonly [string, Name])[]>> = {
  value: VALUE,
  element: [...VALUE, [SPACE, 'element'], [']', 'close']],
  member: [
    [SPACE, 'member'],
    ['"', 'text'],
    ['}', 'close'],
  ],
  name: [
    [SPACE, 'name'],
    ['"', 'text'],
  ],
  colon: [
    [SPACE, 'colon'],
    [':', 'value'],
  ],
  behind: [
    [SPACE, 'behind'],
    [',', 'comma'],
    ['}]', 'close'],
  ],
  escape: [
    ['"\\/bfnrt', 'text'],
    ['u', 'hex4'],
  ],
  hex4: [[HEX, 'hex3']],
  hex3: [[HEX, 'hex2']],
  hex2: [[HEX, 'hex1']],
  hex1: [[HEX, 'text']],
  minus: [
    ['0', 'zero'],
    ['123456789', 'digits'],
  ],
  zero: [['.', 'dot'], ['eE', 'power'], BORDER],
  digits: [[DIGITS, 'digits'], ['.', 'dot'], ['eE', 'power'], BORDER],
  dot: [[DIGITS, 'fraction']],
  fraction: [[DIGITS, 'fraction'], ['eE', 'power'], BORDER],
  power: [
    [DIGITS, 'powered'],
    ['+-', 'sign'],
  ],
  sign: [[DIGITS, 'powered']],
  powered: [[DIGITS, 'powered'], BORDER],
  literal: [BORDER],
  tr: [['r', 'tru']],
  tru: [['u', 'true']],
  true: [['e', 'literal']],
  fa: [['a', 'fal']],
  fal: [['l', 'fals']],
  fals: [['s', 'false']],
  false: [['e', 'literal']],
  nu: [['u', 'nul']],
  nul: [['l', 'null']],
  null: [['l', 'literal']],
};
/** States in which spaces stand between values. */
export const BETWEEN: ReadonlySet<number> = new Set([NUMBER.value, NUMBER.element, NUMBER.behind]);

/** By state and byte, 256 to a row: the next state, or what has to be done. */
export const TABLE = new Uint8Array(NAMES.length * 256);
for (const [state, follows] of Object.entries(FOLLOWS))
  for (const [bytes, next] of follows)
    for (const byte of Buffer.from(bytes)) TABLE[NUMBER[state as Name] * 256 + byte] = NUMBER[next];
TABLE.fill(NUMBER.text, NUMBER.text * 256 + 0x20, NUMBER.text * 256 + 256);
TABLE[NUMBER.text * 256 + 0x22] = NUMBER.quote;
TABLE[NUMBER.text * 256 + 0x5c] = NUMBER.escape;
