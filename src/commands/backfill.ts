import { parseBackfillOptions } from '../options/backfill.ts';
import { MANUAL } from '../options/manual.ts';
import { readArguments } from './flags.ts';
import { runToReport } from './run.ts';

const FLAGS = MANUAL.backfill.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS);
  await runToReport(parseBackfillOptions(words, raw), raw);
}
