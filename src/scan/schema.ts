/**
 * Schema: the judge that `--schema` puts in front of the scanner.
 * Takes  a JSON Schema 2020-12, as text.
 * Gives  a function that says why a record does not conform, or null.
 * Owns   the compiled validator: once per parser thread.
 */

import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { OptionsError } from '../errors.ts';
import type { LineJudge } from './judging.ts';

/**
 * Compiles a schema.
 * @param text JSON. @param name The file's name, for messages.
 * @param onNotice Told of what is in the schema and judges nothing: a format that nobody here knows (2020-12 says to ignore it).
 * @throws {OptionsError} When it is not JSON, or not a schema.
 */
export function createJudge(
  text: string,
  name: string,
  onNotice: (notice: string) => void = () => {},
): LineJudge {
  const told = new Set<unknown>();
  const tell = (notice: unknown) => {
    if (!told.has(notice)) onNotice(`--schema ${name}: ${notice}`);
    told.add(notice);
  };
  const logger = { log: tell, warn: tell, error: tell };
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: true, logger });
  addFormats.default(ajv);
  let validate: ReturnType<Ajv2020['compile']>;
  try {
    validate = ajv.compile(JSON.parse(text));
  } catch (error) {
    throw new OptionsError([
      `Expected --schema ${name} to be a JSON Schema 2020-12: ${error instanceof Error ? error.message : error}`,
    ]);
  }
  return (value) => {
    if (validate(value)) return null;
    const first = validate.errors?.[0];
    // The path names where, the message names the rule; neither holds a value of the record.
    return `The record does not conform: ${first?.instancePath || '/'} ${first?.message ?? 'is refused'}`;
  };
}
