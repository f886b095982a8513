/**
 * Stages: what a run asks of every line, as plain data.
 * Takes  edits as the flags say them.
 * Gives  what is wrong about them, all at once.
 * Owns   which edits go together. Every pointer names a place of the line as it lies in the source, so their order does not matter.
 */
import { parsePointer } from '../scan/pointer.ts';
import type { StageSpec } from './stage.ts';
import type { Tables } from './table/table.ts';

export type Edit =
  | { readonly kind: 'drop'; readonly pointer: string }
  | { readonly kind: 'hash'; readonly pointer: string }
  /** `json`: the new value, as it is written. */
  | { readonly kind: 'set'; readonly pointer: string; readonly json: string }
  | { readonly kind: 'rename'; readonly pointer: string; readonly name: string };

/** Fixed for a whole run; it travels to other threads. */
export interface Stages {
  /** A CEL expression, or null. */
  readonly where: string | null;
  /** What becomes of a line for which the expression has no answer. */
  readonly onWhereError: 'dead-letter' | 'drop' | 'keep';
  readonly edits: readonly Edit[];
  /** Secret: it never leaves the process. Null where nothing is hashed. */
  readonly hashKey: Uint8Array | null;
  /** Share of the lines that are taken, over 0 and below 1, or null: all. */
  readonly sample: number | null;
  /** Stages in JavaScript behind all that, in this order. */
  readonly later: readonly StageSpec[];
  /** Lookup tables, once they are loaded. */
  readonly tables?: Tables;
  /** Versions of their files, by the names that stages give them. */
  readonly tableVersions?: Readonly<Record<string, string>>;
  /** What the first of those is numbered, behind the others of a list. Default: 1. */
  readonly laterFrom?: number;
  /** Modules that stages come from, in the order in which they are loaded; also those of which the scanner does it all. */
  readonly modules?: readonly string[];
  /** How long a line may take in those. Default: TRANSFORM_TIMEOUT_MS. */
  readonly timeoutMs?: number;
  /** Those may give another outcome for the same line. Default: false, and they are tried twice. */
  readonly isVolatile?: boolean;
}

/** CLI contract. */
export const TRANSFORM_TIMEOUT_MS = 5000;

/** What cannot be done, one sentence each. */
export function problemsOf(edits: readonly Edit[]): string[] {
  const problems = edits.flatMap(problemOf);
  for (const [i, one] of edits.entries()) {
    for (const other of edits.slice(i + 1)) {
      if (isConflict(one, other))
        problems.push(
          `Expected edits of different places, but received --${one.kind} ${one.pointer} and --${other.kind} ${other.pointer}.`,
        );
    }
  }
  return problems;
}

function problemOf(edit: Edit): string[] {
  const flag = `--${edit.kind} ${edit.pointer}`;
  if (edit.pointer === '')
    return [`Expected --${edit.kind} to name a member of the record, but received "".`];
  if (edit.kind !== 'set') return [];
  try {
    JSON.parse(edit.json);
  } catch {
    return [
      `Expected JSON behind ${flag}=, like "text", 5 or {"a":1}, but received ${JSON.stringify(edit.json)}.`,
    ];
  }
  return /[\n\r]/.test(edit.json) ? [`Expected JSON of one line behind ${flag}=.`] : [];
}

/** One place is the other, or lies in it. A new name goes together with any edit of its value, or within it. */
function isConflict(one: Edit, other: Edit): boolean {
  const [outer, inner] = one.pointer.length <= other.pointer.length ? [one, other] : [other, one];
  const isSame = outer.pointer === inner.pointer;
  if (!isSame && !inner.pointer.startsWith(`${outer.pointer}/`)) return false;
  if (isSame && (outer.kind === 'rename') !== (inner.kind === 'rename'))
    return outer.kind === 'drop' || inner.kind === 'drop';
  return isSame || outer.kind !== 'rename';
}

/** Whether edits may change what a pointer leads to. */
export function reaches(edits: readonly Edit[], pointer: string): boolean {
  const tokens = parsePointer(pointer);
  return edits.some((edit) => {
    const place = parsePointer(edit.pointer);
    const parent = place.slice(0, -1);
    if (parent.length >= tokens.length)
      return place.slice(0, tokens.length).every((token, i) => token === tokens[i]);
    if (!parent.every((token, i) => token === tokens[i])) return false;
    const next = tokens[parent.length]!;
    // An element that goes moves those behind it.
    const isElement = /^\d+$/.test(next) && /^\d+$/.test(place.at(-1)!);
    return isElement || next === place.at(-1) || (edit.kind === 'rename' && next === edit.name);
  });
}
