import { Command } from '@oclif/core';
import { backfill } from '../engine.ts';
import { BACKFILL_FLAGS, COMMON_FLAGS, parseBackfillOptions } from '../options.ts';
import { formatReport } from '../report/report.ts';
import { openDisplay } from './display.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { abortOnSignals } from './signals.ts';

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
    const { words, raw } = readArguments(this.argv, FLAGS);
    const options = parseBackfillOptions(words, raw);
    const display = openDisplay(raw);
    const signal = abortOnSignals(display.notice);
    try {
      const report = await backfill(options, {
        signal,
        onProgress: display.update,
        onNotice: display.notice,
      });
      display.stop();
      console.log(raw.json === true ? JSON.stringify(report) : formatReport(report));
      process.exitCode = report.exitCode;
    } finally {
      display.stop();
    }
  }
}
