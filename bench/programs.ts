/**
 * Programs: which files of this folder are programs of the suite; the others serve them.
 * Gives  their names. A program says so in its first line: it has a question.
 */
import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('.', import.meta.url);

/** Names without `.ts`, in the order of the alphabet. Every one of them knows --smoke and --keep FOLDER. */
export function programNames(): string[] {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));
  const programs = files.filter((name) =>
    readFileSync(new URL(name, FOLDER), 'utf8').startsWith('/**\n * Question:'),
  );
  return programs.map((name) => name.slice(0, -3)).sort();
}
