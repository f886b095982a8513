import { Command } from '@oclif/core';
import { parseBackfillOptions } from '../options/backfill.ts';
import { MANUAL } from '../options/manual.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = MANUAL.backfill.flags;

export default class Backfill extends Command {
  static override summary = MANUAL.backfill.summary;
  static override usage = MANUAL.backfill.usage;
  static override examples = [
    '<%= config.bin %> backfill s3://bucket/events/2025/ --stream events --partition-key /user/id',
    '<%= config.bin %> backfill s3://bucket/events/ --stream events --dry-run --json',
  ];
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { words, raw } = await readArguments(this.argv, FLAGS);
    await runToReport(parseBackfillOptions(words, raw), raw);
  }
}
