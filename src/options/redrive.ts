/**
 * Redrive options: the flags of `redrive`, checked: those of `backfill` that say how records are made and put.
 * Takes  the dead-letter file, raw flags. Gives the options of a run that sends dead letters.
 */
import { BACKFILL_FLAGS, type BackfillOptions, parseBackfillOptions } from './backfill.ts';
import { flagsByName, type RawFlags, without } from './flag.ts';
import { COMMON_FLAGS } from './output.ts';
import { Problems } from './problems.ts';

/** Dead letters choose no objects, and keep no progress. */
export const REDRIVE_FLAGS = without(BACKFILL_FLAGS, [
  ...(['include', 'exclude', 'startAfter', 'modifiedAfterMs', 'modifiedBeforeMs', 'inventory'] as const),
  ...(['requestPayer', 'allowEmpty', 'limitLines', 'compression', 'segmentBytes', 'downloads'] as const),
  ...(['journal', 'restart', 'newRun', 'dryRun', 'samplePercent'] as const),
]);

const KNOWN = flagsByName(REDRIVE_FLAGS, COMMON_FLAGS);

/** @param words The dead-letter file. @throws {OptionsError} With every problem. */
export function parseRedriveOptions(words: readonly string[], raw: RawFlags): BackfillOptions {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  if (words.length !== 1) problems.add(`Expected one dead-letter file, but received ${words.length}.`);
  const known = Object.fromEntries(Object.entries(raw).filter(([name]) => KNOWN.has(name)));
  const options = problems.collect(() => parseBackfillOptions(['-'], known));
  problems.finish();
  const [deadLetters] = words;
  return Object.freeze({
    ...options!,
    sources: [],
    deadLetters: deadLetters!,
    deadLetter: options!.deadLetter ?? `${deadLetters}.again`,
  });
}
