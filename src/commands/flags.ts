/**
 * Flags: what was typed behind a command, over what the file of `--config` says.
 * Takes  a table of flags (src/options/manual.ts). Gives  every word and flag as it was typed: src/options/ judges, so that one message
 *        names every problem.
 */
import { parseArgs } from 'node:util';
import { readConfigFile } from '../options/config-file.ts';
import { assertDistinct, type NamedFile } from '../options/distinct-files.ts';
import { type FlagTable, flagsByName, inGroups, type RawFlags } from '../options/flag.ts';
import { expectJson } from './outlet.ts';

/**
 * What the user asked for: words, and flags over the values of the `--config` file. oclif's own parser would stop at the first
 * mistake; here everything typed is kept, and options.ts names all problems at once.
 * @param fileWord What the first word is, if it names a file.
 * @throws {OptionsError} When the file cannot be read as a table of flags, or two files are one.
 */
export async function readArguments(
  argv: string[],
  table: FlagTable,
  fileWord?: string,
): Promise<{ words: string[]; raw: RawFlags }> {
  const options = Object.fromEntries(
    inGroups(table)
      .flatMap(([, group]) => group)
      .map(({ name, kind }) => [
        name,
        { type: kind === 'switch' ? ('boolean' as const) : ('string' as const), multiple: kind === 'list' },
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
  const raw: RawFlags = { ...fromFile, ...asTyped(values, options) };
  expectJson(raw.json === true);
  const [word] = positionals;
  const words = fileWord === undefined || word === undefined ? [] : [{ name: fileWord, path: word }];
  assertDistinct([...words, ...namedFiles(table, raw)]);
  return { words: positionals, raw };
}

/** What the command does not have keeps its name: the parser takes `--no-` off whatever it stands before. */
function asTyped(values: RawFlags, known: Readonly<Record<string, unknown>>): RawFlags {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) =>
      value === false && !(name in known) ? [`no-${name}`, true] : [name, value],
    ),
  );
}

/** The files that flags name. Files beside them, and those with default names, are checked when the run begins. */
function namedFiles(table: FlagTable, raw: RawFlags): NamedFile[] {
  return [...flagsByName(table).values()].flatMap(({ name, value }) => {
    const path = raw[name];
    return value === 'FILE' && typeof path === 'string' && path !== '' ? [{ name: `--${name}`, path }] : [];
  });
}
