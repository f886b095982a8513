/**
 * Record options: which objects are read, how, and what becomes of their lines: what `verify` has to know as well as `backfill`.
 */
import { shownUrl } from '../aws/endpoint.ts';
import { availableCores } from '../base/cores.ts';
import { KIB, KINESIS, MIB } from '../base/limits.ts';
import type { OptionsOf } from './flag.ts';
import { framing } from './framing.ts';
import { choice, globs, integer, objectUri, pointer, size, text, threads, time, toggle } from './kinds.ts';
import { type Problems, shownValue } from './problems.ts';
import { STAGE_FLAGS } from './stages.ts';

const shapes = { group: 'record', identity: 'shapes' } as const;
const chooses = { group: 'object', identity: 'chooses' } as const;

export const RECORD_FLAGS = {
  partitionKey: pointer('partition-key', {
    ...shapes,
    help: 'JSON Pointer to the partition key; without it the record’s own coordinates',
    meaning:
      "RFC 6901 JSON Pointer to the record's partition key; strings as they are, numbers and booleans as written. Without it the record's own coordinates are its key: unique and evenly spread",
  }),
  explicitHashKey: pointer('explicit-hash-key', {
    ...{ ...shapes, help: 'JSON Pointer to a decimal hash key' },
    meaning: 'RFC 6901 pointer to a decimal hash key',
  }),
  onMissingKey: choice('on-missing-key', ['dead-letter', 'coordinates'], {
    ...{ ...shapes, default: 'dead-letter', help: 'when the pointer finds nothing usable' },
    meaning:
      'when the pointer finds nothing usable (absent, null, object, array, empty, over 256 characters)',
  }),
  schema: text('schema', 'FILE', {
    ...{ ...shapes, help: 'JSON Schema that every record must conform to (2020-12, 2019-09, draft-07)' },
    meaning:
      'JSON Schema 2020-12, or 2019-09 or draft-07 where its `$schema` says so; a record that does not conform is dead-lettered with the reason',
  }),
  /** `lines`, `values` or `array:POINTER`. */
  framing,
  ...STAGE_FLAGS,
  appendNewline: toggle('append-newline', {
    ...{ ...shapes, help: 'end each record’s data with a newline' },
    meaning: "end each record's data with `\\n`",
  }),
  include: globs('include', {
    ...{ ...chooses, help: 'only object keys that match; repeatable' },
    meaning: 'only object keys that match; repeatable; see [Globs](#globs)',
  }),
  exclude: globs('exclude', {
    ...{ ...chooses, help: 'no object keys that match; repeatable' },
    meaning: 'no object keys that match; repeatable; see [Globs](#globs)',
  }),
  startAfter: text('start-after', 'KEY', { ...chooses, help: 'only object keys after this one' }),
  modifiedAfterMs: time('modified-after', {
    ...{ ...chooses, help: 'only objects modified after this time (ISO 8601)' },
  }),
  modifiedBeforeMs: time('modified-before', {
    ...{ ...chooses, help: 'only objects modified before this time (ISO 8601)' },
  }),
  inventory: objectUri('inventory', {
    ...{ ...chooses, help: 'manifest.json of an S3 Inventory, in place of listing' },
    meaning: 'an S3 Inventory `manifest.json` in place of listing',
  }),
  /** A source that names no object, and globs that take none, do not count as a failure. */
  allowEmpty: toggle('allow-empty', {
    ...{ group: 'object', help: 'a source, or --include, that names no object is no failure' },
    meaning: 'nothing to carry is no failure; see [Globs](#globs)',
  }),
  requestPayer: toggle('request-payer', {
    ...{ group: 'object', help: 'pay for requests to requester-pays buckets' },
  }),
  limitLines: integer(
    'limit',
    { min: 1, max: Number.MAX_SAFE_INTEGER },
    {
      ...{ group: 'object', identity: 'shapes', isYounger: true },
      help: 'only the first N lines of the source, in listing order',
      meaning:
        'only the first N lines of the source, in listing order; see [The first lines](#the-first-lines)',
    },
  ),
  compression: choice('compression', ['auto', 'none', 'gzip', 'zstd'], {
    ...{ group: 'object', identity: 'shapes', default: 'auto' },
    help: 'auto looks at the first bytes, not the name',
    meaning: '`auto` looks at the first bytes, not the name; `none`, `gzip`, `zstd` force it',
  }),
  /** 64 KiB to 5 GiB. */
  segmentBytes: size(
    'segment-size',
    { min: 64 * KIB, max: 5 * 1024 * MIB },
    {
      ...{ group: 'reading', default: '16MiB', help: 'how plain objects are split' },
    },
  ),
  /** GetObject calls in flight, 1 to 256. */
  downloads: integer(
    'downloads',
    { min: 1, max: 256 },
    {
      ...{ group: 'reading', default: '16', help: 'concurrent GetObject calls' },
    },
  ),
  /** Parser threads, 1 to 64. */
  parsers: threads('parsers', { min: 1, max: 64 }, suggestedParsers, {
    ...{ group: 'reading', absent: 'from the cores', help: 'parser threads' },
  }),
  /** Largest record, data plus key; null: what the stream takes. */
  recordBytesMax: size(
    'max-record',
    { min: 1, max: KINESIS.recordBytesMax },
    {
      ...{ ...shapes, absent: 'from the stream', help: 'largest record, data plus key' },
      meaning: 'largest record, data plus key; larger ones are dead-lettered',
    },
  ),
  depthMax: integer(
    'max-depth',
    { min: 1, max: 1_000_000 },
    {
      ...{ ...shapes, default: '1024', help: 'deeper nesting is dead-lettered' },
    },
  ),
  memoryBytes: size(
    'memory',
    { min: 64 * MIB, max: 1024 * 1024 * MIB },
    {
      ...{ group: 'run', default: '512MiB', help: 'ceiling for the engine’s buffers' },
      meaning: "ceiling for the engine's buffers; see [Memory](#memory)",
    },
  ),
} as const;

export interface RecordOptions extends OptionsOf<typeof RECORD_FLAGS> {}

/** Names the problems of the SOURCE arguments. */
export function checkSources(problems: Problems, sources: readonly string[], hasInventory: boolean): void {
  if (sources.length === 0 && !hasInventory)
    problems.add('Expected at least one SOURCE like s3://bucket/prefix, but received none.');
  if (sources.indexOf('-') !== sources.lastIndexOf('-'))
    problems.add('Expected - once among the SOURCEs: standard input can be read once.');
  for (const source of sources) {
    if (source !== '-' && !/^s3:\/\/[^/]+/i.test(source)) {
      const shown = shownUrl(shownValue(source));
      problems.add(`Expected SOURCE to be s3://bucket/prefix or -, but received ${shown}.`);
    }
  }
}

/** A parser keeps up with several publishers when lines are long, and is kept busy by one when they are short. */
function suggestedParsers(): number {
  return Math.max(1, Math.ceil(availableCores() / 2));
}
