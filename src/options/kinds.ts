/**
 * Kinds: what values flags have: text, switches, lists, numbers, sizes, times and the others.
 * Takes  what is said about a flag, and the bounds of its value. Gives the definition (flag.ts).
 * Owns   how each kind is read, what a program may give in its place, how a wrong one is reported, and its JSON Schema.
 */
import { isHttpUrl, shownUrl } from '../aws/endpoint.ts';
import { formatBytes, parseDurationMs, parseSizeBytes, parseTimeMs } from '../base/quantity.ts';
import { compileGlob } from '../source/glob.ts';
import type { Flag, JsonSchema, Says } from './flag.ts';
import { shownValue } from './problems.ts';

/** The value of a flag without a default where it is not given. */
type Or<Value, Given extends Says> = Given extends { readonly default: string } ? Value : Value | null;

interface Scalar<Value> {
  readonly value: string;
  readonly choices?: readonly string[];
  /** For people: `a size from 1 kB to 2 MB`. */
  readonly expected: string;
  readonly schema: JsonSchema;
  /** Null: the text is not one. */
  parse(text: string): Value | null;
  /** Whether a program may give it. */
  isValid(option: unknown): boolean;
  /** Default: as it is. */
  typed?(option: Value): unknown;
  /** How a wrong value is shown. Default: as JSON. */
  shown?(value: unknown): string;
}

/** A flag whose value is one text. */
export function scalar<Value, const Given extends Says>(
  name: string,
  { parse, isValid, expected, typed, shown = shownValue, ...rest }: Scalar<Value>,
  says: Given,
): Flag<Or<Value, Given>> {
  const fallback = () => (says.default === undefined ? null : parse(says.default)) as Or<Value, Given>;
  return {
    ...rest,
    ...says,
    name,
    kind: 'text',
    fallback,
    read(raw, problems) {
      if (raw === undefined || raw === null) return fallback();
      const value = typeof raw === 'string' || typeof raw === 'number' ? parse(String(raw)) : null;
      if (value === null) problems.expected(name, expected, shown(raw));
      return (value ?? fallback()) as Or<Value, Given>;
    },
    accept(option, problems) {
      if (option === undefined || option === null) return fallback();
      if (!isValid(option)) problems.expected(name, expected, shown(option));
      return option as Or<Value, Given>;
    },
    typed: (option) => (typed === undefined || option === null ? option : typed(option as Value)),
  };
}

/** A text of any form. */
function textual(
  value: string,
  expected: string,
  isText: (text: string) => boolean,
  schema: JsonSchema,
): Scalar<string> {
  return {
    ...{ value, expected, schema: { type: 'string', ...schema } },
    parse: (text) => (isText(text) ? text : null),
    isValid: (option) => typeof option === 'string' && isText(option),
  };
}

export function text<const Given extends Says>(name: string, value: string, says: Given) {
  return scalar(
    name,
    textual(value, 'text that is not empty', (given) => given !== '', {
      type: ['string', 'number'],
      minLength: 1,
    }),
    says,
  );
}

/** RFC 6901: empty, or tokens that each start with `/`, where `~` stands only in `~0` and `~1`. */
const POINTER = /^(\/([^~]|~[01])*)?$/s;

export function pointer<const Given extends Says>(name: string, says: Given) {
  const form = textual('POINTER', 'a JSON Pointer like /user/id', (given) => POINTER.test(given), {
    pattern: POINTER.source,
  });
  return scalar(name, form, says);
}

export function url<const Given extends Says>(name: string, says: Given) {
  const form = textual('URL', 'a URL like https://host:port', isHttpUrl, {
    pattern: '^[hH][tT][tT][pP][sS]?:',
  });
  return scalar(name, { ...form, shown: (value) => shownUrl(shownValue(value)) }, says);
}

/** An object of S3. */
export function objectUri<const Given extends Says>(name: string, says: Given) {
  const form = textual('URI', 'an object like s3://bucket/key', (given) => OBJECT_URI.test(given), {
    pattern: OBJECT_URI.source,
  });
  return scalar(name, form, says);
}

const OBJECT_URI = /^[sS]3:\/\/[^/]+\/./s;

export function choice<const Choice extends string, const Given extends Says>(
  name: string,
  choices: readonly Choice[],
  says: Given,
) {
  const find = (given: unknown) => choices.find((known) => known === given) ?? null;
  return scalar<Choice, Given>(
    name,
    {
      ...{ value: choices.join('|'), choices, expected: choices.join(' or '), schema: { enum: choices } },
      parse: find,
      isValid: (option) => find(option) !== null,
    },
    says,
  );
}

interface Range {
  readonly min: number;
  readonly max: number;
}

function isWithin(option: unknown, { min, max }: Range): boolean {
  return Number.isInteger(option) && (option as number) >= min && (option as number) <= max;
}

export function integer<const Given extends Says>(name: string, range: Range, says: Given) {
  const { min, max } = range;
  return scalar<number, Given>(
    name,
    {
      value: 'N',
      expected: `a whole number from ${min} to ${max}`,
      schema: { type: ['integer', 'string'], minimum: min, maximum: max, pattern: '^\\d+$' },
      parse: (given) => (/^\d+$/.test(given) && isWithin(Number(given), range) ? Number(given) : null),
      isValid: (option) => isWithin(option, range),
    },
    says,
  );
}

/** Threads: as many as the cores suggest where nobody says how many. */
export function threads(name: string, range: Range, suggested: () => number, says: Says): Flag<number> {
  const flag = integer(name, range, says);
  return {
    ...flag,
    fallback: suggested,
    read: (raw, problems) => flag.read(raw, problems) ?? suggested(),
    accept: (option, problems) => flag.accept(option, problems) ?? suggested(),
  };
}

export function size<const Given extends Says>(name: string, range: Range, says: Given) {
  const { min, max } = range;
  const parse = (given: string) => {
    const bytes = parseSizeBytes(given);
    return isWithin(bytes, range) ? bytes : null;
  };
  return scalar<number, Given>(
    name,
    {
      value: 'SIZE',
      expected: `a size from ${formatBytes(min)} to ${formatBytes(max)} like 16MiB`,
      schema: {
        ...{ type: ['number', 'string'], minimum: min, maximum: max },
        pattern: '^\\s*\\d+(\\.\\d+)?\\s*([kKmMgGtT]([iI]?[bB])?|[bB])?\\s*$',
      },
      parse,
      isValid: (option) => isWithin(option, range),
    },
    says,
  );
}

export function time<const Given extends Says>(name: string, says: Given) {
  return scalar<number, Given>(
    name,
    {
      ...{ value: 'TIME', expected: 'a time like 2026-01-31 or 2026-01-31T12:00:00Z' },
      schema: { type: 'string', pattern: '^\\s*\\d{4}-\\d{2}-\\d{2}' },
      parse: parseTimeMs,
      isValid: isTime,
      typed: (timeMs) => (isTime(timeMs) ? new Date(timeMs).toISOString() : null),
    },
    says,
  );
}

/** What a Date can say. */
const TIME_MS_MAX = 8.64e15;

function isTime(option: unknown): boolean {
  return Number.isFinite(option) && Math.abs(option as number) <= TIME_MS_MAX;
}

export function duration<const Given extends Says>(name: string, says: Given) {
  return scalar<number, Given>(
    name,
    {
      ...{ value: 'DURATION', expected: 'a duration like 90s, 15m or 2h' },
      schema: { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*([mM][sS]|[sSmMhHdD])\\s*$' },
      parse: (given) => {
        const durationMs = parseDurationMs(given);
        return isDuration(durationMs) ? durationMs : null;
      },
      isValid: isDuration,
    },
    says,
  );
}

function isDuration(option: unknown): boolean {
  return Number.isFinite(option) && (option as number) > 0;
}

/** Off unless it is given. */
export function toggle(name: string, says: Says): Flag<boolean> {
  const read: Flag<boolean>['read'] = (raw, problems) => {
    const value = raw ?? false;
    if (typeof value === 'boolean') return value;
    problems.expected(name, 'true or false', shownValue(value));
    return false;
  };
  return {
    ...{ ...says, name, kind: 'switch', schema: { type: 'boolean' } },
    ...{ fallback: () => false, read, accept: read, typed: (option) => option },
  };
}

/** May be given more than once. */
export function list(name: string, value: string, says: Says): Flag<readonly string[]> {
  const read: Flag<readonly string[]>['read'] = (raw, problems) => {
    const given = raw ?? [];
    const texts = Array.isArray(given) ? given : [given];
    if (texts.every((item) => typeof item === 'string' && item !== '')) return texts as string[];
    problems.expected(name, 'a list of texts', shownValue(given));
    return [];
  };
  const one = { type: 'string', minLength: 1 };
  return {
    ...{ ...says, name, kind: 'list', value, schema: { anyOf: [one, { type: 'array', items: one }] } },
    ...{ fallback: () => [], read, accept: read, typed: (option) => option },
  };
}

export function globs(name: string, says: Says): Flag<readonly string[]> {
  const texts = list(name, 'GLOB', says);
  const read: Flag<readonly string[]>['read'] = (raw, problems) => {
    const given = texts.read(raw, problems);
    for (const glob of given) {
      try {
        compileGlob(glob);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const shown = JSON.stringify(glob.slice(0, 100));
        problems.add(`Expected --${name} to be a smaller glob: ${error.message}: ${shown}.`);
      }
    }
    return given;
  };
  return { ...texts, read, accept: read };
}
