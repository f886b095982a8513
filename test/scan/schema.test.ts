/** Schema: what conforms, and what people are told about what does not. */
import { describe, expect, it } from 'vitest';
import { OptionsError } from '../../src/errors.ts';
import { createJudge } from '../../src/scan/schema.ts';

const judgeOf = (schema: unknown) => createJudge(JSON.stringify(schema), 'events.schema.json');

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
    const judge = judgeOf({ type: 'object', properties: { v: { type: 'string', format } } });
    expect([judge({ v: good }), judge({ v: bad })]).toEqual([null, expect.stringContaining(format)]);
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
    const judge = judgeOf(schema);
    if (good !== undefined) expect(judge(good)).toBe(null);
    expect(judge(bad)).toMatch(/^The record does not conform: /);
  });

  it('tells where and which rule of the first error, and no value of the record', () => {
    const judge = judgeOf({
      type: 'object',
      required: ['id'],
      properties: { id: { type: 'string', pattern: '^[0-9]+$' }, 'a/b': { enum: ['x'] } },
    });
    expect(judge({})).toBe("The record does not conform: / must have required property 'id'");
    expect(judge({ id: 'secret' })).toBe('The record does not conform: /id must match pattern "^[0-9]+$"');
    expect(judge({ id: '1', 'a/b': 'secret' })).toBe(
      'The record does not conform: /a~1b must be equal to one of the allowed values',
    );
    expect(judge([])).toBe('The record does not conform: / must be object');
  });

  it('changes nothing in the value, and keeps nothing from one value to the next', () => {
    const judge = judgeOf({ type: 'object', properties: { n: { type: 'integer', default: 7 } } });
    const empty = {};
    expect([judge(empty), empty, judge({ n: '1' }), judge({ n: 1 })]).toEqual([
      null,
      {},
      'The record does not conform: /n must be integer',
      null,
    ]);
  });

  it('takes a property that is called __proto__ for a property like any other', () => {
    const judge = judgeOf({ type: 'object', additionalProperties: { type: 'integer' } });
    expect(judge(JSON.parse('{"__proto__":"x"}'))).toContain('must be integer');
    expect(judge(JSON.parse('{"__proto__":1,"constructor":2}'))).toBe(null);
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
  ])('with $name is refused, and the message names the file', ({ text }) => {
    expect(() => createJudge(text, 'events.schema.json')).toThrow(OptionsError);
    expect(() => createJudge(text, 'events.schema.json')).toThrow(/--schema events\.schema\.json/);
  });
  it('with a format that nobody knows judges nothing by it, and says so once', () => {
    const notices: string[] = [];
    const schema = '{"properties":{"a":{"format":"colour"}}}';
    const judge = createJudge(schema, 'events.schema.json', (notice) => notices.push(notice));
    expect(judge({ a: 'any' })).toBe(null);
    expect(notices).toEqual([
      '--schema events.schema.json: unknown format "colour" ignored in schema at path "#/properties/a"',
    ]);
  });
});
