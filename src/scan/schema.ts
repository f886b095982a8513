/**
 * Schema: the validator that `--schema` puts in front of the scanner.
 * Takes  a JSON Schema of 2020-12, 2019-09 or draft-07, as text.
 * Gives  a function that says why a record does not conform, or null.
 * Owns   the compiled validator: once per parser thread.
 * Never  takes a number for its double, or what objects inherit for a property: see schema-keywords.ts.
 */

import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { Ajv } from 'ajv/dist/ajv.js';
import addFormats from 'ajv-formats';
import { OptionsError } from '../base/errors.ts';
import { ExactNumbers, mayRound, parseExactly } from './exact-numbers.ts';
import { linearPattern } from './linear-pattern.ts';
import { exactKeywords, type ValidatedNumbers } from './schema-keywords.ts';
import type { LineValidator } from './validating.ts';

type Validator = Ajv | Ajv2019 | Ajv2020;
type Dialect = new (options: ConstructorParameters<typeof Ajv2020>[0]) => Validator;

/** By `$schema`, without the protocol and an empty fragment. */
const DIALECTS: ReadonlyMap<string, Dialect> = new Map([
  ['json-schema.org/draft/2020-12/schema', Ajv2020],
  ['json-schema.org/draft/2019-09/schema', Ajv2019],
  ['json-schema.org/draft-07/schema', Ajv],
]);
const DIALECT_NAMES = '2020-12, which it is without a $schema, 2019-09 or draft-07';

const NONE = new ExactNumbers();
/** ajv also wants to know how its code could be printed, which nobody does. */
const PATTERNS = Object.assign((source: string) => linearPattern(source), { code: 'linearPattern' });
/** Values to try any schema with: one that leads back to itself never answers. */
const PROBES = [null, true, 0, '', [], {}];

/**
 * Compiles a schema.
 * @param text JSON. @param name The file's name, for messages.
 * @param onNotice Told what in the schema has no effect: a format that is not known here (2020-12 says to ignore it).
 * @throws {OptionsError} When it is not JSON, or not a schema.
 */
export function createValidator(
  text: string,
  name: string,
  onNotice: (notice: string) => void = () => {},
): LineValidator {
  try {
    return compiledValidator(text, (notice) => onNotice(`--schema ${name}: ${notice}`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : error;
    throw new OptionsError([`Expected --schema ${name} to be a JSON Schema: ${reason}`]);
  }
}

function compiledValidator(text: string, onNotice: (notice: string) => void): LineValidator {
  if (text.trim() === '') throw new Error('it is empty');
  const { value: schema, numbers } = parseExactly(text);
  disinherit(schema);
  const validated: ValidatedNumbers = {
    schema: numbers,
    isSchemaRounded: mayRound(text),
    record: NONE,
    isRecordRounded: false,
  };
  const ajv = openValidator(schema, validated, onNotice);
  const validate = ajv.compile(schema as object);
  const ask = (value: unknown) => {
    if (validate(value)) return null;
    const first = validate.errors?.[0];
    // The path names where, the message names the rule; neither holds a value of the record.
    return `The record does not conform: ${first?.instancePath || '/'} ${first?.message ?? 'is refused'}`;
  };
  try {
    for (const probe of PROBES) ask(probe);
  } catch (error) {
    throw error instanceof RangeError ? new Error('it refers to itself without end') : error;
  }
  return (value, line) => {
    validated.isRecordRounded = mayRound(line);
    // Set each time: where the line before was interrupted, nothing was reset.
    validated.record = NONE;
    if (!validated.isRecordRounded) return ask(value);
    const exact = parseExactly(line);
    validated.record = exact.numbers;
    return ask(exact.value);
  };
}

/** A validator of the schema's dialect. @param schema Loses its `$schema`, so that every way to write it is understood. */
function openValidator(schema: unknown, validated: ValidatedNumbers, onNotice: (notice: string) => void) {
  const told = new Set<unknown>();
  const tell = (notice: unknown) => {
    if (!told.has(notice)) onNotice(String(notice));
    told.add(notice);
  };
  const logger = { log: tell, warn: tell, error: tell };
  const ajv = new (dialectOf(schema))({
    ...{ strict: false, allErrors: false, validateFormats: true, ownProperties: true, logger },
    code: { process: withoutInherited, regExp: PATTERNS },
  });
  addFormats.default(ajv as Ajv);
  Object.setPrototypeOf(ajv.formats, null);
  for (const definition of exactKeywords(validated)) {
    ajv.removeKeyword(definition.keyword as string);
    ajv.addKeyword(definition);
  }
  return ajv;
}

/** Which properties are evaluated is kept in objects: they must inherit nothing, and only own properties count. */
function withoutInherited(code: string): string {
  return code
    .replace(/\b(props\d+ = (?:props\d+ \|\| )?)\{\}/g, '$1Object.create(null)')
    .replace(/!(props\d+)\[(key\d+)\]/g, '!Object.hasOwn($1, $2)');
}

function dialectOf(schema: unknown): Dialect {
  if (typeof schema !== 'object' || schema === null || !('$schema' in schema)) return Ajv2020;
  const { $schema } = schema;
  const dialect = DIALECTS.get(
    String($schema)
      .replace(/^https?:\/\//, '')
      .replace(/#$/, ''),
  );
  if (dialect === undefined) {
    throw new Error(`its $schema is ${JSON.stringify($schema)}, and known are ${DIALECT_NAMES}`);
  }
  delete schema.$schema;
  return dialect;
}

/** Makes the objects of a schema inherit nothing: a reference could lead there. @throws Where ajv would not look. */
function disinherit(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  if (Object.hasOwn(value, '__proto__')) {
    throw new Error('it has a property __proto__, which its validator passes over');
  }
  for (const child of Object.values(value)) disinherit(child);
  if (!Array.isArray(value)) Object.setPrototypeOf(value, null);
}
