/**
 * Flags: the bridge from our table of flags to oclif's.
 * Takes  FlagSpec (src/options/options.ts). Gives oclif flags that accept any text: options.ts judges, so that one message names every problem.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Flags } from '@oclif/core';
import { OptionsError } from '../base/errors.ts';
import { assertDistinct, type NamedFile } from '../options/distinct-files.ts';
import type { FlagSpec, RawFlags } from '../options/options.ts';
import { expectJson } from './outlet.ts';

/** oclif's form of a table of flags. */
export function oclifFlags(specs: Readonly<Record<string, FlagSpec>>) {
  const entries = Object.entries(specs).map(([name, spec]) => {
    const common = { summary: spec.help, helpValue: spec.value };
    if (spec.kind === 'switch') return [name, Flags.boolean({ summary: spec.help })];
    if (spec.kind === 'list') return [name, Flags.string({ ...common, multiple: true })];
    return [name, Flags.string(common)];
  });
  return Object.fromEntries(entries);
}

/**
 * What the user asked for: words, and flags over the values of the `--config` file. oclif's own parser would stop at the first
 * mistake; here everything typed is kept, and options.ts names all problems at once.
 * @param fileWord What the first word is, if it names a file.
 * @throws {OptionsError} When the file cannot be read as a table of flags, or two files are one.
 */
export async function readArguments(
  argv: string[],
  specs: Readonly<Record<string, FlagSpec>>,
  fileWord?: string,
): Promise<{ words: string[]; raw: RawFlags }> {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      {
        type: spec.kind === 'switch' ? ('boolean' as const) : ('string' as const),
        multiple: spec.kind === 'list',
      },
    ]),
  );
  const { values, positionals } = parseArgs({
    args: argv,
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
  });
  const fromFile = typeof values.config === 'string' ? await readConfigFile(values.config) : {};
  const raw: RawFlags = { ...fromFile, ...values };
  expectJson(raw.json === true);
  const [word] = positionals;
  const words = fileWord === undefined || word === undefined ? [] : [{ name: fileWord, path: word }];
  assertDistinct([...words, ...namedFiles(specs, raw)]);
  return { words: positionals, raw };
}

/** The files that flags name. What stands beside them, and what has a name by default, is looked at when the run begins. */
function namedFiles(specs: Readonly<Record<string, FlagSpec>>, raw: RawFlags): NamedFile[] {
  return Object.entries(specs).flatMap(([name, { value }]) => {
    const path = raw[name];
    return value === 'FILE' && typeof path === 'string' && path !== '' ? [{ name: `--${name}`, path }] : [];
  });
}

async function readConfigFile(path: string): Promise<RawFlags> {
  const { parse: parseYaml } = await import('yaml');
  let content: unknown;
  try {
    content = parseYaml(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new OptionsError([`Cannot read --config ${path}: ${why}.`]);
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content)) {
    throw new OptionsError([`Expected --config ${path} to hold keys and values, but it does not.`]);
  }
  return content as RawFlags;
}
