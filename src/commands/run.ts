/** Run: what `backfill` and `redrive` do alike, once their options are known. */

import { formatReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import type { RawFlags } from '../options/flag.ts';
import { backfill } from '../run/engine.ts';
import { openDisplay } from './display.ts';
import { leaveSoon } from './leave.ts';
import { printReport } from './outlet.ts';
import { openQuestion } from './question.ts';
import { abortOnSignals } from './signals.ts';

/**
 * Runs, shows progress, prints the report and sets the exit code.
 * @param afterwards What the same command does after a signal. Default: it resumes the run.
 * @param run What carries the lines.
 * @throws {MillraceError} When the run cannot begin.
 */
export async function runToReport(
  options: BackfillOptions,
  raw: RawFlags,
  afterwards?: string,
  run: typeof backfill = backfill,
): Promise<void> {
  const display = openDisplay(raw);
  const signal = abortOnSignals(display.notice, afterwards);
  const askNewRun = openQuestion(options);
  try {
    const report = await run(options, {
      signal,
      // With --quiet nobody asks, and nothing is reckoned.
      ...(raw.quiet !== true && { onProgress: display.update }),
      onNotice: display.notice,
      // Who says how many threads send gets them.
      maySendHere: raw.publishers === undefined,
      ...(askNewRun && { askNewRun }),
    });
    display.stop();
    await printReport(raw.json === true ? JSON.stringify(report) : formatReport(report), report.exitCode);
  } finally {
    display.stop();
    leaveSoon();
  }
}
