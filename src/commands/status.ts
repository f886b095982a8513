import { Command } from '@oclif/core';
import { OptionsError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { RUNS_FOLDER } from '../journal/run-name.ts';
import { formatRuns, formatStatus } from '../observe/format-status.ts';
import { readRuns } from '../observe/runs.ts';
import { readStatus } from '../observe/status.ts';
import { COMMON_FLAGS, type FlagSpec } from '../options/options.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { printReport } from './outlet.ts';

const FLAGS: Readonly<Record<string, FlagSpec>> = {
  journal: {
    kind: 'text',
    value: 'FILE',
    help: 'the journal of a run; without it all runs of .millrace are listed',
  },
  json: COMMON_FLAGS.json!,
};

export default class Status extends Command {
  static override summary = 'Say how far a run is, also while it goes on.';
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { raw } = await readArguments(this.argv, FLAGS);
    if (raw.journal === undefined) {
      const runs = await readRuns(RUNS_FOLDER);
      const text = raw.json === true ? JSON.stringify({ runs }) : formatRuns(runs, RUNS_FOLDER);
      return await printReport(text, EXIT.done);
    }
    if (typeof raw.journal !== 'string' || raw.journal === '')
      throw new OptionsError(['Expected --journal to name a journal, but received nothing.']);
    const status = await readStatus(raw.journal);
    await printReport(raw.json === true ? JSON.stringify(status) : formatStatus(status), EXIT.done);
  }
}
