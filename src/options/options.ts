/**
 * Options: checked once, at the edge. Past this file an option is in range and nobody checks it again.
 * Takes  raw text by flag name, from the command line or a configuration file; or a typed object, from an embedding program.
 * Gives  frozen options, or one OptionsError that names every problem.
 * Owns   names, ranges, defaults and descriptions of all flags of `backfill` (docs/CLI.md is their contract).
 */
import { availableParallelism } from 'node:os';
import { isHttpUrl, shownUrl } from '../aws/endpoint.ts';
import { OptionsError } from '../base/errors.ts';
import { KIB, KINESIS, MIB } from '../base/limits.ts';
import {
  formatBytes,
  parseDurationMs,
  parsePercent,
  parseRate,
  parseSizeBytes,
  parseTimeMs,
  type Rate,
} from '../base/quantity.ts';
import { compileGlob } from '../source/glob.ts';

/** How to reach AWS, as flags say it; null = what variables and profiles say (src/options/targets.ts). */
export interface AwsOptions {
  readonly region: string | null;
  readonly profile: string | null;
  /** In place of `profile`. */
  readonly s3Profile: string | null;
  readonly kinesisProfile: string | null;
  readonly s3Endpoint: string | null;
  readonly kinesisEndpoint: string | null;
  /** Plain http to other machines. */
  readonly isInsecureAllowed: boolean;
}

export interface BackfillOptions {
  /** `s3://bucket/prefix`, `s3://bucket/key`, or `-`: URIs, one a line, on stdin. At least one. */
  readonly sources: readonly string[];
  /** Stream name or ARN. */
  readonly stream: string;
  readonly partitionKey: string | null;
  readonly explicitHashKey: string | null;
  readonly onMissingKey: 'dead-letter' | 'coordinates';
  readonly schema: string | null;
  readonly appendNewline: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly startAfter: string | null;
  readonly modifiedAfterMs: number | null;
  readonly modifiedBeforeMs: number | null;
  readonly inventory: string | null;
  readonly requestPayer: boolean;
  /** A source that names no object, and globs that take none, are no failure. */
  readonly allowEmpty: boolean;
  readonly compression: 'auto' | 'none' | 'gzip' | 'zstd';
  /** 64 KiB to 5 GiB. */
  readonly segmentBytes: number;
  /** GetObject calls in flight, 1 to 256. */
  readonly downloads: number;
  /** Parser threads, 1 to 64. */
  readonly parsers: number;
  /** Publisher threads, 1 to 64; a stream with fewer shards gets fewer. */
  readonly publishers: number;
  /** PutRecords requests in flight per publisher, 1 to 256. */
  readonly inFlight: number;
  readonly batchRecords: number;
  readonly batchBytes: number;
  readonly wire: 'cbor' | 'json';
  /** Largest record, data plus key; null = what the stream takes. */
  readonly recordBytesMax: number | null;
  readonly depthMax: number;
  readonly aggregate: boolean;
  readonly aggregateBytes: number;
  readonly order: 'none' | 'key';
  readonly rate: Rate | null;
  /** Share of each shard left to others, 0 to 0.99. */
  readonly headroom: number;
  readonly journal: string | null;
  readonly restart: boolean;
  /** The run may begin though another one is about the same objects. */
  readonly newRun: boolean;
  readonly deadLetter: string | null;
  readonly maxRejects: { readonly count: number } | { readonly share: number } | null;
  readonly memoryBytes: number;
  readonly timeoutMs: number | null;
  readonly dryRun: boolean;
  /** The report names hot keys themselves, not their hashes alone. */
  readonly showKeys: boolean;
  /** Which buffers the memory is for is said at the start. */
  readonly verbose: boolean;
  /** A dead-letter file whose dead letters are sent in place of sources (`redrive`), or null. */
  readonly deadLetters: string | null;
  readonly aws: AwsOptions;
}

/** One flag as the command line shows it. */
export interface FlagSpec {
  readonly kind: 'text' | 'list' | 'switch';
  readonly value?: string;
  readonly help: string;
}

/** Raw text by flag name, as typed. */
export type RawFlags = Readonly<Record<string, unknown>>;

const AWS_FLAGS: Readonly<Record<string, FlagSpec>> = {
  region: { kind: 'text', value: 'NAME', help: 'AWS region; default: the SDK’s chain (AWS_REGION, profile)' },
  profile: { kind: 'text', value: 'NAME', help: 'profile of the AWS configuration files' },
  's3-profile': { kind: 'text', value: 'NAME', help: 'profile for S3 alone' },
  'kinesis-profile': { kind: 'text', value: 'NAME', help: 'profile for Kinesis alone' },
  'endpoint-url': { kind: 'text', value: 'URL', help: 'endpoint for S3 and Kinesis' },
  's3-endpoint-url': { kind: 'text', value: 'URL', help: 'endpoint for S3' },
  'insecure-endpoint': { kind: 'switch', help: 'allow http endpoints that are not on this machine' },
  'kinesis-endpoint-url': { kind: 'text', value: 'URL', help: 'endpoint for Kinesis' },
};

/** Flags that every command of this program has. */
export const COMMON_FLAGS: Readonly<Record<string, FlagSpec>> = {
  ...AWS_FLAGS,
  json: { kind: 'switch', help: 'the report as one JSON document on stdout' },
  quiet: { kind: 'switch', help: 'no progress' },
  config: { kind: 'text', value: 'FILE', help: 'YAML or JSON with keys named like the flags; flags win' },
};

/** Which records are read, and what they become: what `verify` has to know as well. */
export const RECORD_FLAGS: Readonly<Record<string, FlagSpec>> = {
  'partition-key': {
    kind: 'text',
    value: 'POINTER',
    help: 'JSON Pointer to the partition key; without it the record’s own coordinates',
  },
  'explicit-hash-key': { kind: 'text', value: 'POINTER', help: 'JSON Pointer to a decimal hash key' },
  'on-missing-key': {
    kind: 'text',
    value: 'dead-letter|coordinates',
    help: 'when the pointer finds nothing usable [dead-letter]',
  },
  schema: {
    kind: 'text',
    value: 'FILE',
    help: 'JSON Schema that every record must conform to (2020-12, 2019-09, draft-07)',
  },
  'append-newline': { kind: 'switch', help: 'end each record’s data with a newline' },
  include: { kind: 'list', value: 'GLOB', help: 'only object keys that match; repeatable' },
  exclude: { kind: 'list', value: 'GLOB', help: 'no object keys that match; repeatable' },
  'start-after': { kind: 'text', value: 'KEY', help: 'only object keys after this one' },
  'modified-after': { kind: 'text', value: 'TIME', help: 'only objects modified after this time (ISO 8601)' },
  'modified-before': {
    kind: 'text',
    value: 'TIME',
    help: 'only objects modified before this time (ISO 8601)',
  },
  inventory: { kind: 'text', value: 'URI', help: 'manifest.json of an S3 Inventory, in place of listing' },
  'allow-empty': { kind: 'switch', help: 'a source, or --include, that names no object is no failure' },
  'request-payer': { kind: 'switch', help: 'pay for requests to requester-pays buckets' },
  compression: {
    kind: 'text',
    value: 'auto|none|gzip|zstd',
    help: 'auto looks at the first bytes, not the name [auto]',
  },
  'segment-size': { kind: 'text', value: 'SIZE', help: 'how plain objects are split [16MiB]' },
  downloads: { kind: 'text', value: 'N', help: 'concurrent GetObject calls [16]' },
  parsers: { kind: 'text', value: 'N', help: 'parser threads [from the cores]' },
  'max-record': { kind: 'text', value: 'SIZE', help: 'largest record, data plus key [from the stream]' },
  'max-depth': { kind: 'text', value: 'N', help: 'deeper nesting is dead-lettered [1024]' },
  memory: { kind: 'text', value: 'SIZE', help: 'ceiling for the engine’s buffers [512MiB]' },
};

export const BACKFILL_FLAGS: Readonly<Record<string, FlagSpec>> = {
  stream: { kind: 'text', value: 'NAME', help: 'stream name or ARN (required)' },
  ...RECORD_FLAGS,
  publishers: { kind: 'text', value: 'N', help: 'publisher threads [from the cores]' },
  'in-flight': { kind: 'text', value: 'N', help: 'PutRecords requests in flight per publisher [8]' },
  'batch-records': { kind: 'text', value: 'N', help: 'records in a request at most [500]' },
  'batch-bytes': { kind: 'text', value: 'SIZE', help: 'bytes in a request at most [5MiB]' },
  wire: {
    kind: 'text',
    value: 'cbor|json',
    help: 'protocol of PutRecords; falls back to JSON where CBOR is refused [cbor]',
  },
  aggregate: { kind: 'switch', help: 'KPL aggregated records' },
  'aggregate-bytes': { kind: 'text', value: 'SIZE', help: 'largest aggregated record [51200]' },
  order: { kind: 'text', value: 'none|key', help: 'key: records of a partition key keep their order [none]' },
  rate: { kind: 'text', value: 'RATE', help: 'bound for the whole run: 20MiB/s or 5000/s' },
  headroom: { kind: 'text', value: 'P%', help: 'share of each shard left to other producers [0%]' },
  journal: { kind: 'text', value: 'FILE', help: 'where progress is kept [.millrace/<run>.journal]' },
  restart: { kind: 'switch', help: 'forget the journal and start from zero' },
  'new-run': { kind: 'switch', help: 'begin also where another run is about the same objects' },
  'dead-letter': {
    kind: 'text',
    value: 'FILE',
    help: 'where lines that were not delivered go [beside the journal]',
  },
  'max-rejects': { kind: 'text', value: 'N|P%', help: 'stop with exit 2 beyond this many dead letters' },
  timeout: { kind: 'text', value: 'DURATION', help: 'orderly stop after this time, exit 3' },
  'dry-run': { kind: 'switch', help: 'everything but sending' },
  verbose: { kind: 'switch', help: 'say at the start which buffers the memory is for' },
  'show-keys': { kind: 'switch', help: 'name hot partition keys in the report; default: their hashes' },
};

/** Flags of `backfill` that choose objects or keep progress: dead letters have neither. */
const SOURCE_ONLY_FLAGS: ReadonlySet<string> = new Set([
  ...['include', 'exclude', 'start-after', 'modified-after', 'modified-before', 'inventory', 'request-payer'],
  'allow-empty',
  ...['compression', 'segment-size', 'downloads', 'journal', 'restart', 'new-run', 'dry-run'],
]);

/** Collects problems, so that one message names them all. */
export class Reader {
  readonly problems: string[] = [];
  readonly #raw: RawFlags;
  constructor(raw: RawFlags) {
    this.#raw = raw;
  }

  /** Reads one flag: its fallback when absent, else what `parse` makes of its text; null from `parse` is a problem. */
  read<T>(name: string, expected: string, parse: (text: string) => T | null, fallback: T): T {
    const value = this.#raw[name];
    if (value === undefined || value === null) return fallback;
    const parsed = typeof value === 'string' || typeof value === 'number' ? parse(String(value)) : null;
    if (parsed !== null) return parsed;
    this.problems.push(`Expected --${name} to be ${expected}, but received ${JSON.stringify(value)}.`);
    return fallback;
  }

  text(name: string): string | null {
    return this.read<string | null>(
      name,
      'text that is not empty',
      (text) => (text === '' ? null : text),
      null,
    );
  }

  switch(name: string): boolean {
    const value = this.#raw[name] ?? false;
    if (typeof value === 'boolean') return value;
    this.problems.push(`Expected --${name} to be true or false, but received ${JSON.stringify(value)}.`);
    return false;
  }

  list(name: string): readonly string[] {
    const value = this.#raw[name] ?? [];
    const list = Array.isArray(value) ? value : [value];
    if (list.every((item) => typeof item === 'string' && item !== '')) return list as string[];
    this.problems.push(`Expected --${name} to be a list of texts, but received ${JSON.stringify(value)}.`);
    return [];
  }

  globs(name: string): readonly string[] {
    const globs = this.list(name);
    for (const glob of globs) {
      try {
        compileGlob(glob);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        const shown = JSON.stringify(glob.slice(0, 100));
        this.problems.push(`Expected --${name} to be a smaller glob: ${error.message}: ${shown}.`);
      }
    }
    return globs;
  }

  integer(name: string, min: number, max: number, fallback: number): number {
    const parse = (text: string) =>
      /^\d+$/.test(text) && Number(text) >= min && Number(text) <= max ? Number(text) : null;
    return this.read(name, `a whole number from ${min} to ${max}`, parse, fallback);
  }

  size<T extends number | null>(name: string, min: number, max: number, fallback: T): number | T {
    const parse = (text: string) => {
      const bytes = parseSizeBytes(text);
      return bytes !== null && bytes >= min && bytes <= max ? bytes : null;
    };
    return this.read<number | T>(
      name,
      `a size from ${formatBytes(min)} to ${formatBytes(max)} like 16MiB`,
      parse,
      fallback,
    );
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const parse = (text: string) => choices.find((choice) => choice === text) ?? null;
    return this.read(name, choices.join(' or '), parse, fallback);
  }

  /** RFC 6901: empty, or tokens that each start with `/`, where `~` stands only in `~0` and `~1`. */
  pointer(name: string): string | null {
    const parse = (text: string) => (/^(\/([^~]|~[01])*)?$/s.test(text) ? text : null);
    return this.read<string | null>(name, 'a JSON Pointer like /user/id', parse, null);
  }

  timeMs(name: string): number | null {
    return this.read<number | null>(
      name,
      'a time like 2026-01-31 or 2026-01-31T12:00:00Z',
      parseTimeMs,
      null,
    );
  }

  url(name: string): string | null {
    const value = this.#raw[name];
    if (value === undefined || value === null || (typeof value === 'string' && isHttpUrl(value)))
      return value ?? null;
    const received = shownUrl(JSON.stringify(value));
    this.problems.push(`Expected --${name} to be a URL like https://host:port, but received ${received}.`);
    return null;
  }

  unknown(known: Readonly<Record<string, unknown>>): void {
    for (const name of Object.keys(this.#raw)) {
      if (!Object.hasOwn(known, name))
        this.problems.push(`Expected flags of this command, but received --${name}. See --help.`);
    }
  }

  finish(): void {
    if (this.problems.length > 0) throw new OptionsError(this.problems);
  }
}

/** Reads what flags say about how to reach AWS. */
export function readAws(reader: Reader): AwsOptions {
  const both = reader.url('endpoint-url');
  const s3Endpoint = reader.url('s3-endpoint-url') ?? both;
  const kinesisEndpoint = reader.url('kinesis-endpoint-url') ?? both;
  const isInsecureAllowed = reader.switch('insecure-endpoint');
  return {
    region: reader.text('region'),
    profile: reader.text('profile'),
    s3Profile: reader.text('s3-profile'),
    kinesisProfile: reader.text('kinesis-profile'),
    s3Endpoint,
    kinesisEndpoint,
    isInsecureAllowed,
  };
}

/**
 * Turns raw flags into checked options.
 * @param sources The arguments of the command.
 * @throws {OptionsError} With every problem.
 */
export function parseBackfillOptions(sources: readonly string[], raw: RawFlags): BackfillOptions {
  const reader = new Reader(raw);
  reader.unknown({ ...COMMON_FLAGS, ...BACKFILL_FLAGS });
  checkSources(reader, sources, raw.inventory !== undefined);
  const stream = reader.text('stream');
  if (stream === null) reader.problems.push('Expected --stream to name the stream, but received nothing.');
  const options: BackfillOptions = {
    sources,
    stream: stream ?? '',
    ...readRecordOptions(reader),
    publishers: reader.integer('publishers', 1, 64, defaultPublishers()),
    inFlight: reader.integer('in-flight', 1, 256, 8),
    batchRecords: reader.integer('batch-records', 1, KINESIS.putRecordsCountMax, KINESIS.putRecordsCountMax),
    batchBytes: reader.size('batch-bytes', 1, KINESIS.putRecordsBytesMax, 5 * MIB),
    wire: reader.choice('wire', ['cbor', 'json'], 'cbor'),
    aggregate: reader.switch('aggregate'),
    aggregateBytes: reader.size('aggregate-bytes', KIB, KINESIS.recordBytesMax, 51_200),
    order: reader.choice('order', ['none', 'key'], 'none'),
    rate: reader.read<Rate | null>('rate', 'a rate like 20MiB/s or 5000/s', parseRate, null),
    headroom: reader.read('headroom', 'a share from 0% to 99%', parseHeadroom, 0),
    journal: reader.text('journal'),
    restart: reader.switch('restart'),
    newRun: reader.switch('new-run'),
    deadLetter: reader.text('dead-letter'),
    maxRejects: reader.read<BackfillOptions['maxRejects']>(
      'max-rejects',
      'a count like 100 or a share like 0.1%',
      parseMaxRejects,
      null,
    ),
    timeoutMs: reader.read<number | null>(
      'timeout',
      'a duration like 90s, 15m or 2h',
      parsePositiveDuration,
      null,
    ),
    dryRun: reader.switch('dry-run'),
    showKeys: reader.switch('show-keys'),
    verbose: reader.switch('verbose'),
    deadLetters: null,
    aws: readAws(reader),
  };
  reader.finish();
  return Object.freeze(options);
}

/** Flags of `redrive`: those of `backfill` that say how records are made and put. */
export const REDRIVE_FLAGS: Readonly<Record<string, FlagSpec>> = Object.fromEntries(
  Object.entries(BACKFILL_FLAGS).filter(([name]) => !SOURCE_ONLY_FLAGS.has(name)),
);

/**
 * Turns raw flags of `redrive` into options of a run that sends dead letters.
 * @param words The dead-letter file. @throws {OptionsError} With every problem.
 */
export function parseRedriveOptions(words: readonly string[], raw: RawFlags): BackfillOptions {
  const reader = new Reader(raw);
  reader.unknown({ ...COMMON_FLAGS, ...REDRIVE_FLAGS });
  if (words.length !== 1)
    reader.problems.push(`Expected one dead-letter file, but received ${words.length}.`);
  let options: BackfillOptions | null = null;
  try {
    options = parseBackfillOptions(['-'], raw);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    for (const problem of error.problems)
      if (!reader.problems.includes(problem)) reader.problems.push(problem);
  }
  reader.finish();
  const [deadLetters] = words;
  return Object.freeze({
    ...options!,
    sources: [],
    deadLetters: deadLetters!,
    deadLetter: options!.deadLetter ?? `${deadLetters}.again`,
  });
}

/** Which records are read, and what they become. */
export type RecordOptions = ReturnType<typeof readRecordOptions>;

/** Reads RECORD_FLAGS. */
export function readRecordOptions(reader: Reader) {
  return {
    partitionKey: reader.pointer('partition-key'),
    explicitHashKey: reader.pointer('explicit-hash-key'),
    onMissingKey: reader.choice('on-missing-key', ['dead-letter', 'coordinates'], 'dead-letter'),
    schema: reader.text('schema'),
    appendNewline: reader.switch('append-newline'),
    include: reader.globs('include'),
    exclude: reader.globs('exclude'),
    startAfter: reader.text('start-after'),
    modifiedAfterMs: reader.timeMs('modified-after'),
    modifiedBeforeMs: reader.timeMs('modified-before'),
    inventory: reader.text('inventory'),
    requestPayer: reader.switch('request-payer'),
    allowEmpty: reader.switch('allow-empty'),
    compression: reader.choice('compression', ['auto', 'none', 'gzip', 'zstd'], 'auto'),
    segmentBytes: reader.size('segment-size', 64 * KIB, 5 * 1024 * MIB, 16 * MIB),
    downloads: reader.integer('downloads', 1, 256, 16),
    parsers: reader.integer('parsers', 1, 64, defaultParsers()),
    recordBytesMax: reader.size('max-record', 1, KINESIS.recordBytesMax, null),
    depthMax: reader.integer('max-depth', 1, 1_000_000, 1024),
    memoryBytes: reader.size('memory', 64 * MIB, 1024 * 1024 * MIB, 512 * MIB),
  } as const;
}

/** Names the problems of the SOURCE arguments. */
export function checkSources(reader: Reader, sources: readonly string[], hasInventory: boolean): void {
  if (sources.length === 0 && !hasInventory) {
    reader.problems.push('Expected at least one SOURCE like s3://bucket/prefix, but received none.');
  }
  for (const source of sources) {
    if (source !== '-' && !/^s3:\/\/[^/]+/i.test(source)) {
      reader.problems.push(
        `Expected SOURCE to be s3://bucket/prefix or -, but received ${shownUrl(JSON.stringify(source))}.`,
      );
    }
  }
}

/** A parser keeps up with several publishers when lines are long, and is kept busy by one when they are short. */
function defaultParsers(): number {
  return Math.max(1, Math.ceil(availableParallelism() / 2));
}

function defaultPublishers(): number {
  return Math.max(1, Math.floor(availableParallelism() / 2));
}

function parseHeadroom(text: string): number | null {
  const share = parsePercent(text);
  return share !== null && share <= 0.99 ? share : null;
}

function parseMaxRejects(text: string): BackfillOptions['maxRejects'] {
  const share = parsePercent(text);
  if (share !== null) return share <= 1 ? { share } : null;
  return /^\d+$/.test(text) ? { count: Number(text) } : null;
}

function parsePositiveDuration(text: string): number | null {
  const durationMs = parseDurationMs(text);
  return durationMs !== null && durationMs > 0 ? durationMs : null;
}
