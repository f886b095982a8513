/**
 * Status options: the flags of `status`, checked.
 * Gives  the journal that is asked for, or null: all runs.
 */
import { OptionsError } from '../base/errors.ts';
import type { RawFlags } from './flag.ts';
import { text } from './kinds.ts';
import { OUTPUT_FLAGS } from './output.ts';

export const STATUS_FLAGS = {
  journal: text('journal', 'FILE', {
    help: 'the journal of a run; without it all runs of .millrace are listed',
    meaning: 'the journal of a run; without it all runs of `.millrace/` are listed',
  }),
  json: OUTPUT_FLAGS.json,
} as const;

/** @throws {OptionsError} */
export function parseStatusOptions(raw: RawFlags): { readonly journal: string | null } {
  const { journal } = raw;
  if (journal === undefined) return { journal: null };
  if (typeof journal === 'string' && journal !== '') return { journal };
  throw new OptionsError(['Expected --journal to name a journal, but received nothing.']);
}
