import { Command } from '@oclif/core';
import { BACKFILL_FLAGS, COMMON_FLAGS, parseBackfillOptions } from '../options/options.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = { ...BACKFILL_FLAGS, ...COMMON_FLAGS };

export default class Backfill extends Command {
  static override summary = 'Carry JSONL objects from S3 to a Kinesis data stream.';
  static override usage = 'backfill SOURCE... --stream NAME [FLAGS]';
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
