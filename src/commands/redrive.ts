import { Command } from '@oclif/core';
import { MANUAL } from '../options/manual.ts';
import { parseRedriveOptions } from '../options/redrive.ts';
import { redrive } from '../run/redrive.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = MANUAL.redrive.flags;

export default class Redrive extends Command {
  static override summary = MANUAL.redrive.summary;
  static override usage = MANUAL.redrive.usage;
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { words, raw } = await readArguments(this.argv, FLAGS, 'DEADLETTER');
    await runToReport(parseRedriveOptions(words, raw), raw, 'the same command begins again', redrive);
  }
}
