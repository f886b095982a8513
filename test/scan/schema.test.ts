/** Schema: what conforms, and what people are told about what does not. */
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/base/errors.ts';
import { createValidator } from '../../src/scan/schema.ts';

/** A judge of lines, by a schema as it is written. */
function lineJudge(schema: string) {
  const validator = createValidator(schema, 'events.schema.json');
  return (line: string) => validator(JSON.parse(line), line);
}

/** A judge of values that JSON can write. */
function validatorOf(schema: unknown) {
  const validator = lineJudge(JSON.stringify(schema));
  return (value: unknown) => validator(JSON.stringify(value));
}

/** One value of each format that conforms, and one that does not. RFC 3339, 5321, 3986, 4122, 6901 and so on. */
const FORMATS: readonly [format: string, good: string, bad: string][] = [
  ['date-time', '2026-01-31T12:00:00Z', '2026-01-31 noon'],
  ['date', '2024-02-29', '2023-02-29'],
  ['time', '12:00:00Z', '25:00:00Z'],
  ['duration', 'P3DT4H', '3 days'],
  ['email', 'a.b@example.com', 'a.b@'],
  ['hostname', 'a.example.com', '-a-.example.com'],
  ['ipv4', '10.0.0.1', '10.0.0.256'],
  ['ipv6', '2001:db8::1', '2001:db8::g'],
  ['uri', 'https://example.com/a?b#c', 'example.com/a'],
  ['uri-reference', '/a/b', '\\a'],
  ['uri-template', '/users/{id}', '/users/{id'],
  ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123e4567'],
  ['json-pointer', '/a/~0b', 'a'],
  ['relative-json-pointer', '1/a', '/a'],
  ['regex', '^a+$', '(a'],
];

describe('a judge', () => {
  it.each(FORMATS)('knows the format %s', (format, good, bad) => {
    const validator = validatorOf({ type: 'object', properties: { v: { type: 'string', format } } });
    expect([validator({ v: good }), validator({ v: bad })]).toEqual([null, expect.stringContaining(format)]);
  });

  it.each([
    {
      name: 'prefixItems',
      schema: { prefixItems: [{ type: 'string' }], items: false },
      good: ['a'],
      bad: ['a', 1],
    },
    {
      name: 'unevaluatedProperties',
      schema: { allOf: [{ properties: { a: true } }], unevaluatedProperties: false },
      good: { a: 1 },
      bad: { b: 1 },
    },
    {
      name: 'dependentRequired',
      schema: { dependentRequired: { a: ['b'] } },
      good: { a: 1, b: 2 },
      bad: { a: 1 },
    },
    {
      name: '$defs and $ref',
      schema: { $ref: '#/$defs/n', $defs: { n: { type: 'integer' } } },
      good: 1,
      bad: 1.5,
    },
    {
      name: '$dynamicRef',
      schema: { $dynamicAnchor: 'x', items: { $dynamicRef: '#x' }, type: 'array' },
      good: [[]],
      bad: [1],
    },
    { name: 'false', schema: false, good: undefined, bad: 1 },
  ])('knows the 2020-12 keyword $name', ({ schema, good, bad }) => {
    const validator = validatorOf(schema);
    if (good !== undefined) expect(validator(good)).toBe(null);
    expect(validator(bad)).toMatch(/^The record does not conform: /);
  });

  it('tells where and which rule of the first error, and no value of the record', () => {
    const validator = validatorOf({
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string', pattern: '^[0-9]+$' }, 'a/b': { enum: ['x'] } },
    });
    expect(validator({})).toBe("The record does not conform: / must have required property 'id'");
    expect(validator({ id: 'secret' })).toBe(
      'The record does not conform: /id must match pattern "^[0-9]+$"',
    );
    expect(validator({ id: '1', 'a/b': 'secret' })).toBe(
      'The record does not conform: /a~1b must be equal to one of the allowed values',
    );
    expect(validator([])).toBe('The record does not conform: / must be object');
  });

  it('changes nothing in the value, and keeps nothing from one value to the next', () => {
    const schema = '{"type":"object","properties":{"n":{"type":"integer","default":7}}}';
    const validator = createValidator(schema, 'events.schema.json');
    const empty = {};
    expect([
      validator(empty, '{}'),
      empty,
      validator({ n: '1' }, '{"n":"1"}'),
      validator({ n: 1 }, '{"n":1}'),
    ]).toEqual([null, {}, 'The record does not conform: /n must be integer', null]);
  });

  it('takes a property that is called __proto__ for a property like any other', () => {
    const validator = lineJudge('{"type":"object","additionalProperties":{"type":"integer"}}');
    expect(validator('{"__proto__":"x"}')).toContain('must be integer');
    expect(validator('{"__proto__":1,"constructor":2}')).toBe(null);
  });
});

/** Lines that conform to a schema, and lines that do not. Both as they are written: what JSON.parse rounds is told apart. */
const NUMBERS: readonly [name: string, schema: string, good: readonly string[], bad: readonly string[]][] = [
  [
    'hundredths',
    '{"multipleOf":0.01}',
    ['19.99', '0.94', '143.48', '-1.1', '0', '-0.0', '1e2', '1.230', '123456789012345678.90'],
    ['19.999', '0.001', '-0.005', '1e-3', '123456789012345678.901', '1e-400'],
  ],
  ['a multiple of 1e-8', '{"multipleOf":1e-8}', ['0.00000001', '7.25e-6', '12345'], ['1e-9', '0.000000015']],
  ['a multiple of 0.3', '{"multipleOf":0.3}', ['0.9', '1.2', '3e5', '-0.6'], ['1', '0.31', '1e5']],
  [
    'a multiple of 7',
    '{"multipleOf":7}',
    ['9007199254740995', '7e400', '0e99'],
    ['9007199254740996', '1e400', '7.5'],
  ],
  [
    'a multiple of 1024',
    '{"multipleOf":1024}',
    ['2048', '1e10', '1e999999999999'],
    ['1e9', '2047', '1e-999999999999'],
  ],
  [
    'a multiple of a large number',
    '{"multipleOf":9007199254740993}',
    ['18014398509481986', '0'],
    ['9007199254740992', '1'],
  ],
  [
    'the largest signed integer of 64 bits',
    '{"type":"integer","maximum":9223372036854775807,"minimum":-9223372036854775808}',
    ['9223372036854775807', '-9223372036854775808', '12', '9.223372036854775807e18'],
    ['9223372036854775808', '-9223372036854775809', '1e400', '-1E400', '0.5'],
  ],
  [
    'more than nothing',
    '{"exclusiveMinimum":0}',
    ['1e-400', '0.5', '1e400'],
    ['0', '-1e-400', '0e1000', '-0'],
  ],
  [
    'less than a third',
    '{"exclusiveMaximum":0.33333333333333333}',
    ['0.3', '0.33333333333333332'],
    ['0.33333333333333333', '0.34'],
  ],
  ['at least 1', '{"minimum":1}', ['1', '1.0', '10e-1', '2e0'], ['0.99999999999999999999', '0']],
  ['at most 1', '{"maximum":1}', ['1', '-5', '0.99999999999999999999'], ['1.00000000000000000001', '2']],
  [
    'an integer',
    '{"type":"integer"}',
    ['1.0', '1e400', '123456789012345678901234567890', '1.50e1', '1.00000000000000000000', '-1e999'],
    ['1.00000000000000000001', '9007199254740993.5', '1e-400', '0.1'],
  ],
  ['a number', '{"type":"number"}', ['1e400', '1e-400', '1'], ['"1e400"', 'null']],
  [
    'a constant',
    '{"const":9007199254740993}',
    ['9007199254740993', '9007199254740993.0'],
    ['9007199254740992', '9007199254740994'],
  ],
  [
    'a constant within',
    '{"const":{"a":[0.1,9007199254740993]}}',
    ['{"a":[1e-1,9007199254740993]}'],
    ['{"a":[0.1,9007199254740992]}', '{"a":[0.1]}'],
  ],
  [
    'one of some',
    '{"enum":[1,"1",null,{"n":1e400}]}',
    ['1.00', '"1"', 'null', '{"n":10e399}'],
    ['2', '"2"', 'true', '{"n":1e401}', '1.00000000000000000001'],
  ],
  [
    'different items',
    '{"uniqueItems":true}',
    [
      '[9007199254740992,9007199254740993]',
      '[1,"1",true,"true",[1],{"a":1}]',
      '[1e400,1e401]',
      '[]',
      '[0.1,0.10000000000000000001]',
    ],
    ['[1,1.0]', '[{"a":1,"b":2},{"b":2.0,"a":1}]', '[1e400,10e399]', '[0,-0]', '["a","b","a"]', '[[],[]]'],
  ],
];

describe('numbers', () => {
  it.each(NUMBERS)('are judged by their digits: %s', (_name, schema, good, bad) => {
    const validator = lineJudge(schema);
    expect(good.filter((line) => validator(line) !== null)).toEqual([]);
    expect(bad.filter((line) => validator(line) === null)).toEqual([]);
    // Again within a record, and beside a number that no double holds.
    const within = lineJudge(`{"properties":{"v":${schema}}}`);
    expect(good.filter((line) => within(`{"v":${line},"n":12345678901234567890}`) !== null)).toEqual([]);
    expect(bad.filter((line) => within(`{"n":12345678901234567890,"v":${line}}`) === null)).toEqual([]);
  });

  it('are judged by their digits behind a reference, too', () => {
    const validator = lineJudge(
      '{"$defs":{"n":{"maximum":1}},"properties":{"a":{"items":{"$ref":"#/$defs/n"}},"b":{"$ref":"#/$defs/n"}}}',
    );
    expect(validator('{"a":[1,0.99999999999999999999],"b":1}')).toBe(null);
    expect(validator('{"a":[1,1.00000000000000000001]}')).toContain('/a/1 must be <= 1');
    expect(validator('{"b":1.00000000000000000001}')).toContain('/b must be <= 1');
  });

  it('are told with the limit as the schema writes it, and never with the value', () => {
    const validator = lineJudge(
      '{"properties":{"a":{"maximum":9223372036854775807},"b":{"multipleOf":0.01}}}',
    );
    expect(validator('{"a":9223372036854775808}')).toBe(
      'The record does not conform: /a must be <= 9223372036854775807',
    );
    expect(validator('{"b":0.001}')).toBe('The record does not conform: /b must be multiple of 0.01');
  });

  it('of one record say nothing about the next', () => {
    const validator = lineJudge('{"properties":{"a":{"maximum":1}}}');
    expect([
      validator('{"a":1.00000000000000000001}'),
      validator('{"a":1}'),
      validator('{"a":0.99999999999999999999}'),
    ]).toEqual(['The record does not conform: /a must be <= 1', null, null]);
  });
});

/** Names that every object inherits. */
const INHERITED = ['constructor', 'toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'];

describe('a property that every object inherits', () => {
  it.each(INHERITED)('%s may be absent where it is optional, and is missed where it is required', (name) => {
    const optional = validatorOf({ properties: { [name]: { type: 'string' } }, additionalProperties: false });
    expect([optional({}), optional({ [name]: 'x' })]).toEqual([null, null]);
    expect([optional({ [name]: 1 }), optional({ other: 1 })]).not.toContain(null);
    const required = validatorOf({ required: [name] });
    expect([required({}), required({ [name]: null })]).toEqual([
      `The record does not conform: / must have required property '${name}'`,
      null,
    ]);
    const many = validatorOf({ required: Array.from({ length: 30 }, (_, i) => (i === 0 ? name : `p${i}`)) });
    expect(many(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`p${i}`, i])))).toContain(name);
    const dependent = validatorOf({
      dependentRequired: { [name]: ['a'] },
      dependentSchemas: { [name]: { minProperties: 2 } },
    });
    expect([dependent({}), dependent({ [name]: 1, a: 1 })]).toEqual([null, null]);
    expect(dependent({ [name]: 1 })).not.toBe(null);
  });

  it.each(INHERITED)('%s is compared as others are', (name) => {
    const constant = validatorOf({ const: { [name]: { a: 1 } } });
    expect([
      constant({ [name]: { a: 1 } }),
      constant({}) === null,
      constant({ [name]: { a: 2 } }) === null,
    ]).toEqual([null, false, false]);
    const unique = validatorOf({ uniqueItems: true });
    expect(unique([{ [name]: { a: 1 } }, { [name]: { a: 2 } }, {}])).toBe(null);
    expect(unique([{ [name]: { a: 1 } }, { [name]: { a: 1 } }])).toContain('duplicate items');
  });

  it.each([...INHERITED, '__proto__'])('%s is unevaluated unless a keyword has dealt with it', (name) => {
    const some = { patternProperties: { '^a': true } };
    const all = { required: ['b'], patternProperties: { '': true } };
    const validator = lineJudge(JSON.stringify({ anyOf: [some, all], unevaluatedProperties: false }));
    expect([
      validator('{"a":1}'),
      validator(`{"a":1,"${name}":1}`),
      validator(`{"b":1,"${name}":1}`),
    ]).toEqual([null, 'The record does not conform: / must NOT have unevaluated properties', null]);
  });

  it('__proto__ is required where it is, and refused in a schema that has it as a key: ajv passes over it', () => {
    const validator = lineJudge('{"required":["__proto__"]}');
    expect([validator('{"__proto__":1}'), validator('{}')]).toEqual([
      null,
      expect.stringContaining('__proto__'),
    ]);
    expect(() => lineJudge('{"properties":{"__proto__":{"type":"string"}}}')).toThrow(/property __proto__/);
  });
});

describe('a schema', () => {
  it.each([
    { name: 'no JSON', text: '{' },
    { name: 'a type that there is not', text: '{"type":"strin"}' },
    { name: 'a keyword of the wrong type', text: '{"required":"id"}' },
    { name: 'a reference that leads nowhere', text: '{"$ref":"#/$defs/gone"}' },
    { name: 'a reference to another file', text: '{"$ref":"https://example.com/other.json"}' },
    { name: 'a pattern that is none', text: '{"pattern":"("}' },
    { name: 'an older dialect', text: '{"$schema":"http://json-schema.org/draft-04/schema#"}' },
    { name: 'a dialect that there is not', text: '{"$schema":"constructor"}' },
    { name: 'a dialect that is no text', text: '{"$schema":7}' },
    { name: 'nothing in it', text: ' \n' },
    { name: 'a list', text: '[]' },
    { name: 'a number', text: '7' },
    { name: 'null', text: 'null' },
    { name: 'an inherited definition', text: '{"$ref":"#/$defs/toString","$defs":{}}' },
    { name: 'a reference to itself', text: '{"$ref":"#"}' },
    {
      name: 'a circle of references',
      text: '{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"anyOf":[{"$ref":"#/$defs/a"}]}}}',
    },
  ])('with $name is refused, and the message names the file', ({ text }) => {
    expect(() => createValidator(text, 'events.schema.json')).toThrow(OptionsError);
    expect(() => createValidator(text, 'events.schema.json')).toThrow(/--schema events\.schema\.json/);
  });

  it.each([
    { dialect: undefined, keyword: 'prefixItems' },
    { dialect: 'https://json-schema.org/draft/2020-12/schema', keyword: 'prefixItems' },
    { dialect: 'http://json-schema.org/draft/2020-12/schema#', keyword: 'prefixItems' },
    { dialect: 'https://json-schema.org/draft/2019-09/schema', keyword: 'items' },
    { dialect: 'http://json-schema.org/draft-07/schema#', keyword: 'items' },
    { dialect: 'https://json-schema.org/draft-07/schema', keyword: 'items' },
  ])('is read by its own dialect: $keyword is a tuple in $dialect', ({ dialect, keyword }) => {
    const validator = validatorOf({
      $schema: dialect,
      [keyword]: [{ multipleOf: 0.01 }, { type: 'string' }],
    });
    expect([validator([19.99, 'a']), validator([1])]).toEqual([null, null]);
    expect(validator([0.001])).toContain('must be multiple of 0.01');
    expect(validator([1, 2])).toContain('/1 must be string');
  });

  it('of an unknown dialect is refused with the names of those that are known', () => {
    expect(() => lineJudge('{"$schema":"http://json-schema.org/draft-04/schema#"}')).toThrow(
      'its $schema is "http://json-schema.org/draft-04/schema#", and known are 2020-12, which it is without a $schema, 2019-09 or draft-07',
    );
  });

  it('that refers to itself judges records of any depth that a stack can hold, and fails on deeper ones', () => {
    const validator = lineJudge('{"type":["array","integer"],"items":{"$ref":"#"}}');
    const nested = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;
    expect(validator(nested(500))).toBe(null);
    expect(validator(nested(500).replace('1', '"x"'))).toContain('must be array,integer');
    expect(() => validator(nested(200_000))).toThrow(RangeError);
    expect(validator('[1]')).toBe(null);
  });

  it('with a format that nobody knows judges nothing by it, and says so once', () => {
    const notices: string[] = [];
    const schema = '{"properties":{"a":{"format":"colour"}}}';
    const validator = createValidator(schema, 'events.schema.json', (notice) => notices.push(notice));
    expect(validator({ a: 'any' }, '{"a":"any"}')).toBe(null);
    expect(notices).toEqual([
      '--schema events.schema.json: unknown format "colour" ignored in schema at path "#/properties/a"',
    ]);
  });
});
