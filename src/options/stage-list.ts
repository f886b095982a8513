/**
 * Stage list: `stages:` of a configuration file and of a program: what becomes of records, in the order written.
 * Takes  a list of items like `drop: /user/mail`; of a program also stages and pipes of `millrace/stages`.
 * Gives  the flag's definition, which has no form on the command line; specs.
 * Owns   the form of an item: one stage, and behind its name what it takes (src/shape/stages/spec-reader.ts).
 */
import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { StageSpec } from '../shape/stage.ts';
import type { Pipe } from '../shape/stages/pipe.ts';
import { assertLast, inputOf, STAGE_KINDS, type StageKind, specsOf } from '../shape/stages/spec-reader.ts';
import type { Stage } from '../shape/stages/stage-call.ts';
import type { Flag, JsonSchema, Says } from './flag.ts';
import { nearestTo } from './nearest.ts';
import { type Problems, shownValue } from './problems.ts';

/** What a program gives as `stages`. */
export type StageList = Pipe | Stage | readonly (Pipe | Stage | StageSpec)[];

export function stageList(name: string, says: Says): Flag<readonly StageSpec[]> {
  const accept: Flag<readonly StageSpec[]>['accept'] = (option, problems) => {
    const parts = (
      Array.isArray(option) ? option : option === null ? [] : [option ?? []].flat()
    ) as unknown[];
    const items = parts.flatMap((part) =>
      isFunction(part) && 'stages' in part ? (part.stages as unknown[]) : [part],
    );
    return inOrder(items, (item, position) => fromProgram(item, position, problems), problems);
  };
  const read: Flag<readonly StageSpec[]>['read'] = (raw, problems) => {
    if (raw === undefined || raw === null) return [];
    if (Array.isArray(raw))
      return inOrder(raw, (item, position) => fromFile(item, position, problems), problems);
    problems.add(
      `Expected ${name} to be a list of stages in a file that --config names, but received ${shown(raw)}.`,
    );
    return [];
  };
  return {
    ...{ ...says, name, kind: 'list', isOnlyInFile: true },
    schema: { type: 'array', items: { $ref: '#/$defs/stage' } },
    ...{
      fallback: () => [],
      read,
      accept,
      typed: (specs) => specs.map((spec) => ({ [spec.kind]: inputOf(spec) })),
    },
  };
}

/** Modules and tables of a list in a file are named from the file's folder. */
export function fromFolderOf(file: string, raw: unknown): unknown {
  if (!Array.isArray(raw)) return raw;
  const folder = dirname(resolve(file));
  return raw.map((item: unknown) => {
    if (!isTable(item)) return item;
    const { use, enrich } = item;
    if (typeof use === 'string') return { ...item, use: moduleFrom(folder, use) };
    if (!isTable(enrich) || typeof enrich.table !== 'string' || /^\w+:/.test(enrich.table)) return item;
    return { ...item, enrich: { ...enrich, table: resolve(folder, enrich.table) } };
  });
}

function moduleFrom(folder: string, module: string): string {
  const [, path, name] = /^([^#]*)(#.*)?$/s.exec(module)!;
  if (path === '' || module.startsWith('file:')) return module;
  return `${pathToFileURL(resolve(folder, path!)).href}${name ?? ''}`;
}

function inOrder(
  items: readonly unknown[],
  specs: (item: unknown, position: number) => readonly StageSpec[],
  problems: Problems,
): readonly StageSpec[] {
  const list = items.flatMap((item, i) => specs(item, i + 1));
  problems.collect(() => assertLast(list.map(({ kind }) => kind)));
  return list;
}

/** @param position In the list, from 1. */
function fromFile(item: unknown, position: number, problems: Problems): readonly StageSpec[] {
  const [kind, ...others] = isTable(item) ? Object.keys(item) : [];
  if (kind === undefined || others.length > 0) {
    problems.add(
      `Expected stage ${position} to be one stage, like drop: /user/mail, but received ${shown(item)}.`,
    );
    return [];
  }
  if (!isKind(kind)) {
    const nearest = nearestTo(kind, STAGE_KINDS);
    const hint = nearest === null ? '' : ` Did you mean ${nearest}?`;
    problems.add(
      `Expected stage ${position} to be one of ${STAGE_KINDS.join(', ')}, but received ${shown(kind)}.${hint}`,
    );
    return [];
  }
  const input = (item as Readonly<Record<string, unknown>>)[kind];
  return problems.collect(() => specsOf(kind, withOptions(kind, input), `stage ${position}, ${kind},`)) ?? [];
}

/** Options of a stage are written as flags are: `on-error`. */
function withOptions(kind: StageKind, input: unknown): unknown {
  if ((kind !== 'where' && kind !== 'enrich') || !isTable(input)) return input;
  return Object.fromEntries(
    Object.entries(input).map(([name, value]) => [
      name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}

function fromProgram(item: unknown, position: number, problems: Problems): readonly StageSpec[] {
  if (isFunction(item) && 'spec' in item && item.spec === null) {
    const kind = String((item as Partial<Stage>).kind);
    problems.add(
      `Expected stage ${position} to be data, but received ${kind}, which holds a function, and no function travels to threads: export the pipe from a module, and give use('./module.ts') in its place.`,
    );
    return [];
  }
  const spec: unknown = isFunction(item) && 'spec' in item ? item.spec : item;
  const kind = isTable(spec) ? spec.kind : undefined;
  if (isKind(kind))
    return (
      problems.collect(() => specsOf(kind, inputOf(spec as StageSpec), `stage ${position}, ${kind},`)) ?? []
    );
  problems.add(
    `Expected stage ${position} to be a stage like drop('/user/mail'), but received ${isFunction(item) ? 'a function' : shown(item)}.`,
  );
  return [];
}

function isFunction(part: unknown): part is Readonly<Record<string, unknown>> & (() => unknown) {
  return typeof part === 'function';
}

function isTable(item: unknown): item is Readonly<Record<string, unknown>> {
  return typeof item === 'object' && item !== null && !Array.isArray(item);
}

function isKind(kind: unknown): kind is StageKind {
  return (STAGE_KINDS as readonly unknown[]).includes(kind);
}

function shown(value: unknown): string {
  return shownValue(value).slice(0, 100);
}

const TEXT: JsonSchema = { type: 'string', minLength: 1 };
const POINTER: JsonSchema = { type: 'string', pattern: '^(/([^~/]|~[01])*)+$' };
const POINTERS: JsonSchema = { anyOf: [POINTER, { type: 'array', items: POINTER, minItems: 1 }] };

/** An object with a member for each place. */
function byPlace(value: JsonSchema | true): JsonSchema {
  return { type: 'object', minProperties: 1, propertyNames: POINTER, additionalProperties: value };
}

const INPUTS: Readonly<Record<StageKind, JsonSchema>> = {
  where: {
    anyOf: [
      TEXT,
      {
        type: 'object',
        properties: { expression: TEXT, 'on-error': { enum: ['dead-letter', 'drop', 'keep'] } },
        required: ['expression'],
        additionalProperties: false,
      },
    ],
  },
  sample: {
    type: ['number', 'string'],
    exclusiveMinimum: 0,
    exclusiveMaximum: 100,
    pattern: '^\\s*\\d+(\\.\\d+)?\\s*%\\s*$',
  },
  drop: POINTERS,
  set: byPlace(true),
  rename: byPlace({ type: 'string' }),
  hash: POINTERS,
  pick: POINTERS,
  coerce: byPlace({ enum: ['number', 'string', 'boolean', 'timestamp'] }),
  enrich: {
    type: 'object',
    properties: {
      ...{ table: TEXT, on: POINTER, into: POINTER, key: { type: 'string' } },
      'on-missing': { enum: ['null', 'drop', 'dead-letter', null] },
    },
    required: ['table', 'on', 'into'],
    additionalProperties: false,
  },
  format: { type: 'string' },
  use: TEXT,
};

/** Of an item, as `#/$defs/stage` in the schema of configuration files. */
export function stageSchema(): JsonSchema {
  return { oneOf: STAGE_KINDS.map(itemSchema) };
}

function itemSchema(kind: StageKind): JsonSchema {
  return {
    type: 'object',
    properties: { [kind]: INPUTS[kind] },
    required: [kind],
    additionalProperties: false,
  };
}
