import { Command } from '@oclif/core';
import { backfill } from '../engine.ts';
import { COMMON_FLAGS, parseRedriveOptions, REDRIVE_FLAGS } from '../options.ts';
import { formatReport } from '../report/report.ts';
import { openDisplay } from './display.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { abortOnSignals } from './signals.ts';

const FLAGS = { ...REDRIVE_FLAGS, ...COMMON_FLAGS };

export default class Redrive extends Command {
  static override summary = 'Send repaired dead letters; what fails again goes to a new dead-letter file.';
  static override usage = 'redrive DEADLETTER --stream NAME [FLAGS]';
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { words, raw } = readArguments(this.argv, FLAGS);
    const options = parseRedriveOptions(words, raw);
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
