/**
 * Identity: what makes two commands the same run, and the command that gives an identity again.
 * Takes  checked options; identities that journals keep.
 * Gives  the identity of a run, whether another one is about the same objects, and flags and commands in words that can be typed.
 * Owns   which options belong to it: those that choose objects, make records of their lines, or say where these go. How the work is cut,
 *        paced and reached is no part of it.
 * Never  does I/O.
 */
import { canonical, type Identity } from '../journal/run-name.ts';
import type { RecordRules } from '../scan/scanner.ts';
import type { BackfillOptions, RawFlags } from './options.ts';

/** @param schema The text of the schema, or null. */
export function identityOf(
  options: BackfillOptions,
  streamArn: string,
  rules: RecordRules,
  schema: string | null,
): Identity {
  const { sources, inventory, include, exclude, startAfter, modifiedAfterMs, modifiedBeforeMs, compression } =
    options;
  // What the stream takes is no part of it.
  const { recordBytesMax: _, keyCharsMax: __, ...shape } = rules;
  return {
    sources,
    inventory,
    include,
    exclude,
    startAfter,
    modifiedAfterMs,
    modifiedBeforeMs,
    compression,
    stream: streamArn,
    ...shape,
    recordBytesMax: options.recordBytesMax,
    schema,
    order: options.order,
  };
}

/** Whether two runs would put the same objects to the same stream: equal filters, and equal sources, slashes at their ends aside. */
export function isAboutSameObjects(one: Identity, other: Identity): boolean {
  return canonical(chosenBy(one)) === canonical(chosenBy(other));
}

function chosenBy(identity: Identity): unknown {
  const { stream, inventory, startAfter, modifiedAfterMs, modifiedBeforeMs } = identity;
  return {
    stream,
    inventory: inventory ?? null,
    startAfter: startAfter ?? null,
    modifiedAfterMs: modifiedAfterMs ?? null,
    modifiedBeforeMs: modifiedBeforeMs ?? null,
    sources: textsOf(identity.sources, (source) => source.replace(/^s3:/i, 's3:').replace(/\/+$/, '')),
    include: textsOf(identity.include),
    exclude: textsOf(identity.exclude),
  };
}

/** Sorted, each once: neither order nor repetition chooses anything. */
function textsOf(value: unknown, map = (text: string) => text): string[] {
  const texts = Array.isArray(value) ? value.map((text) => map(String(text))) : [];
  return [...new Set(texts)].sort();
}

/** The flags that give this identity again; a schema, of which only the text is known, is left out. */
export function flagsOf(identity: Identity): RawFlags {
  const time = (value: unknown) => (typeof value === 'number' ? new Date(value).toISOString() : null);
  const flags: RawFlags = {
    stream: identity.stream,
    inventory: identity.inventory,
    include: identity.include,
    exclude: identity.exclude,
    'start-after': identity.startAfter,
    'modified-after': time(identity.modifiedAfterMs),
    'modified-before': time(identity.modifiedBeforeMs),
    compression: identity.compression,
    'partition-key': identity.partitionKey,
    'explicit-hash-key': identity.explicitHashKey,
    'on-missing-key': identity.onMissingKey,
    'append-newline': identity.appendNewline,
    'max-depth': identity.depthMax,
    'max-record': identity.recordBytesMax,
  };
  const isGiven = ([, value]: [string, unknown]) => value !== null && value !== undefined && value !== false;
  return Object.fromEntries(Object.entries(flags).filter(isGiven));
}

/** Values that need not be typed. */
const DEFAULTS: RawFlags = {
  compression: 'auto',
  'on-missing-key': 'dead-letter',
  'max-depth': 1024,
  order: 'none',
};

/** What the present command says of the same things, so that it can be said in its words. */
export interface CommandContext {
  readonly options: Pick<BackfillOptions, 'stream' | 'schema'>;
  /** Of the present command. */
  readonly identity: Identity;
  /** Null: the default one. */
  readonly journal: string | null;
}

/** The command that goes on with the run of an identity, but for flags that are no part of it. */
export function commandOf(
  identity: Identity,
  { options, identity: present, journal }: CommandContext,
): string {
  const isSameStream = identity.stream === present.stream;
  const flags: RawFlags = {
    ...flagsOf(identity),
    ...(isSameStream && { stream: options.stream }),
    ...(identity.order !== undefined && { order: identity.order }),
    ...(typeof identity.schema === 'string' && {
      schema: identity.schema === present.schema ? options.schema : 'FILE',
    }),
    ...(journal !== null && { journal }),
  };
  const sources = Array.isArray(identity.sources) ? identity.sources.map(String) : [];
  const typed = Object.entries(flags)
    .filter(([name, value]) => value !== DEFAULTS[name])
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
