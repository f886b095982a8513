/**
 * Stage options: the flags that choose and change records on their way.
 * Takes  flags as text. Gives  definitions of them, and edits of what they say.
 * Owns   how an edit is written: POINTER=JSON and POINTER=NAME are cut at the first `=`.
 * Never  reads a file, and never sees the key of `--hash`: see src/run/open-stages.ts.
 */
import type { Edit } from '../shape/stages.ts';
import type { Flag, OptionsOf, Says } from './flag.ts';
import { choice, duration, list, scalar, text, toggle } from './kinds.ts';
import type { Problems } from './problems.ts';
import { stageList } from './stage-list.ts';

const shapes = { group: 'record', identity: 'shapes', isYounger: true } as const;
const POINTER = /^(\/([^~]|~[01])*)?$/s;
/** A pointer in front of the first `=`. */
const PAIR = /^(\/([^~=]|~[01])*)?=/;

/** Places, each followed by `=` and what belongs to it, if anything. */
function edits(name: string, value: string, says: Says): Flag<readonly string[]> {
  const texts = list(name, value, says);
  const hasText = value.includes('=');
  const read: Flag<readonly string[]>['read'] = (raw, problems) => {
    const given = texts.read(raw, problems);
    for (const edit of given) {
      const at = edit.indexOf('=');
      if (hasText && at < 0) problems.expected(name, value, JSON.stringify(edit));
      else if (!POINTER.test(hasText ? edit.slice(0, at) : edit))
        problems.expected(name, 'a JSON Pointer like /user/mail', JSON.stringify(edit));
    }
    return given;
  };
  const one = { type: 'string', minLength: 1, pattern: hasText ? PAIR.source : POINTER.source };
  const schema = { anyOf: [one, { type: 'array', items: one }] };
  return { ...texts, schema, read, accept: read };
}

export const STAGE_FLAGS = {
  where: text('where', 'EXPRESSION', {
    ...{ ...shapes, help: 'only records for which this CEL condition over `record` and `source` is true' },
    meaning:
      'only records for which this CEL condition is true; see [Choosing and changing records](#choosing-and-changing-records)',
  }),
  onWhereError: choice('on-where-error', ['dead-letter', 'drop', 'keep'], {
    ...{ ...shapes, absent: 'dead-letter', help: 'when the condition has no answer for a line' },
  }),
  drop: edits('drop', 'POINTER', { ...shapes, help: 'take a member out of each record; repeatable' }),
  set: edits('set', 'POINTER=JSON', { ...shapes, help: 'give a member this value; repeatable' }),
  rename: edits('rename', 'POINTER=NAME', { ...shapes, help: 'give a member this name; repeatable' }),
  hash: edits('hash', 'POINTER', {
    ...{ ...shapes, help: 'put a keyed hash (HMAC-SHA-256) in place of a value; repeatable' },
  }),
  /** Null: the variable MILLRACE_HASH_KEY. */
  hashKeyFile: text('hash-key-file', 'FILE', {
    ...{ group: 'record', absent: 'the variable MILLRACE_HASH_KEY' },
    help: 'the key of --hash, 16 bytes or more',
  }),
  /** Each as MODULE or MODULE#name. */
  transform: list('transform', 'MODULE[#NAME]', {
    ...{ ...shapes, help: 'what a function of yours makes of each record; repeatable, in this order' },
    meaning:
      'what a function of yours, in JavaScript or TypeScript, makes of each record; see [Transforms](#transforms); repeatable, in this order',
  }),
  transformTimeoutMs: duration('transform-timeout', {
    ...{ group: 'record', default: '5s', isYounger: true },
    help: 'a line that takes a transform longer is a dead letter',
  }),
  isVolatile: toggle('volatile-transform', {
    ...{ ...shapes, help: 'a transform may make other records of the same line each time' },
  }),
  /** Over 0 and below 100, or null: all lines. */
  samplePercent: scalar<number, typeof shapes & { help: string }>(
    'sample',
    {
      ...{ value: 'P%', expected: 'a share like 1% or 0.1%', parse: parseSample, isValid: isSample },
      schema: {
        type: 'string',
        pattern: '^\\s*(?!0+(\\.0+)?\\s*%)\\d{1,2}(\\.\\d+)?\\s*%\\s*$',
      },
      typed: (percent) => `${percent}%`,
    },
    { ...shapes, help: 'only a share of the lines, the same ones in every run' },
  ),
  stages: stageList('stages', {
    ...{ ...shapes, help: 'stages in the order written, in place of --where, --drop and their like' },
  }),
} as const;

export interface StageOptions extends OptionsOf<typeof STAGE_FLAGS> {}

/** Whether anything is asked of the lines. */
export function hasStages({ where, samplePercent, stages, transform, ...options }: StageOptions): boolean {
  const hasList = stages.length > 0 || transform.length > 0;
  return where !== null || samplePercent !== null || hasList || editsOf(options).length > 0;
}

/** What flags say goes in an order of its own, so a list that says its order stands alone. */
export function checkOneOrder(options: StageOptions, problems: Problems): void {
  if (options.stages.length === 0) return;
  const { where, onWhereError, drop, set, rename, hash, transform, samplePercent } = STAGE_FLAGS;
  const given = Object.entries({ where, onWhereError, drop, set, rename, hash, transform, samplePercent })
    .filter(([option]) => [options[option as keyof StageOptions] ?? []].flat().length > 0)
    .map(([, { name }]) => `--${name}`);
  if (given.length > 0)
    problems.add(
      `Expected stages to stand alone, because they say in which order records go through them, but received ${given.join(', ')} beside them: write them as stages.`,
    );
}

export function editsOf({
  drop,
  set,
  rename,
  hash,
}: Pick<StageOptions, 'drop' | 'set' | 'rename' | 'hash'>): Edit[] {
  return [
    ...drop.map((pointer) => ({ kind: 'drop' as const, pointer })),
    ...set.map(cut).map(([pointer, json]) => ({ kind: 'set' as const, pointer, json: json.trim() })),
    ...rename.map(cut).map(([pointer, name]) => ({ kind: 'rename' as const, pointer, name })),
    ...hash.map((pointer) => ({ kind: 'hash' as const, pointer })),
  ];
}

/** A module and the name of its export: a name is what may stand behind a `#`. */
export function moduleOf(transform: string): { readonly path: string; readonly name: string } {
  const found = /^(.+)#([\p{ID_Start}$_][\p{ID_Continue}$]*)$/su.exec(transform);
  return found === null ? { path: transform, name: 'default' } : { path: found[1]!, name: found[2]! };
}

function cut(edit: string): readonly [pointer: string, text: string] {
  const at = edit.indexOf('=');
  return [edit.slice(0, at), edit.slice(at + 1)];
}

function parseSample(given: string): number | null {
  const percent = Number.parseFloat(given);
  return /^\d+(\.\d+)?\s*%$/.test(given.trim()) && isSample(percent) ? percent : null;
}

function isSample(option: unknown): boolean {
  return typeof option === 'number' && option > 0 && option < 100;
}
