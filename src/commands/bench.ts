import { runBench } from '../embedded/bench.ts';
import { formatBench } from '../embedded/bench-report.ts';
import { parseBenchOptions } from '../options/bench.ts';
import { MANUAL } from '../options/manual.ts';
import { openDisplay } from './display.ts';
import { readArguments } from './flags.ts';
import { printReport } from './outlet.ts';
import { abortOnSignals } from './signals.ts';

const FLAGS = MANUAL.bench.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS);
  const options = parseBenchOptions(words, raw);
  const display = openDisplay(raw);
  const signal = abortOnSignals(display.notice, 'the same command measures again');
  try {
    const report = await runBench(options, {
      signal,
      onProgress: display.update,
      onNotice: display.notice,
    });
    display.stop();
    await printReport(raw.json === true ? JSON.stringify(report) : formatBench(report), report.exitCode);
  } finally {
    display.stop();
  }
}
