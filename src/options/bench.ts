/**
 * Bench options: the flags of `bench`, checked.
 * Takes  raw flags: its own, and those of `backfill` that change how a run goes.
 * Gives  what to embed, and the options of the backfill that is measured.
 */
import { MIB } from '../base/limits.ts';
import { BACKFILL_FLAGS, type BackfillOptions, parseBackfillOptions } from './backfill.ts';
import { flagsByName, type RawFlags, readFlags, without } from './flag.ts';
import { duration, integer, list, size, text, toggle } from './kinds.ts';
import { COMMON_FLAGS } from './output.ts';
import { Problems } from './problems.ts';

const OWN_FLAGS = {
  source: list('source', 'URI', {
    ...{ absent: 'an embedded S3', help: 'your own source, s3://bucket/prefix; repeatable' },
  }),
  stream: text('stream', 'NAME', {
    ...{ absent: 'an embedded Kinesis', help: 'your own stream, which is written to' },
  }),
  sizeBytes: size(
    'size',
    { min: MIB, max: 1024 * 1024 * MIB },
    { default: '512MB', help: 'how much the embedded S3 holds' },
  ),
  lineBytes: integer(
    'line-bytes',
    { min: 64, max: MIB },
    { default: '684', help: 'length of its lines, newline included' },
  ),
  shards: integer('shards', { min: 1, max: 1000 }, { default: '8', help: 'shards of the embedded stream' }),
  isProvisioned: toggle('provisioned', {
    help: 'the embedded stream keeps the limits of a provisioned one: 1,000 records and 1 MB a second and shard',
  }),
  timeoutMs: duration('timeout', { default: '60s', help: 'the measurement ends after this time' }),
} as const;

/** Flags of `backfill` that a measurement cannot use because it keeps nothing, and those of which it has its own form. */
const KEEPING = ['journal', 'restart', 'newRun', 'deadLetter', 'maxRejects'] as const;

/** Flags that are passed on. */
const PASSED_FLAGS = without(BACKFILL_FLAGS, [...KEEPING, 'stream', 'timeoutMs']);

export const BENCH_FLAGS = { ...OWN_FLAGS, ...PASSED_FLAGS } as const;

const KNOWN = flagsByName(BENCH_FLAGS, COMMON_FLAGS);
const PASSED = flagsByName(PASSED_FLAGS, COMMON_FLAGS);

export const BENCH_BUCKET = 'bench';
export const BENCH_STREAM = 'bench';

export interface BenchOptions {
  /** The embedded S3, or null: the sources are the user's own. */
  readonly embeddedSource: { readonly sizeBytes: number; readonly lineBytes: number } | null;
  /** The embedded Kinesis, or null: the stream is the user's own. */
  readonly embeddedStream: { readonly shards: number; readonly isProvisioned: boolean } | null;
  /** Endpoints of what is embedded, journal and dead-letter file are still to be filled in. */
  readonly backfill: BackfillOptions;
}

/** @throws {OptionsError} With every problem. */
export function parseBenchOptions(words: readonly string[], raw: RawFlags): BenchOptions {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  problems.checkNoWords(words, 'Name sources with --source.');
  const own = readFlags(OWN_FLAGS, raw, problems);
  const isSourceEmbedded = own.source.length === 0 && raw.inventory === undefined;
  const isStreamEmbedded = (raw.stream ?? null) === null;
  if (!isSourceEmbedded) refuse(problems, raw, ['size', 'line-bytes'], '--source');
  if (!isStreamEmbedded) refuse(problems, raw, ['shards', 'provisioned'], '--stream');
  const passed = Object.entries(raw).filter(([name]) => PASSED.has(name));
  const flags = {
    ...(isSourceEmbedded && { 'partition-key': '/user' }),
    ...Object.fromEntries(passed),
    timeout: raw.timeout ?? OWN_FLAGS.timeoutMs.default,
    stream: own.stream ?? BENCH_STREAM,
  };
  const sources = isSourceEmbedded ? [`s3://${BENCH_BUCKET}/`] : own.source;
  const backfill = problems.collect(() => parseBackfillOptions(sources, flags));
  problems.finish();
  const { sizeBytes, lineBytes, shards, isProvisioned } = own;
  return {
    embeddedSource: isSourceEmbedded ? { sizeBytes, lineBytes } : null,
    embeddedStream: isStreamEmbedded ? { shards, isProvisioned } : null,
    backfill: backfill!,
  };
}

/** Names flags that shape an embedded server although there is none. */
function refuse(problems: Problems, raw: RawFlags, names: readonly string[], other: string): void {
  for (const name of names) {
    if (raw[name] !== undefined)
      problems.add(`Expected --${name} without ${other}: it shapes what would be embedded.`);
  }
}
