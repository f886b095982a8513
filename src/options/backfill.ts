/**
 * Backfill options: checked once, at the edge. Past this file an option is in range and nobody checks it again.
 * Takes  raw text by flag name, from the command line or a configuration file; or a typed object, from an embedding program.
 * Gives  frozen options, or one OptionsError that names every problem.
 */
import { availableCores } from '../base/cores.ts';
import { OptionsError } from '../base/errors.ts';
import { KIB, KINESIS } from '../base/limits.ts';
import { parsePercent, parseRate, type Rate } from '../base/quantity.ts';
import { type AwsOptions, type AwsSettings, acceptAws, readAws } from './aws.ts';
import {
  acceptOptions,
  flagsByName,
  type OptionsOf,
  type RawFlags,
  readFlags,
  type SettingsOf,
} from './flag.ts';
import { choice, duration, integer, scalar, size, text, threads, toggle } from './kinds.ts';
import { COMMON_FLAGS } from './output.ts';
import { Problems, shownValue } from './problems.ts';
import { checkSources, RECORD_FLAGS } from './records.ts';
import { checkOneOrder } from './stages.ts';

export type MaxRejects = { readonly count: number } | { readonly share: number };

export const BACKFILL_FLAGS = {
  /** Stream name or ARN. */
  stream: text('stream', 'NAME', {
    ...{ isRequired: true, identity: 'shapes', help: 'stream name or ARN (required)' },
    meaning: 'where to: name or ARN',
  }),
  ...RECORD_FLAGS,
  /** Publisher threads, 1 to 64; a stream with fewer shards gets fewer. */
  publishers: threads('publishers', { min: 1, max: 64 }, suggestedPublishers, {
    ...{ group: 'sending', absent: 'from the cores', help: 'publisher threads' },
    meaning:
      'publisher threads. A run of 4 MiB or less in all has none unless this is given, and sends from its main thread',
  }),
  /** PutRecords requests in flight per publisher, 1 to 256. */
  inFlight: integer(
    'in-flight',
    { min: 1, max: 256 },
    {
      ...{ group: 'sending', default: '8', help: 'PutRecords requests in flight per publisher' },
    },
  ),
  batchRecords: integer(
    'batch-records',
    { min: 1, max: KINESIS.putRecordsCountMax },
    {
      ...{ group: 'sending', default: String(KINESIS.putRecordsCountMax) },
      help: 'records in a request at most',
    },
  ),
  batchBytes: size(
    'batch-bytes',
    { min: 1, max: KINESIS.putRecordsBytesMax },
    {
      ...{ group: 'sending', default: '5MiB', help: 'bytes in a request at most' },
    },
  ),
  wire: choice('wire', ['cbor', 'json'], {
    ...{ group: 'sending', default: 'cbor' },
    help: 'protocol of PutRecords; falls back to JSON where CBOR is refused',
    meaning: 'protocol of PutRecords; falls back to JSON where the endpoint refuses CBOR',
  }),
  aggregate: toggle('aggregate', { group: 'sending', help: 'KPL aggregated records' }),
  aggregateBytes: size(
    'aggregate-bytes',
    { min: KIB, max: KINESIS.recordBytesMax },
    {
      ...{ group: 'sending', default: '51200', help: 'largest aggregated record' },
    },
  ),
  order: choice('order', ['none', 'key'], {
    ...{ group: 'sending', identity: 'shapes', default: 'none' },
    help: 'key: records of a partition key keep their order',
    meaning: '`key`: records of a partition key keep their order',
  }),
  rate: scalar<Rate, { group: 'sending'; help: string }>(
    'rate',
    {
      ...{ value: 'RATE', expected: 'a rate like 20MiB/s or 5000/s', parse: parseRate, isValid: isRate },
      schema: { type: 'string', pattern: '/\\s*[sS]\\s*$' },
    },
    { group: 'sending', help: 'bound for the whole run: 20MiB/s or 5000/s' },
  ),
  /** Share of each shard left to others, 0 to 0.99. */
  headroom: scalar(
    'headroom',
    {
      ...{ value: 'P%', expected: 'a share from 0% to 99%', parse: parseHeadroom },
      isValid: (option) => isShare(option, 0.99),
      schema: { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*%\\s*$' },
    },
    { group: 'sending', default: '0%', help: 'share of each shard left to other producers' },
  ),
  journal: text('journal', 'FILE', {
    ...{ group: 'progress', absent: '.millrace/<run>.journal', help: 'where progress is kept' },
    meaning: "where progress is kept; the run's name is derived from sources, stream and record options",
  }),
  restart: toggle('restart', {
    ...{ group: 'progress', help: 'forget the journal and start from zero' },
    meaning: 'forget the journal; without it a journal that fits the run is resumed',
  }),
  /** The run may begin although another one covers the same objects. */
  newRun: toggle('new-run', {
    ...{ group: 'progress', help: 'begin also where another run is about the same objects' },
    meaning:
      'begin also where another run is about the same objects; once begun, the same command resumes it',
  }),
  deadLetter: text('dead-letter', 'FILE', {
    ...{ group: 'progress', absent: 'beside the journal', help: 'where lines that were not delivered go' },
    meaning: 'where lines that were not delivered go: JSONL, see below',
  }),
  maxRejects: scalar<MaxRejects, { group: 'run'; help: string }>(
    'max-rejects',
    {
      ...{ value: 'N|P%', expected: 'a count like 100 or a share like 0.1%' },
      ...{ parse: parseMaxRejects, isValid: isMaxRejects },
      schema: { type: ['integer', 'string'], minimum: 0, pattern: '^(\\d+|\\s*\\d+(\\.\\d+)?\\s*%\\s*)$' },
    },
    { group: 'run', help: 'stop with exit 2 beyond this many dead letters' },
  ),
  timeoutMs: duration('timeout', { group: 'run', help: 'orderly stop after this time, exit 3' }),
  dryRun: toggle('dry-run', {
    ...{ group: 'run', help: 'everything but sending' },
    meaning: 'everything but sending: list, download, scan, count',
  }),
  /** The start of the run says which buffers the memory is for. */
  verbose: toggle('verbose', { group: 'run', help: 'say at the start which buffers the memory is for' }),
  /** The report names hot keys themselves, not only their hashes. */
  showKeys: toggle('show-keys', {
    ...{ group: 'run', help: 'name hot partition keys in the report; default: their hashes' },
    meaning: 'name hot partition keys in the report, in place of their hashes',
  }),
} as const;

export interface BackfillOptions extends Omit<OptionsOf<typeof BACKFILL_FLAGS>, 'stream'> {
  /** `s3://bucket/prefix`, `s3://bucket/key`, or `-`: URIs, one a line, on stdin. At least one, unless there is an inventory. */
  readonly sources: readonly string[];
  /** Stream name or ARN. */
  readonly stream: string;
  /** A dead-letter file whose dead letters are sent in place of sources (`redrive`), or null. */
  readonly deadLetters: string | null;
  readonly aws: AwsOptions;
}

/** Options as a program gives them: those of the command line, with their units, each with its default. */
export interface BackfillSettings extends Omit<SettingsOf<typeof BACKFILL_FLAGS>, 'stream'> {
  readonly sources: string | readonly string[];
  readonly stream: string;
  readonly aws?: AwsSettings;
}

const KNOWN = flagsByName(BACKFILL_FLAGS, COMMON_FLAGS);
const STREAM_MISSING = 'Expected --stream to name the stream, but received nothing.';

/**
 * Turns raw flags into checked options.
 * @param sources The arguments of the command.
 * @throws {OptionsError} With every problem.
 */
export function parseBackfillOptions(sources: readonly string[], raw: RawFlags): BackfillOptions {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  checkSources(problems, sources, raw.inventory !== undefined);
  const stream = BACKFILL_FLAGS.stream.read(raw.stream, problems);
  if (stream === null) problems.add(STREAM_MISSING);
  const options = readFlags(BACKFILL_FLAGS, raw, problems);
  checkOneOrder(options, problems);
  const aws = readAws(raw, problems);
  problems.finish();
  return Object.freeze({ ...options, sources, stream: stream!, deadLetters: null, aws });
}

const SETTINGS = ['sources', 'aws', ...Object.keys(BACKFILL_FLAGS)];

/**
 * Checks what a program gives. Options that are checked already come out as they are.
 * @throws {OptionsError} With every problem.
 */
export function checkBackfillOptions(settings: BackfillSettings | BackfillOptions): BackfillOptions {
  const problems = new Problems();
  if (typeof settings !== 'object' || settings === null)
    throw new OptionsError([`Expected options, but received ${shownValue(settings)}.`]);
  const isNamed = ([name, value]: [string, unknown]) => name !== 'deadLetters' || value !== null;
  const names = Object.entries(settings)
    .filter(isNamed)
    .map(([name]) => name);
  problems.unknownOptions(names, SETTINGS);
  const sources = [settings.sources ?? []].flat();
  checkSources(problems, sources, (settings.inventory ?? null) !== null);
  const given = settings as unknown as Readonly<Record<string, unknown>>;
  const stream = BACKFILL_FLAGS.stream.accept(settings.stream, problems);
  if (stream === null) problems.add(STREAM_MISSING);
  const options = acceptOptions(BACKFILL_FLAGS, given, problems);
  checkOneOrder(options, problems);
  const aws = acceptAws(settings.aws, problems);
  problems.finish();
  return Object.freeze({ ...options, sources, stream: stream!, deadLetters: null, aws });
}

/**
 * Checks the options of a backfill, in either form: a typed object, or sources with flags by their names on the command line, in texts.
 * @throws {OptionsError} With every problem.
 */
export function backfillOptions(settings: BackfillSettings): BackfillOptions;
export function backfillOptions(sources: readonly string[], flags: RawFlags): BackfillOptions;
export function backfillOptions(
  given: BackfillSettings | readonly string[],
  flags: RawFlags = {},
): BackfillOptions {
  return isList(given) ? parseBackfillOptions(given, flags) : checkBackfillOptions(given);
}

function isList(given: BackfillSettings | readonly string[]): given is readonly string[] {
  return Array.isArray(given);
}

function suggestedPublishers(): number {
  return Math.max(1, Math.floor(availableCores() / 2));
}

function isShare(option: unknown, max: number): boolean {
  return typeof option === 'number' && option >= 0 && option <= max;
}

function parseHeadroom(given: string): number | null {
  const share = parsePercent(given);
  return isShare(share, 0.99) ? share : null;
}

function parseMaxRejects(given: string): MaxRejects | null {
  const share = parsePercent(given);
  if (share !== null) return share <= 1 ? { share } : null;
  return /^\d+$/.test(given) ? { count: Number(given) } : null;
}

function isMaxRejects(option: unknown): boolean {
  const { count, share } = (option ?? {}) as { count?: unknown; share?: unknown };
  return share === undefined ? Number.isInteger(count) && (count as number) >= 0 : isShare(share, 1);
}

function isRate(option: unknown): boolean {
  const { recordsPerSecond, bytesPerSecond } = (option ?? {}) as Partial<Rate>;
  return [recordsPerSecond, bytesPerSecond].every((bound) => typeof bound === 'number' && bound > 0);
}
