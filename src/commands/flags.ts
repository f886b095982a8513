/**
 * Flags: what was typed behind a command, over what the file of `--config` says.
 * Takes  a table of flags (src/options/manual.ts). Gives  every word and flag as it was typed: src/options/ judges, so that one message
 *        names every problem.
 */
import { readConfigFile } from '../options/config-file.ts';
import { assertDistinct, type NamedFile } from '../options/distinct-files.ts';
import { type FlagTable, flagsByName, inGroups, type RawFlags } from '../options/flag.ts';
import { readTyped } from '../options/typed.ts';
import { expectJson } from './outlet.ts';

/**
 * What the user asked for: words, and flags over the values of the `--config` file. oclif's own parser would stop at the first
 * mistake; here everything typed is kept, and options.ts names all problems at once.
 * @param fileWord What the first word is, if it names a file.
 * @throws {OptionsError} When the file cannot be read as a table of flags, or two files are one.
 */
export async function readArguments(
  argv: readonly string[],
  table: FlagTable,
  fileWord?: string,
): Promise<{ words: string[]; raw: RawFlags }> {
  const known = new Map(inGroups(table).flatMap(([, group]) => group.map((flag) => [flag.name, flag])));
  const { words, typed } = readTyped(argv, known);
  const { config } = typed;
  const fromFile = typeof config === 'string' && config !== '' ? await readConfigFile(config) : {};
  const raw: RawFlags = { ...fromFile, ...typed };
  expectJson(raw.json === true);
  const [word] = words;
  const fileWords = fileWord === undefined || word === undefined ? [] : [{ name: fileWord, path: word }];
  assertDistinct([...fileWords, ...namedFiles(table, raw)]);
  return { words, raw };
}

/** The files that flags name. Files beside them, and those with default names, are checked when the run begins. */
function namedFiles(table: FlagTable, raw: RawFlags): NamedFile[] {
  return [...flagsByName(table).values()].flatMap(({ name, value }) => {
    const path = raw[name];
    return value === 'FILE' && typeof path === 'string' && path !== '' ? [{ name: `--${name}`, path }] : [];
  });
}
