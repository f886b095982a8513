/**
 * Status options: the flags of `status`, checked.
 * Gives  the journal that is asked for, or null: all runs.
 */
import { flagsByName, type RawFlags } from './flag.ts';
import { text } from './kinds.ts';
import { OUTPUT_FLAGS } from './output.ts';
import { Problems } from './problems.ts';

export const STATUS_FLAGS = {
  journal: text('journal', 'FILE', {
    help: 'the journal of a run; without it all runs of .millrace are listed',
    meaning: 'the journal of a run; without it all runs of `.millrace/` are listed',
  }),
  json: OUTPUT_FLAGS.json,
} as const;

const KNOWN = flagsByName(STATUS_FLAGS);

/** @throws {OptionsError} With every problem. */
export function parseStatusOptions(
  words: readonly string[],
  raw: RawFlags,
): { readonly journal: string | null } {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  problems.checkNoWords(words, 'Name the journal with --journal.');
  const { journal = null } = raw;
  if (journal !== null && (typeof journal !== 'string' || journal === ''))
    problems.add('Expected --journal to name a journal, but received nothing.');
  problems.finish();
  return { journal: journal as string | null };
}
