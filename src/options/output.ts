/** Output: what a command prints, and where its flags may stand; and all that every command has that carries or compares records. */
import { AWS_FLAGS } from './aws.ts';
import { text, toggle } from './kinds.ts';

const group = 'output';

export const OUTPUT_FLAGS = {
  json: toggle('json', { group, help: 'the report as one JSON document on stdout' }),
  quiet: toggle('quiet', { group, help: 'no progress' }),
  config: text('config', 'FILE', {
    ...{ group, help: 'YAML or JSON with keys named like the flags; flags win' },
    meaning:
      'YAML or JSON with keys named like the flags; flags win. An unknown key is an error that names it, and the nearest one that is known',
  }),
} as const;

export const COMMON_FLAGS = { ...AWS_FLAGS, ...OUTPUT_FLAGS } as const;
