import { OptionsError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { completionFor, type Shell } from '../options/completion.ts';
import { MANUAL } from '../options/manual.ts';
import { readArguments } from './flags.ts';
import { printReport } from './outlet.ts';

const SHELLS: readonly string[] = MANUAL.completion.words;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, MANUAL.completion.flags);
  const [shell = '', ...more] = words;
  if (!SHELLS.includes(shell) || more.length > 0 || Object.keys(raw).length > 0) {
    const received = argv.length === 0 ? 'nothing' : argv.join(' ');
    throw new OptionsError([
      `Expected the name of a shell, ${SHELLS.join(' or ')}, but received ${received}.`,
    ]);
  }
  await printReport(completionFor(shell as Shell).trimEnd(), EXIT.done);
}
