/**
 * Spec reader: stages as data, from what people write.
 * Takes  a stage's name, and what it is given: by a program, or by an item of `stages:` in a configuration file.
 * Gives  specs that are in range, one for each place that is named.
 * Owns   what each stage takes. What only the stage itself can judge (a condition, a table, a module) is judged when a run opens it.
 */
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { OptionsError } from '../../base/errors.ts';
import type { StageSpec } from '../stage.ts';
import { type EnrichOptions, enrichSpec } from './enrich-spec.ts';
import { readTemplate } from './template.ts';

export const STAGE_KINDS = [
  ...([
    'where',
    'sample',
    'drop',
    'set',
    'rename',
    'hash',
    'pick',
    'coerce',
    'enrich',
    'format',
    'use',
  ] as const),
];
export type StageKind = (typeof STAGE_KINDS)[number];
type SpecOf<Kind extends StageKind, Spec = StageSpec> = Spec extends { readonly kind: infer Kinds }
  ? Kind extends Kinds
    ? Spec
    : never
  : never;

const ON_ERROR: readonly unknown[] = ['dead-letter', 'drop', 'keep'] satisfies SpecOf<'where'>['onError'][];
const TYPES: readonly unknown[] = [
  'number',
  'string',
  'boolean',
  'timestamp',
] satisfies SpecOf<'coerce'>['to'][];
/** RFC 6901, of a place within the record. */
const POINTER = /^(\/([^~/]|~[01])*)+$/s;
const MEMBER = 'a JSON Pointer like /user/mail';
const SHOWN_CHARS_MAX = 100;

/**
 * @param input What the stage is given. @param subject What messages call the stage.
 * @throws {OptionsError} For what the stage does not take.
 */
export function specsOf<Kind extends StageKind>(
  kind: Kind,
  input: unknown,
  subject: string = kind,
): SpecOf<Kind>[] {
  const wrong: Wrong = (expected, received) => {
    const shown =
      typeof received === 'number' ? String(received) : JSON.stringify(received)?.slice(0, SHOWN_CHARS_MAX);
    return new OptionsError([
      `Expected ${subject} to have ${expected}, but received ${shown ?? typeof received}.`,
    ]);
  };
  return READERS[kind](input, wrong) as SpecOf<Kind>[];
}

/** The spec of a stage that names one thing. */
export function specOf<Kind extends StageKind>(kind: Kind, input: unknown): SpecOf<Kind> {
  const [spec, ...others] = specsOf(kind, input);
  if (others.length > 0)
    throw new OptionsError([`Expected ${kind} to name one place, but received ${others.length + 1}.`]);
  return spec!;
}

/** What `specsOf` makes the same spec of. */
export function inputOf(spec: StageSpec): unknown {
  switch (spec.kind) {
    case 'where':
      return { expression: spec.expression, onError: spec.onError };
    case 'sample':
      return spec.percent;
    case 'drop':
    case 'hash':
      return spec.pointer;
    case 'set':
      return { [spec.pointer]: JSON.parse(spec.json) as unknown };
    case 'rename':
      return { [spec.pointer]: spec.name };
    case 'pick':
      return spec.pointers;
    case 'coerce':
      return { [spec.pointer]: spec.to };
    case 'format':
      return spec.template;
    case 'use':
      return `${pathToFileURL(spec.module).href}#${spec.name}`;
    case 'enrich': {
      const { kind: _, key, ...options } = spec;
      return key === null ? options : { ...options, key };
    }
  }
}

/** @throws {OptionsError} For stages behind one that makes text. */
export function assertLast(kinds: readonly string[]): void {
  const at = kinds.indexOf('format');
  if (at < 0 || at === kinds.length - 1) return;
  throw new OptionsError([
    `Expected format to be the last stage, because what it makes is no JSON, but received ${kinds[at + 1]} behind it.`,
  ]);
}

type Wrong = (expected: string, received: unknown) => OptionsError;

const READERS: { readonly [Kind in StageKind]: (input: unknown, wrong: Wrong) => SpecOf<Kind>[] } = {
  where(input, wrong) {
    const options = typeof input === 'string' ? { expression: input } : input;
    const known =
      isTable(options) && Object.keys(options).every((name) => ['expression', 'onError'].includes(name));
    if (!known) throw wrong('a condition like record.type == "order", or expression and onError', input);
    const { expression, onError = 'dead-letter' } = options as Record<string, unknown>;
    if (typeof expression !== 'string' || expression === '')
      throw wrong('a condition like record.type == "order"', expression);
    if (!ON_ERROR.includes(onError)) throw wrong('dead-letter, drop or keep for errors', onError);
    return [{ kind: 'where', expression, onError: onError as SpecOf<'where'>['onError'] }];
  },
  sample(input, wrong) {
    const given = typeof input === 'string' ? /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(input)?.[1] : input;
    const percent = Number(given ?? Number.NaN);
    if (!(percent > 0 && percent < 100)) throw wrong('a share over 0 % and below 100 %', input);
    return [{ kind: 'sample', percent }];
  },
  drop: (input, wrong) => pointersOf(input, wrong).map((pointer) => ({ kind: 'drop', pointer })),
  hash: (input, wrong) => pointersOf(input, wrong).map((pointer) => ({ kind: 'hash', pointer })),
  set: (input, wrong) =>
    membersOf(input, 'values', wrong).map(([pointer, value]) => ({
      kind: 'set',
      pointer,
      json: jsonOf(value, wrong),
    })),
  rename: (input, wrong) =>
    membersOf(input, 'names', wrong).map(([pointer, name]) => {
      if (typeof name !== 'string') throw wrong(`a name for ${pointer}`, name);
      return { kind: 'rename', pointer, name };
    }),
  pick: (input, wrong) => [{ kind: 'pick', pointers: pointersOf(input, wrong) }],
  coerce: (input, wrong) =>
    membersOf(input, 'types', wrong).map(([pointer, to]) => {
      if (!TYPES.includes(to)) throw wrong(`number, string, boolean or timestamp for ${pointer}`, to);
      return { kind: 'coerce', pointer, to: to as SpecOf<'coerce'>['to'] };
    }),
  format(template, wrong) {
    if (typeof template !== 'string') throw wrong('a template like [{/ts}] {/message}', template);
    try {
      readTemplate(template);
    } catch (error) {
      const why = error instanceof RangeError ? error.message : 'what stands in braces is no JSON Pointer';
      throw wrong(`a template like [{/ts}] {/message} (${why})`, template);
    }
    return [{ kind: 'format', template }];
  },
  enrich(input, wrong) {
    const names = ['table', 'on', 'into', 'key', 'onMissing'];
    if (!isTable(input) || !Object.keys(input).every((name) => names.includes(name)))
      throw wrong('table, on, into, and at most key and onMissing', input);
    // What YAML makes of a null without quotes.
    const { onMissing, ...options } = input;
    const given = onMissing === null ? 'null' : onMissing;
    return [
      enrichSpec({
        ...options,
        ...(given !== undefined && { onMissing: given }),
      } as unknown as EnrichOptions),
    ];
  },
  use(input, wrong) {
    const [, path, fragment] =
      /^([^#]*)(?:#(.*))?$/s.exec(input instanceof URL ? input.href : String(input)) ?? [];
    if ((typeof input !== 'string' && !(input instanceof URL)) || !path || fragment === '')
      throw wrong('a module like ./module.ts or ./module.ts#name', input);
    const module = path.startsWith('file:') ? fileURLToPath(path) : isAbsolute(path) ? path : resolve(path);
    return [{ kind: 'use', module, name: fragment ?? 'default', hash: '' }];
  },
};

function isTable(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}

function pointersOf(input: unknown, wrong: Wrong): string[] {
  const pointers = Array.isArray(input) ? (input as unknown[]) : [input];
  if (pointers.length === 0) throw wrong(MEMBER, input);
  return pointers.map((pointer) => pointerOf(pointer, wrong));
}

function pointerOf(pointer: unknown, wrong: Wrong): string {
  if (typeof pointer !== 'string' || !POINTER.test(pointer)) throw wrong(MEMBER, pointer);
  return pointer;
}

/** Places, and what belongs to each. */
function membersOf(input: unknown, what: string, wrong: Wrong): [pointer: string, value: unknown][] {
  if (!isTable(input) || Object.keys(input).length === 0) throw wrong(`${what} by ${MEMBER}`, input);
  return Object.entries(input).map(([pointer, value]) => [pointerOf(pointer, wrong), value]);
}

function jsonOf(value: unknown, wrong: Wrong): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(value) as string | undefined;
  } catch {
    json = undefined;
  }
  if (json === undefined) throw wrong('a value that JSON can hold', typeof value);
  return json;
}
