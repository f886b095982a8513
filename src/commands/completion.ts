import { Command } from '@oclif/core';
import { OptionsError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { completionFor, type Shell } from '../options/completion.ts';
import { MANUAL } from '../options/manual.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { printReport } from './outlet.ts';

const SHELLS: readonly string[] = MANUAL.completion.words;

export default class Completion extends Command {
  static override summary = MANUAL.completion.summary;
  static override usage = MANUAL.completion.usage;
  static override flags = oclifFlags(MANUAL.completion.flags);
  static override examples = [
    'eval "$(<%= config.bin %> completion bash)"   # in ~/.bashrc',
    'source <(<%= config.bin %> completion zsh)    # in ~/.zshrc, behind compinit',
  ];

  async run(): Promise<void> {
    const { words, raw } = await readArguments(this.argv, MANUAL.completion.flags);
    const [shell = '', ...more] = words;
    if (!SHELLS.includes(shell) || more.length > 0 || Object.keys(raw).length > 0) {
      const received = this.argv.length === 0 ? 'nothing' : this.argv.join(' ');
      throw new OptionsError([
        `Expected the name of a shell, ${SHELLS.join(' or ')}, but received ${received}.`,
      ]);
    }
    await printReport(completionFor(shell as Shell).trimEnd(), EXIT.done);
  }
}
