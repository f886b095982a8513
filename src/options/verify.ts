/**
 * Verify options: the flags of `verify`, checked, and completed from a journal where there is one.
 * Takes  raw flags; the identity that a journal's header keeps (src/options/identity.ts).
 * Gives  frozen options. Flags win over the journal.
 */

import { parseTimeMs } from '../base/quantity.ts';
import { flagsOf } from './identity.ts';
import {
  type AwsOptions,
  COMMON_FLAGS,
  checkSources,
  type FlagSpec,
  type RawFlags,
  RECORD_FLAGS,
  Reader,
  type RecordOptions,
  readAws,
  readRecordOptions,
} from './options.ts';

export const VERIFY_FLAGS: Readonly<Record<string, FlagSpec>> = {
  stream: { kind: 'text', value: 'NAME', help: 'stream name or ARN (required without --journal)' },
  journal: { kind: 'text', value: 'FILE', help: 'take sources, options and start positions from this run' },
  'dead-letter': { kind: 'text', value: 'FILE', help: "dead letters of the run [the journal's]" },
  redriven: {
    kind: 'list',
    value: 'FILE',
    help: 'what `redrive` left beside a copy of the dead letters; repeatable',
  },
  from: {
    kind: 'text',
    value: 'journal|trim-horizon|TIME',
    help: 'where reading the stream begins [journal, else trim-horizon]',
  },
  until: { kind: 'text', value: 'TIME', help: 'where reading the stream ends [its tip now]' },
  strict: { kind: 'switch', help: 'duplicates and foreign records are differences, too' },
  wire: {
    kind: 'text',
    value: 'cbor|json',
    help: 'protocol of reading the stream; falls back to JSON where CBOR is refused [cbor]',
  },
  examples: { kind: 'text', value: 'N', help: 'differences to name of each kind [10]' },
  ...RECORD_FLAGS,
};

export interface VerifyRunOptions extends RecordOptions {
  readonly sources: readonly string[];
  readonly stream: string;
  readonly from: 'journal' | 'trim-horizon' | { readonly timeMs: number };
  readonly untilMs: number | null;
  readonly wire: 'cbor' | 'json';
  readonly isStrict: boolean;
  readonly examplesMax: number;
  /** Null: where the journal says. */
  readonly deadLetter: string | null;
  /** Traces beside those that lie where the dead letters do. */
  readonly redriven: readonly string[];
  readonly aws: AwsOptions;
}

/** @param identity What the journal knows, or null. @param requestPayer Whether its run paid for requests. @throws {OptionsError} With every problem. */
export function parseVerifyOptions(
  words: readonly string[],
  flags: RawFlags,
  identity: Readonly<Record<string, unknown>> | null,
  requestPayer = false,
): VerifyRunOptions {
  const kept = requestPayer ? { 'request-payer': true } : {};
  const raw: RawFlags = { ...(identity ? flagsOf(identity) : {}), ...kept, ...flags };
  const reader = new Reader(raw);
  reader.unknown({ ...COMMON_FLAGS, ...VERIFY_FLAGS });
  const sources = words.length > 0 ? words : ((identity?.sources as readonly string[]) ?? []);
  checkSources(reader, sources, raw.inventory !== undefined);
  const stream = reader.text('stream');
  if (stream === null) reader.problems.push('Expected --stream to name the stream, but received nothing.');
  const options: VerifyRunOptions = {
    sources,
    stream: stream ?? '',
    ...readRecordOptions(reader),
    from: reader.read<VerifyRunOptions['from']>(
      'from',
      'journal, trim-horizon or a time like 2026-01-31T12:00:00Z',
      parseFrom,
      identity ? 'journal' : 'trim-horizon',
    ),
    untilMs: reader.timeMs('until'),
    wire: reader.choice('wire', ['cbor', 'json'], 'cbor'),
    isStrict: reader.switch('strict'),
    deadLetter: reader.text('dead-letter'),
    redriven: reader.list('redriven'),
    examplesMax: reader.integer('examples', 0, 10_000, 10),
    aws: readAws(reader),
  };
  if (options.from === 'journal' && !identity) {
    reader.problems.push('Expected --from journal to come with --journal FILE, but received none.');
  }
  reader.finish();
  return Object.freeze(options);
}

function parseFrom(text: string): VerifyRunOptions['from'] | null {
  if (text === 'journal' || text === 'trim-horizon') return text;
  const timeMs = parseTimeMs(text);
  return timeMs === null ? null : { timeMs };
}
