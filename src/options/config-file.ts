/**
 * Configuration file: flags in YAML or JSON, by their names (`--config`).
 * Takes  a path. Gives raw flags; whoever reads them checks names and values, as on the command line. Never looks for a file by itself.
 */
import { OptionsError } from '../base/errors.ts';
import { readGivenFile } from '../base/given-file.ts';
import type { RawFlags } from './flag.ts';
import { fromFolderOf } from './stage-list.ts';

/** @throws {OptionsError} When the file cannot be read as keys and values. */
export async function readConfigFile(path: string): Promise<RawFlags> {
  let content: unknown;
  try {
    content = await contentOf(await readGivenFile(path));
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0]!.replace(/:$/, '') : String(error);
    throw new OptionsError([`Cannot read --config ${path}: ${why}.`]);
  }
  if (content === null) return {};
  if (typeof content !== 'object' || Array.isArray(content))
    throw new OptionsError([`Expected --config ${path} to hold keys and values, but it does not.`]);
  if (Object.hasOwn(content, 'config'))
    throw new OptionsError([`Expected --config ${path} to name no other file, but it has the key config.`]);
  // Editors look there for docs/config.schema.json.
  const { $schema: _, ...flags } = content as RawFlags;
  return 'stages' in flags ? { ...flags, stages: fromFolderOf(path, flags.stages) } : flags;
}

/** What YAML only warns of, a tag that it does not know, is no value that anybody meant. */
async function contentOf(text: string): Promise<unknown> {
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text);
  if (documents.length > 1) throw new Error('it holds more than one document');
  const [document] = documents;
  const problem = document?.errors[0] ?? document?.warnings[0];
  if (problem !== undefined) throw problem;
  return document?.toJS() ?? null;
}
