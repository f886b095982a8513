/**
 * Config: what oclif is told about this program.
 * Gives  its name, its version, and where its commands lie: as sources here, in the package as bundles with a manifest beside them, so that help
 *        and errors of the command line load no command (.ci/packaging/bundle.ts writes it).
 */
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Config } from '@oclif/core';
import { entryFile, packageRoot } from '../base/package-root.ts';

/** Not loaded yet. */
export function commandConfig(): Config {
  const commands = fileURLToPath(entryFile('commands'));
  const pjson = JSON.parse(readFileSync(new URL('package.json', packageRoot()), 'utf8'));
  return new Config({
    root: dirname(commands),
    pjson: {
      ...pjson,
      oclif: {
        bin: 'millrace',
        // In the order in which they are given, group by group.
        helpOptions: { flagSortOrder: 'none' },
        commands: { strategy: 'explicit', target: commands, identifier: 'COMMANDS' },
      },
    },
  });
}
