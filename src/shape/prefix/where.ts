/**
 * Where: the condition of `--where`, a CEL expression over `record` and `source`.
 * Takes  the text of an expression; a line as a value, and where it lies.
 * Gives  the verdict of the library on it, which is the truth that predicate.ts and its native twin are held to.
 * Owns   what an expression may say, and which of its failures mean that a field is missing.
 * Never  changes a value. Never lets a pattern or a loop in a loop take a thread for longer than the guard allows.
 */
import { type ASTNode, Environment, type ParseResult } from '@marcbachmann/cel-js';
import { OptionsError } from '../../base/errors.ts';
import { Guard } from '../../scan/guard.ts';
import { linearPattern, type Pattern } from '../../scan/linear-pattern.ts';
import type { StagePlace } from '../stage.ts';

/** What an expression comes to: `missing` is a field that is not there, `error` a wrong type or any other failure. */
export const VERDICTS = ['match', 'no match', 'missing', 'error'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Failures of the library that say that something is not there. */
const MISSING_CODES: ReadonlySet<unknown> = new Set(['no_such_key', 'index_out_of_bounds']);
/** Macros that go over a list; one in another takes time with the square of what a stranger wrote. */
const LOOPS: ReadonlySet<unknown> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
/** At most this many patterns that the expression makes out of values are kept. */
const PATTERNS_MAX = 1000;

const patterns = new Map<string, Pattern>();

function matches(text: string, source: string): boolean {
  let pattern = patterns.get(source);
  if (pattern === undefined) {
    if (patterns.size >= PATTERNS_MAX) patterns.clear();
    pattern = linearPattern(source);
    patterns.set(source, pattern);
  }
  return pattern.test(text);
}

const environment = new Environment()
  .registerVariable('record', 'dyn')
  .registerVariable({
    name: 'source',
    schema: { bucket: 'string', key: 'string', offset: 'int', modified: 'google.protobuf.Timestamp' },
  })
  // In place of `matches`, whose time may grow exponentially with the text.
  .registerFunction('string.matchesLinear(string): bool', matches);

export class Where {
  readonly ast: ASTNode;
  readonly #run: ParseResult;
  readonly #guard: Guard | null;

  /** @param name What the expression is called in messages. @throws {OptionsError} If it has no meaning, or no truth value. */
  constructor(expression: string, name = '--where') {
    const refused = (why: string) => refusal(name, expression, why);
    try {
      this.#run = environment.parse(expression);
      this.ast = this.#run.ast;
      this.#guard = prepare(this.ast, false) ? new Guard() : null;
    } catch (error) {
      throw refused(error instanceof Error ? error.message : String(error));
    }
    const { valid, type, error } = this.#run.check();
    if (!valid) throw refused(error?.message ?? 'it has no type');
    if (type !== 'bool' && type !== 'dyn') throw refused(`it gives ${type}, not true or false`);
  }

  /** @param value As `JSON.parse` gives it. @param text The text that it stands for. */
  judge(value: unknown, text: string, place: StagePlace): Verdict {
    if (this.#guard === null) return this.#judge(value, text, place);
    let verdict: Verdict = 'error';
    const isInTime = this.#guard.runLine(() => {
      verdict = this.#judge(value, text, place);
    }, text.length);
    return isInTime ? verdict : 'error';
  }

  #judge(value: unknown, text: string, place: StagePlace): Verdict {
    const { bucket, key, offset, modifiedMs } = place;
    try {
      const result: unknown = this.#run({
        record: withoutConstructors(value, text),
        source: {
          bucket,
          key,
          offset: BigInt(offset),
          ...(modifiedMs !== null && { modified: new Date(modifiedMs) }),
        },
      });
      if (typeof result !== 'boolean') return 'error';
      return result ? 'match' : 'no match';
    } catch (error) {
      return MISSING_CODES.has((error as { code?: unknown } | null)?.code) ? 'missing' : 'error';
    }
  }
}

/**
 * The library asks objects for their constructor, and takes a member of that name for it. It also knows maps, which have none.
 * Only texts that may hold the name are looked at.
 */
function withoutConstructors(value: unknown, text: string): unknown {
  if (!text.includes('constructor') && !text.includes('\\u')) return value;
  return JSON.parse(text, (_, inner: unknown) =>
    isPlainObject(inner) && Object.hasOwn(inner, 'constructor') ? mapOf(inner) : inner,
  );
}

/** An object that is asked for a number takes it for a name. */
function mapOf(object: object): Map<string, unknown> {
  const map = new Map<string, unknown>(Object.entries(object));
  const get = map.get.bind(map);
  map.get = (name) => get(String(name));
  return map;
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Puts linear patterns in place of the library's. @returns Whether the expression needs a guard. */
function prepare(node: ASTNode, isInLoop: boolean): boolean {
  let isLoop = false;
  if (node.op === 'rcall') {
    const [name, , args] = node.args;
    if (name === 'matches' && args.length === 1) {
      (node.args as [string, ASTNode, ASTNode[]])[0] = 'matchesLinear';
      const [pattern] = args;
      if (pattern?.op === 'value' && typeof pattern.args === 'string') linearPattern(pattern.args);
    }
    isLoop = LOOPS.has(name);
  }
  let needsGuard = isLoop && isInLoop;
  for (const child of childrenOf(node)) if (prepare(child, isInLoop || isLoop)) needsGuard = true;
  return needsGuard;
}

function childrenOf(node: ASTNode): ASTNode[] {
  const found: ASTNode[] = [];
  const look = (part: unknown) => {
    if (Array.isArray(part)) for (const item of part) look(item);
    else if (typeof part === 'object' && part !== null && 'op' in part) found.push(part as ASTNode);
  };
  look(node.args);
  return found;
}

function refusal(name: string, expression: string, why: string): OptionsError {
  const reason = why.split('\n', 1)[0]!;
  return new OptionsError([
    `Expected ${name} to be a CEL condition like record.type == "order", but received ${JSON.stringify(expression)}: ${reason}.`,
  ]);
}
