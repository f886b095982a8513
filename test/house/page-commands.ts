/**
 * Page commands: the commands that the pages of the repository show.
 * Takes  README.md and every other page but the CHANGELOG.
 * Gives  each command once a page, without its remark; and the blocks of a page, as they stand there.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface PageCommand {
  readonly page: string;
  readonly command: string;
}

const BEGINS =
  /^(?:[A-Z_]+=\S+ )*(?:npm|npx|node|millrace|jq|cat|kill|top|git|curl|apt-get|python3|\.ci\/run|test\/services\/install)\b/;

/** Pages with commands in them, as paths from the root. */
export function pagesOf(): string[] {
  const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { cwd: ROOT });
  const paths = tracked.toString('utf8').trimEnd().split('\n');
  return paths.filter((path) => !/^(CHANGELOG\.md|test\/(data|fixtures)\/)/.test(path));
}

/** The fenced blocks of a page in which commands stand. */
export function blocksOf(page: string): string[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const blocks = [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)].filter(
    ([, kind]) => kind === '' || kind === 'sh',
  );
  return blocks
    .map(([, , block]) => block!)
    .filter((block) => block.split('\n').some((line) => BEGINS.test(line)));
}

function commandsOf(page: string): string[] {
  const fenced = blocksOf(page).flatMap((block) => block.split('\n'));
  const prose = readFileSync(join(ROOT, page), 'utf8').replaceAll(/^```.*?^```/gms, '');
  const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, words]) => words!);
  // A single word in prose is a name, not a command.
  const commands = [...fenced, ...inline.filter((words) => /\s|^\.ci|\//.test(words))];
  return commands.filter((words) => BEGINS.test(words)).map((words) => words.replace(/ +# .*$/, '').trim());
}

export function readPageCommands(): PageCommand[] {
  return pagesOf().flatMap((page) => [...new Set(commandsOf(page))].map((command) => ({ page, command })));
}
