/**
 * Bench options: the flags of `bench`, checked.
 * Takes  raw flags: its own, and those of `backfill` that change how a run goes.
 * Gives  what to embed, and the options of the backfill that is measured.
 */
import { OptionsError } from '../base/errors.ts';
import { MIB } from '../base/limits.ts';
import {
  BACKFILL_FLAGS,
  type BackfillOptions,
  COMMON_FLAGS,
  type FlagSpec,
  parseBackfillOptions,
  type RawFlags,
  Reader,
} from './options.ts';

const OWN_FLAGS: Readonly<Record<string, FlagSpec>> = {
  source: {
    kind: 'list',
    value: 'URI',
    help: 'your own source, s3://bucket/prefix; repeatable [an embedded S3]',
  },
  stream: { kind: 'text', value: 'NAME', help: 'your own stream, which is written to [an embedded Kinesis]' },
  size: { kind: 'text', value: 'SIZE', help: 'how much the embedded S3 holds [512MB]' },
  'line-bytes': { kind: 'text', value: 'N', help: 'length of its lines, newline included [684]' },
  shards: { kind: 'text', value: 'N', help: 'shards of the embedded stream [8]' },
  provisioned: {
    kind: 'switch',
    help: 'the embedded stream keeps the limits of a provisioned one: 1,000 records and 1 MB a second and shard',
  },
  timeout: { kind: 'text', value: 'DURATION', help: 'the measurement ends after this time [60s]' },
};

/** Flags of `backfill` that a measurement has no use for: it keeps nothing. */
const KEEPING_FLAGS: ReadonlySet<string> = new Set([
  'journal',
  'restart',
  'new-run',
  'dead-letter',
  'max-rejects',
]);

export const BENCH_FLAGS: Readonly<Record<string, FlagSpec>> = {
  ...OWN_FLAGS,
  ...Object.fromEntries(
    Object.entries(BACKFILL_FLAGS).filter(
      ([name]) => !KEEPING_FLAGS.has(name) && !Object.hasOwn(OWN_FLAGS, name),
    ),
  ),
};

export const BENCH_BUCKET = 'bench';
export const BENCH_STREAM = 'bench';
const TIMEOUT_DEFAULT = '60s';

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
  const reader = new Reader(raw);
  reader.unknown({ ...COMMON_FLAGS, ...BENCH_FLAGS });
  if (words.length > 0)
    reader.problems.push(
      `Expected no arguments, but received ${words.join(' ')}. Name sources with --source.`,
    );
  const sources = reader.list('source');
  const stream = raw.stream ?? null;
  const isSourceEmbedded = sources.length === 0 && raw.inventory === undefined;
  const embeddedSource = {
    sizeBytes: reader.size('size', MIB, 1024 * 1024 * MIB, 512e6),
    lineBytes: reader.integer('line-bytes', 64, MIB, 684),
  };
  const embeddedStream = {
    shards: reader.integer('shards', 1, 1000, 8),
    isProvisioned: reader.switch('provisioned'),
  };
  if (!isSourceEmbedded) refuse(reader, raw, ['size', 'line-bytes'], '--source');
  if (stream !== null) refuse(reader, raw, ['shards', 'provisioned'], '--stream');
  const backfill = readBackfill(
    reader,
    raw,
    isSourceEmbedded ? [`s3://${BENCH_BUCKET}/`] : sources,
    isSourceEmbedded,
  );
  reader.finish();
  return {
    embeddedSource: isSourceEmbedded ? embeddedSource : null,
    embeddedStream: stream === null ? embeddedStream : null,
    backfill: backfill!,
  };
}

/** Names flags that shape an embedded server where there is none. */
function refuse(reader: Reader, raw: RawFlags, names: readonly string[], other: string): void {
  for (const name of names) {
    if (raw[name] !== undefined)
      reader.problems.push(`Expected --${name} without ${other}: it shapes what would be embedded.`);
  }
}

/** The options of the backfill; null where they have problems, which are then named. */
function readBackfill(
  reader: Reader,
  raw: RawFlags,
  sources: readonly string[],
  isSourceEmbedded: boolean,
): BackfillOptions | null {
  const known = { ...COMMON_FLAGS, ...BACKFILL_FLAGS };
  const passed = Object.entries(raw).filter(
    ([name]) => Object.hasOwn(known, name) && !KEEPING_FLAGS.has(name),
  );
  const flags = {
    timeout: TIMEOUT_DEFAULT,
    ...(isSourceEmbedded && { 'partition-key': '/user' }),
    ...Object.fromEntries(passed),
    stream: reader.text('stream') ?? BENCH_STREAM,
  };
  try {
    return parseBackfillOptions(sources, flags);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    reader.problems.push(...error.problems.filter((problem) => !reader.problems.includes(problem)));
    return null;
  }
}
