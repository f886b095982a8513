/**
 * Identity: what makes two commands the same run, and the command that leads to an identity.
 * Takes  checked options; identities that journals keep.
 * Gives  the identity of a run, whether another one covers the same objects, and flags and commands in words that can be typed.
 * Never  takes part in how the work is cut, paced and reached: each flag's definition says whether it belongs to the identity (flag.ts).
 */

import { canonical, type Identity } from '../journal/run-name.ts';
import { BACKFILL_FLAGS, type BackfillOptions } from './backfill.ts';
import type { Flag, FlagTable, RawFlags } from './flag.ts';

/** The identity of a run. @param schema The text of the schema, or null: a file may have other names, and change. */
export function identityOf(
  options: BackfillOptions,
  streamArn: string,
  schema: string | null,
  { hashKeyPrint = null, laterPrint = null }: StagePrints = {},
): Identity {
  return {
    ...{ sources: options.sources, ...fieldsOf(BACKFILL_FLAGS, options) },
    ...{ stream: streamArn, schema },
    // Runs of before, and those that hash nothing, have none.
    ...(hashKeyPrint !== null && { hashKeyPrint }),
    ...(laterPrint !== null && { laterPrint }),
  };
}

/** What stands in an identity for what it must not, or cannot, hold: the key of `--hash`, and the stages in JavaScript. */
export interface StagePrints {
  readonly hashKeyPrint?: string | null;
  readonly laterPrint?: string | null;
}

/** The options that belong to an identity. */
export function fieldsOf(table: FlagTable, options: object): Identity {
  const given = options as Readonly<Record<string, unknown>>;
  const fields = identifying(table).map(([option]) => [option, given[option]] as const);
  const isSaid = (flag: Flag, value: unknown) => isGiven(value) && value !== flag.fallback();
  return Object.fromEntries(
    fields.filter(([option, value]) => !table[option]!.isYounger || isSaid(table[option]!, value)),
  );
}

function identifying(table: FlagTable): [string, Flag][] {
  return Object.entries(table).filter(([, flag]) => flag.identity !== undefined);
}

/** An option that nobody gave is null, off or an empty list. */
function isGiven(value: unknown): boolean {
  const isEmpty = Array.isArray(value) && value.length === 0;
  return value !== null && value !== undefined && value !== false && !isEmpty;
}

/** Whether two runs would put the same objects to the same stream: equal filters, and equal sources, slashes at their ends aside. */
export function isAboutSameObjects(one: Identity, other: Identity): boolean {
  return canonical(chosenBy(one)) === canonical(chosenBy(other));
}

function chosenBy(identity: Identity): unknown {
  const chosen = identifying(BACKFILL_FLAGS)
    .filter(([, flag]) => flag.identity === 'chooses')
    .map(([option, { kind }]) => [
      option,
      kind === 'list' ? textsOf(identity[option]) : (identity[option] ?? null),
    ]);
  return {
    stream: identity.stream,
    sources: textsOf(identity.sources, (source) => source.replace(/^s3:/i, 's3:').replace(/\/+$/, '')),
    ...Object.fromEntries(chosen),
  };
}

/** Sorted, each once: neither order nor repetition chooses anything. */
function textsOf(value: unknown, map = (text: string) => text): string[] {
  const texts = Array.isArray(value) ? value.map((text) => map(String(text))) : [];
  return [...new Set(texts)].sort();
}

/** The flags of a command that lead to this identity; a schema is left out, because only its text is known. */
export function flagsOf(identity: Identity, table: FlagTable = BACKFILL_FLAGS): RawFlags {
  const flags = identifying(table)
    .filter(([option]) => option !== 'schema' && isGiven(identity[option]))
    .map(([option, flag]) => [flag.name, flag.typed(identity[option])]);
  return Object.fromEntries(flags);
}

/** What need not be typed because it is the default. */
function defaultFlags(): RawFlags {
  return Object.fromEntries(Object.values(BACKFILL_FLAGS).map((flag) => [flag.name, flag.fallback()]));
}

/** What the present command says about the same things, so that messages can use its words. */
export interface CommandContext {
  readonly options: Pick<BackfillOptions, 'stream' | 'schema'>;
  /** Of the present command. */
  readonly identity: Identity;
  /** Null: the default one. */
  readonly journal: string | null;
}

/** The command that goes on with the run of an identity, without flags that are not part of it. */
export function commandOf(
  identity: Identity,
  { options, identity: present, journal }: CommandContext,
): string {
  const isSameStream = identity.stream === present.stream;
  // Stages have no form on the command line: they stand in a file.
  const { stages, ...typable } = flagsOf(identity);
  const flags: RawFlags = {
    ...typable,
    ...(stages !== undefined && { config: 'FILE' }),
    ...(isSameStream && { stream: options.stream }),
    ...(typeof identity.schema === 'string' && {
      schema: identity.schema === present.schema ? options.schema : 'FILE',
    }),
    ...(journal !== null && { journal }),
  };
  const sources = Array.isArray(identity.sources) ? identity.sources.map(String) : [];
  const defaults = defaultFlags();
  const typed = Object.entries(flags)
    .filter(([name, value]) => value !== defaults[name])
    .flatMap(([name, value]) => wordsOf(name, value));
  return ['millrace backfill', ...sources.map(quoted), ...typed].join(' ');
}

function wordsOf(name: string, value: unknown): string[] {
  if (value === true) return [`--${name}`];
  return [value].flat().map((part) => `--${name} ${quoted(String(part))}`);
}

/** As a POSIX shell reads it back. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
