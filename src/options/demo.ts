/** Demo options: the flags of `demo`, checked. */
import { flagsByName, type RawFlags } from './flag.ts';
import { toggle } from './kinds.ts';
import { OUTPUT_FLAGS } from './output.ts';
import { Problems } from './problems.ts';

export const DEMO_FLAGS = {
  keep: toggle('keep', { help: 'leave the embedded servers up and say what to try next' }),
  json: OUTPUT_FLAGS.json,
  quiet: OUTPUT_FLAGS.quiet,
} as const;

const KNOWN = flagsByName(DEMO_FLAGS);

/** @throws {OptionsError} With every problem. */
export function checkDemoOptions(words: readonly string[], raw: RawFlags): void {
  const problems = new Problems();
  problems.checkFlags(raw, KNOWN);
  DEMO_FLAGS.keep.read(raw.keep, problems);
  problems.checkNoWords(words, 'The demo brings its own source and stream.');
  problems.finish();
}
