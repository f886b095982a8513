/** Pages that a script writes are what it would write now. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeLibrary } from './api.ts';
import { pageWithPicture } from './draw-imports.ts';
import { configSchema, pageWithFlags } from './flags.ts';

const read = (page: string) => readFileSync(join(import.meta.dirname, '..', '..', 'docs', page), 'utf8');

it.each([
  { page: 'API.md', write: describeLibrary, command: 'npm run api -- --write' },
  { page: 'CLI.md', write: pageWithFlags, command: 'npm run flags -- --write' },
  { page: 'config.schema.json', write: configSchema, command: 'npm run flags -- --write' },
  { page: 'ARCHITECTURE.md', write: pageWithPicture, command: 'npm run imports -- --write' },
])('docs/$page is what `$command` writes', ({ page, write }) => {
  expect(read(page)).toBe(write());
});
