import { EXIT } from '../base/exit-code.ts';
import { RUNS_FOLDER } from '../journal/run-name.ts';
import { formatRuns, formatStatus } from '../observe/format-status.ts';
import { readRuns } from '../observe/runs.ts';
import { readStatus } from '../observe/status.ts';
import { MANUAL } from '../options/manual.ts';
import { parseStatusOptions } from '../options/status.ts';
import { readArguments } from './flags.ts';
import { printReport } from './outlet.ts';

const FLAGS = MANUAL.status.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS);
  const { journal } = parseStatusOptions(words, raw);
  if (journal === null) {
    const runs = await readRuns(RUNS_FOLDER);
    const text = raw.json === true ? JSON.stringify({ runs }) : formatRuns(runs, RUNS_FOLDER);
    return await printReport(text, EXIT.done);
  }
  const status = await readStatus(journal);
  await printReport(raw.json === true ? JSON.stringify(status) : formatStatus(status), EXIT.done);
}
