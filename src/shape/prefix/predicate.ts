/**
 * Predicate: the part of a condition that can be decided on a line's tokens, as a tree.
 * Takes  the syntax tree of a CEL expression (where.ts).
 * Gives  the same condition in comparisons of paths with constants; what has no such form is `opaque`, or asks for the line's source.
 * Owns   which forms are taken over. Each means the same here as in the library.
 * Never  decides a line: src/native/shape-where.cc does, and asks where.ts about whatever an `opaque` part decides.
 */
import type { ASTNode } from '@marcbachmann/cel-js';

/** A step into a value: a name, or a number, which is an index of an array and a name of an object. */
export interface PathStep {
  readonly name: string;
  readonly isIndex: boolean;
}

export type Path = readonly PathStep[];
export type Constant = string | bigint | number | boolean | null;
export const RELATIONS = ['==', '!=', '<', '<=', '>', '>='] as const;
export type Relation = (typeof RELATIONS)[number];
export const TEXT_TESTS = ['startsWith', 'endsWith', 'contains'] as const;

export type Predicate =
  | { readonly kind: 'and' | 'or'; readonly left: Predicate; readonly right: Predicate }
  | { readonly kind: 'not'; readonly of: Predicate }
  | { readonly kind: 'constant'; readonly value: boolean }
  /** The value itself has to be true or false. */
  | { readonly kind: 'truth' | 'has'; readonly path: Path }
  | {
      readonly kind: 'compare';
      readonly path: Path;
      readonly relation: Relation;
      readonly constant: Constant;
    }
  | { readonly kind: 'in'; readonly path: Path; readonly constants: readonly Constant[] }
  | { readonly kind: (typeof TEXT_TESTS)[number]; readonly path: Path; readonly text: string }
  | { readonly kind: 'size'; readonly path: Path; readonly relation: Relation; readonly count: bigint }
  | { readonly kind: 'time'; readonly path: Path; readonly relation: Relation; readonly timeMs: number }
  | { readonly kind: 'opaque' };

const OPAQUE: Predicate = { kind: 'opaque' };
const MIRRORED: Readonly<Record<Relation, Relation>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};
const INT_MAX = 2n ** 63n - 1n;
/** Longer index constants lead nowhere: no line has that many elements. */
const INDEX_MAX = 0xffff_ffffn;
/** The library takes no longer ones for times. */
const TIME_CHARS_MAX = 30;
/** Deeper trees are opaque: they are walked by recursion. */
const DEPTH_MAX = 64;

/** @param node Of an expression that has been checked. */
export function predicateOf(node: ASTNode, depth = 0): Predicate {
  if (depth === DEPTH_MAX) return OPAQUE;
  switch (node.op) {
    case '&&':
    case '||': {
      const kind = node.op === '&&' ? 'and' : 'or';
      const [left, right] = node.args.map((part) => predicateOf(part, depth + 1)) as [Predicate, Predicate];
      return { kind, left, right };
    }
    case '!_':
      return { kind: 'not', of: predicateOf(node.args, depth + 1) };
    case 'value':
      return typeof node.args === 'boolean' ? { kind: 'constant', value: node.args } : OPAQUE;
    case 'in':
      return membership(node.args);
    case 'call':
      return presence(node.args);
    case 'rcall':
      return textTest(node.args);
    default: {
      const relation = RELATIONS.find((known) => known === node.op);
      if (relation !== undefined) return comparison(relation, node.args as [ASTNode, ASTNode]);
      const path = pathOf(node);
      return path === null ? OPAQUE : { kind: 'truth', path };
    }
  }
}

function comparison(relation: Relation, [left, right]: readonly [ASTNode, ASTNode]): Predicate {
  const isMirrored = subjectOf(left) === null;
  const subject = subjectOf(isMirrored ? right : left);
  const other = isMirrored ? left : right;
  if (subject === null) return OPAQUE;
  const { path } = subject;
  const toward = isMirrored ? MIRRORED[relation] : relation;
  if (subject.kind === 'time') {
    const timeMs = timeOf(other);
    return timeMs === null ? OPAQUE : { kind: 'time', path, relation: toward, timeMs };
  }
  const constant = constantOf(other);
  if (constant === undefined) return OPAQUE;
  if (subject.kind === 'value') return { kind: 'compare', path, relation: toward, constant };
  return typeof constant === 'bigint' ? { kind: 'size', path, relation: toward, count: constant } : OPAQUE;
}

/** What may stand on one side of a comparison: a path, its size, its time. */
function subjectOf(node: ASTNode): { readonly kind: 'value' | 'size' | 'time'; readonly path: Path } | null {
  const measured = calledOn(node);
  if (measured !== null) {
    const kind = measured.name === 'size' ? 'size' : measured.name === 'timestamp' ? 'time' : null;
    const path = kind === null ? null : pathOf(measured.argument);
    return kind === null || path === null ? null : { kind, path };
  }
  const path = pathOf(node);
  return path === null ? null : { kind: 'value', path };
}

/** `name(argument)`, or `argument.size()`. */
function calledOn(node: ASTNode): { readonly name: string; readonly argument: ASTNode } | null {
  if (node.op === 'call' && node.args[1].length === 1)
    return { name: node.args[0], argument: node.args[1][0]! };
  if (node.op === 'rcall' && node.args[0] === 'size' && node.args[2].length === 0)
    return { name: 'size', argument: node.args[1] };
  return null;
}

function membership([left, right]: readonly [ASTNode, ASTNode]): Predicate {
  const path = pathOf(left);
  if (path === null || right.op !== 'list') return OPAQUE;
  const constants = right.args.map(constantOf);
  return constants.includes(undefined) ? OPAQUE : { kind: 'in', path, constants: constants as Constant[] };
}

/** `has(record.a.b)`. */
function presence([name, args]: readonly [string, ASTNode[]]): Predicate {
  const [subject] = args;
  if (name !== 'has' || args.length !== 1 || subject === undefined) return OPAQUE;
  const path = pathOf(subject);
  return path === null || path.length === 0 ? OPAQUE : { kind: 'has', path };
}

function textTest([name, receiver, args]: readonly [string, ASTNode, ASTNode[]]): Predicate {
  const kind = TEXT_TESTS.find((known) => known === name);
  const [argument] = args;
  const path = pathOf(receiver);
  if (kind === undefined || path === null || args.length !== 1) return OPAQUE;
  const isText = argument?.op === 'value' && typeof argument.args === 'string';
  return isText ? { kind, path, text: argument.args as string } : OPAQUE;
}

/** Of `record`, `record.a`, `record["a b"]`, `record.list[0]`; null for anything else. */
function pathOf(node: ASTNode): Path | null {
  const steps: PathStep[] = [];
  let at = node;
  for (;;) {
    if (at.op === 'id') return at.args === 'record' ? steps.reverse() : null;
    if (at.op === '.') {
      steps.push({ name: at.args[1], isIndex: false });
      at = at.args[0];
      continue;
    }
    if (at.op !== '[]' || at.args[1].op !== 'value') return null;
    const key = at.args[1].args;
    // A place whose name is a number is an index, too, and this one is not.
    if (typeof key === 'string' && key.isWellFormed() && !/^\d+$/.test(key))
      steps.push({ name: key, isIndex: false });
    else if (typeof key === 'bigint' && key >= 0n && key <= INDEX_MAX)
      steps.push({ name: String(key), isIndex: true });
    else return null;
    at = at.args[0];
  }
}

/** @returns undefined where it is not one of those that are compared on tokens. */
function constantOf(node: ASTNode): Constant | undefined {
  if (node.op === '-_') {
    const { args } = node;
    if (args.op !== 'value') return undefined;
    if (typeof args.args === 'number') return -args.args;
    return typeof args.args === 'bigint' && args.args <= INT_MAX ? -args.args : undefined;
  }
  if (node.op !== 'value') return undefined;
  const value = node.args;
  if (typeof value === 'string') return value.isWellFormed() ? value : undefined;
  if (typeof value === 'bigint') return value <= INT_MAX ? value : undefined;
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : undefined;
}

/** Of `timestamp("2026-01-31T00:00:00Z")`. */
function timeOf(node: ASTNode): number | null {
  const called = calledOn(node);
  if (called?.name !== 'timestamp' || called.argument.op !== 'value') return null;
  const text = called.argument.args;
  if (
    typeof text !== 'string' ||
    text.length > TIME_CHARS_MAX ||
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)
  )
    return null;
  const timeMs = Date.parse(text);
  // Before the year 1 the library knows no time.
  return Number.isNaN(timeMs) || timeMs < Date.parse('0001-01-01T00:00:00Z') ? null : timeMs;
}
