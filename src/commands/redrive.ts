import { MANUAL } from '../options/manual.ts';
import { parseRedriveOptions } from '../options/redrive.ts';
import { redrive } from '../run/redrive.ts';
import { readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = MANUAL.redrive.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS, 'DEADLETTER');
  await runToReport(parseRedriveOptions(words, raw), raw, 'the same command begins again', redrive);
}
