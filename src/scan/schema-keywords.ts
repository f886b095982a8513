/**
 * Schema keywords: replaces those of ajv that take a double for the number as written, or an inherited property for an object's own.
 * Takes  the exact numbers of the schema, and those of the record that is validated.
 * Gives  definitions of multipleOf, the four limits, const, enum and uniqueItems, with ajv's own messages.
 * Never  rounds, and never looks at what an object inherits. Where neither side has a number that a double does not hold, limits are
 *        compared as doubles, in place.
 */
import { _, type CodeKeywordDefinition, type KeywordCxt, type Name, str } from 'ajv/dist/2020.js';
import { compareDecimals, decimalKey, multiplesOf } from './decimal.ts';
import type { ExactNumbers } from './exact-numbers.ts';

/** What the keywords look numbers up in. */
export interface ValidatedNumbers {
  readonly schema: ExactNumbers;
  /** The schema has numbers that a double does not hold: doubles decide nothing. */
  readonly isSchemaRounded: boolean;
  record: ExactNumbers;
  /** The record has such numbers. */
  isRecordRounded: boolean;
}

type Place = readonly [holder: unknown, property: string | number | undefined];
/** Asks about the value at a place. */
type Check<T> = (holder: unknown, property: string | number | undefined, value: unknown) => T;

/** The same text for equal JSON values, and for no others: objects are equal in any order, 1 equals 1.0. */
function keyOf(value: unknown, numbers: ExactNumbers, ...place: Place): string {
  if (typeof value === 'number') return decimalKey(numbers.decimalAt(...place, value));
  if (Array.isArray(value)) return `[${value.map((item, i) => keyOf(item, numbers, value, i)).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const object = value as Record<string, unknown>;
  const members = Object.keys(object).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${keyOf(object[name], numbers, object, name)}`).join()}}`;
}

/** The code that calls a check with the value at hand. */
function call(cxt: KeywordCxt, check: Check<unknown>) {
  const { gen, data, it } = cxt;
  const name: Name = gen.scopeValue('func', { ref: check });
  return _`${name}(${it.parentData}, ${it.parentDataProperty}, ${data})`;
}

const LIMITS = [
  { keyword: 'maximum', words: '<=', isWithin: (order: number) => order <= 0, beyond: _`>` },
  { keyword: 'minimum', words: '>=', isWithin: (order: number) => order >= 0, beyond: _`<` },
  { keyword: 'exclusiveMaximum', words: '<', isWithin: (order: number) => order < 0, beyond: _`>=` },
  { keyword: 'exclusiveMinimum', words: '>', isWithin: (order: number) => order > 0, beyond: _`<=` },
] as const;

function limitKeyword(limit: (typeof LIMITS)[number], validated: ValidatedNumbers): CodeKeywordDefinition {
  const { keyword, words, isWithin, beyond } = limit;
  return {
    keyword,
    type: 'number',
    schemaType: 'number',
    error: { message: ({ params }) => str`must be ${words} ${params.limit}` },
    code(cxt) {
      const { gen, data, schema, parentSchema } = cxt;
      cxt.setParams({ limit: _`${validated.schema.textAt(parentSchema, keyword, schema)}` });
      const bound = validated.schema.decimalAt(parentSchema, keyword, schema);
      const isBeyond = call(cxt, (holder, property, value) => {
        const decimal = validated.record.decimalAt(holder, property, value as number);
        return !isWithin(compareDecimals(decimal, bound));
      });
      if (validated.isSchemaRounded) return cxt.fail(isBeyond);
      const state = gen.scopeValue('obj', { ref: validated });
      cxt.fail(_`${state}.isRecordRounded ? ${isBeyond} : ${data} ${beyond} ${schema}`);
    },
  };
}

function multipleOfKeyword(validated: ValidatedNumbers): CodeKeywordDefinition {
  const keyword = 'multipleOf';
  return {
    keyword,
    type: 'number',
    schemaType: 'number',
    error: { message: ({ params }) => str`must be multiple of ${params.unit}` },
    code(cxt) {
      const { schema, parentSchema } = cxt;
      cxt.setParams({ unit: _`${validated.schema.textAt(parentSchema, keyword, schema)}` });
      const isMultiple = multiplesOf(validated.schema.decimalAt(parentSchema, keyword, schema));
      const isNone = call(cxt, (holder, property, value) => {
        return !isMultiple(validated.record.decimalAt(holder, property, value as number));
      });
      cxt.fail(isNone);
    },
  };
}

function constKeyword(validated: ValidatedNumbers): CodeKeywordDefinition {
  return {
    keyword: 'const',
    error: { message: 'must be equal to constant' },
    code(cxt) {
      const { data, schema, parentSchema } = cxt;
      if (typeof schema === 'string') return cxt.fail(_`${data} !== ${schema}`);
      const wanted = keyOf(schema, validated.schema, parentSchema, 'const');
      const isOther = call(cxt, (holder, property, value) => {
        return keyOf(value, validated.record, holder, property) !== wanted;
      });
      cxt.fail(isOther);
    },
  };
}

function enumKeyword(validated: ValidatedNumbers): CodeKeywordDefinition {
  return {
    keyword: 'enum',
    schemaType: 'array',
    error: { message: 'must be equal to one of the allowed values' },
    code(cxt) {
      const { gen, data } = cxt;
      const schema: readonly unknown[] = cxt.schema;
      const texts = gen.scopeValue('obj', {
        ref: new Set(schema.filter((item) => typeof item === 'string')),
      });
      const keys = new Set(schema.map((item, i) => keyOf(item, validated.schema, schema, i)));
      const isOther = call(cxt, (holder, property, value) => {
        return !keys.has(keyOf(value, validated.record, holder, property));
      });
      cxt.fail(_`typeof ${data} == "string" ? !${texts}.has(${data}) : ${isOther}`);
    },
  };
}

function uniqueItemsKeyword(validated: ValidatedNumbers): CodeKeywordDefinition {
  return {
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: {
      message: ({ params }) =>
        str`must NOT have duplicate items (items ## ${params.first} and ${params.second} are identical)`,
    },
    code(cxt) {
      if (!cxt.schema) return;
      const pair = cxt.gen.const(
        'pair',
        call(cxt, (_holder, _property, value) => equalPairIn(value as unknown[], validated.record)),
      );
      cxt.setParams({ first: _`${pair}[0]`, second: _`${pair}[1]` });
      cxt.fail(_`${pair} !== null`);
    },
  };
}

/** Indexes of the first two items that are equal, or null. */
function equalPairIn(items: readonly unknown[], numbers: ExactNumbers): [number, number] | null {
  const seen = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const key = keyOf(item, numbers, items, i);
    const earlier = seen.get(key);
    if (earlier !== undefined) return [earlier, i];
    seen.set(key, i);
  }
  return null;
}

/** Definitions that take the place of ajv's, for one validator. */
export function exactKeywords(validated: ValidatedNumbers): CodeKeywordDefinition[] {
  return [
    ...LIMITS.map((limit) => limitKeyword(limit, validated)),
    multipleOfKeyword(validated),
    constKeyword(validated),
    enumKeyword(validated),
    uniqueItemsKeyword(validated),
  ];
}
