import { Command } from '@oclif/core';
import { COMMON_FLAGS, parseRedriveOptions, REDRIVE_FLAGS } from '../options/options.ts';
import { redrive } from '../run/redrive.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = { ...REDRIVE_FLAGS, ...COMMON_FLAGS };

export default class Redrive extends Command {
  static override summary = 'Send repaired dead letters; what fails again goes to a new dead-letter file.';
  static override usage = 'redrive DEADLETTER --stream NAME [FLAGS]';
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { words, raw } = await readArguments(this.argv, FLAGS, 'DEADLETTER');
    await runToReport(parseRedriveOptions(words, raw), raw, 'the same command begins again', redrive);
  }
}
