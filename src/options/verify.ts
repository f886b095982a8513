/**
 * Verify options: the flags of `verify`, checked, and completed from a journal where there is one.
 * Takes  raw flags; the identity that a journal's header keeps (src/options/identity.ts).
 * Gives  frozen options. Flags win over the journal.
 */
import { parseTimeMs } from '../base/quantity.ts';
import { canonical, type Identity } from '../journal/run-name.ts';
import { type AwsOptions, readAws } from './aws.ts';
import { flagsByName, type OptionsOf, type RawFlags, readFlags } from './flag.ts';
import { fieldsOf, flagsOf } from './identity.ts';
import { choice, integer, list, scalar, text, time, toggle } from './kinds.ts';
import { COMMON_FLAGS } from './output.ts';
import { Problems } from './problems.ts';
import { checkSources, RECORD_FLAGS } from './records.ts';
import { checkOneOrder } from './stages.ts';

type From = 'journal' | 'trim-horizon' | { readonly timeMs: number };

export const VERIFY_FLAGS = {
  stream: text('stream', 'NAME', {
    ...{ identity: 'shapes', help: 'stream name or ARN (required without --journal)' },
    meaning: 'stream name or ARN; required without `--journal`',
  }),
  journal: text('journal', 'FILE', { help: 'take sources, options and start positions from this run' }),
  /** Null: where the journal says. */
  deadLetter: text('dead-letter', 'FILE', { absent: "the journal's", help: 'dead letters of the run' }),
  /** Traces beside those that lie where the dead letters do. */
  redriven: list('redriven', 'FILE', {
    help: 'what `redrive` left beside a copy of the dead letters; repeatable',
  }),
  from: scalar<From, { help: string; absent: string }>(
    'from',
    {
      ...{ value: 'journal|trim-horizon|TIME', parse: parseFrom },
      expected: 'journal, trim-horizon or a time like 2026-01-31T12:00:00Z',
      isValid: (option) => option === 'journal' || option === 'trim-horizon' || isPlace(option),
      schema: { type: 'string', pattern: '^(journal|trim-horizon|\\s*\\d{4}-\\d{2}-\\d{2}.*)$' },
    },
    { absent: 'journal, else trim-horizon', help: 'where reading the stream begins' },
  ),
  untilMs: time('until', { absent: 'its tip now', help: 'where reading the stream ends' }),
  isStrict: toggle('strict', { help: 'duplicates and foreign records are differences, too' }),
  wire: choice('wire', ['cbor', 'json'], {
    ...{ default: 'cbor', help: 'protocol of reading the stream; falls back to JSON where CBOR is refused' },
  }),
  examplesMax: integer(
    'examples',
    { min: 0, max: 10_000 },
    { default: '10', help: 'differences to name of each kind' },
  ),
  ...RECORD_FLAGS,
} as const;

export interface VerifyRunOptions
  extends Omit<OptionsOf<typeof VERIFY_FLAGS>, 'stream' | 'from' | 'journal'> {
  readonly sources: readonly string[];
  readonly stream: string;
  readonly from: From;
  readonly aws: AwsOptions;
}

const KNOWN = flagsByName(VERIFY_FLAGS, COMMON_FLAGS);

/** @param identity What the journal knows, or null. @param requestPayer Whether its run paid for requests. @throws {OptionsError} With every problem. */
export function parseVerifyOptions(
  words: readonly string[],
  flags: RawFlags,
  identity: Readonly<Record<string, unknown>> | null,
  requestPayer = false,
): VerifyRunOptions {
  const kept = requestPayer ? { 'request-payer': true } : {};
  const raw: RawFlags = { ...(identity ? flagsOf(identity, VERIFY_FLAGS) : {}), ...kept, ...flags };
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  const sources = words.length > 0 ? words : ((identity?.sources as readonly string[]) ?? []);
  checkSources(problems, sources, raw.inventory !== undefined);
  const stream = VERIFY_FLAGS.stream.read(raw.stream, problems);
  if (stream === null) problems.add('Expected --stream to name the stream, but received nothing.');
  const { journal: _, from: asked, ...options } = readFlags(VERIFY_FLAGS, raw, problems);
  checkOneOrder(options, problems);
  const from = asked ?? (identity ? 'journal' : 'trim-horizon');
  if (from === 'journal' && !identity)
    problems.add('Expected --from journal to come with --journal FILE, but received none.');
  const aws = readAws(raw, problems);
  problems.finish();
  return Object.freeze({ ...options, sources, stream: stream!, from, aws });
}

/** Flags about records and objects that are others than the run of this identity had: they win, so it is something else that is compared. */
export function flagsUnlike(options: VerifyRunOptions, identity: Identity): string[] {
  const [before, now] = [
    flagsOf(identity, ASKED_ALIKE),
    flagsOf(fieldsOf(ASKED_ALIKE, options), ASKED_ALIKE),
  ];
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].sort();
  return names.filter((name) => canonical(before[name] ?? null) !== canonical(now[name] ?? null));
}

/** Another stream is what was asked for, of a schema the text counts. */
const { stream: _stream, schema: _schema, ...ASKED_ALIKE } = VERIFY_FLAGS;

function parseFrom(given: string): From | null {
  if (given === 'journal' || given === 'trim-horizon') return given;
  const timeMs = parseTimeMs(given);
  return timeMs === null ? null : { timeMs };
}

function isPlace(option: unknown): boolean {
  return Number.isFinite((option as { timeMs?: unknown } | null)?.timeMs);
}
