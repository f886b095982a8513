/**
 * Preview options: the flags of `preview`, checked: those of `backfill` that say which lines there are and what becomes of them.
 * Takes  raw flags. Gives  frozen options.
 * Owns   what a preview assumes of the stream that it does not ask: the limits of one as it is made.
 */
import { KINESIS } from '../base/limits.ts';
import { type AwsOptions, readAws } from './aws.ts';
import { BACKFILL_FLAGS } from './backfill.ts';
import { type FlagTable, flagsByName, type RawFlags, readFlags, without } from './flag.ts';
import { integer } from './kinds.ts';
import { COMMON_FLAGS } from './output.ts';
import { Problems } from './problems.ts';
import { checkSources, RECORD_FLAGS, type RecordOptions } from './records.ts';

/** All of them are held in memory and shown at once. */
const LINES_MAX = 100_000;

/** How much is read at once, and by how many threads, is no matter for some lines. */
const RECORDS = without(RECORD_FLAGS, ['segmentBytes', 'downloads', 'parsers', 'limitLines']);

export const PREVIEW_FLAGS = {
  limitLines: integer(
    'limit',
    { min: 1, max: LINES_MAX },
    { default: '20', help: 'as many lines, the first ones in listing order' },
  ),
  ...RECORDS,
} as const;

/** What may be typed: the command of the run with another first word, and its configuration file, are understood. */
export const PREVIEW_KNOWN: FlagTable = { ...BACKFILL_FLAGS, ...COMMON_FLAGS, ...PREVIEW_FLAGS };

export interface PreviewOptions extends Omit<RecordOptions, 'limitLines' | 'recordBytesMax'> {
  readonly sources: readonly string[];
  readonly limitLines: number;
  readonly recordBytesMax: number;
  readonly keyCharsMax: number;
  readonly aws: AwsOptions;
}

const KNOWN = flagsByName(PREVIEW_KNOWN);

/** @throws {OptionsError} With every problem. */
export function parsePreviewOptions(sources: readonly string[], raw: RawFlags): PreviewOptions {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  checkSources(problems, sources, raw.inventory !== undefined);
  const given = readFlags({ ...RECORD_FLAGS, ...PREVIEW_FLAGS }, raw, problems);
  const aws = readAws(raw, problems);
  problems.finish();
  return Object.freeze({
    ...given,
    ...{ sources, aws, parsers: 1, downloads: 1 },
    recordBytesMax: given.recordBytesMax ?? KINESIS.recordBytesDefault,
    keyCharsMax: KINESIS.partitionKeyCharsMax,
  });
}
