/** Demo options: the flags of `demo`. */
import { toggle } from './kinds.ts';
import { OUTPUT_FLAGS } from './output.ts';

export const DEMO_FLAGS = {
  keep: toggle('keep', { help: 'leave the embedded servers up and say what to try next' }),
  json: OUTPUT_FLAGS.json,
  quiet: OUTPUT_FLAGS.quiet,
} as const;
