import { exitCodeOfComparison } from '../base/exit-code.ts';
import { MANUAL } from '../options/manual.ts';
import { parseVerifyOptions } from '../options/verify.ts';
import { readRunFacts } from '../verify/facts.ts';
import { formatVerifyReport } from '../verify/format.ts';
import { describePhase } from '../verify/progress.ts';
import { verifyRun } from '../verify/run.ts';
import { openVerifyDisplay } from './display.ts';
import { readArguments } from './flags.ts';
import { leaveSoon } from './leave.ts';
import { printReport } from './outlet.ts';
import { abortOnSignals } from './signals.ts';

const FLAGS = MANUAL.verify.flags;

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, FLAGS);
  const facts = typeof raw.journal === 'string' ? await readRunFacts(raw.journal) : null;
  const options = parseVerifyOptions(words, raw, facts?.identity ?? null, facts?.requestPayer);
  const display = openVerifyDisplay(raw);
  const signal = abortOnSignals(display.notice, 'the same command begins again');
  try {
    const report = await verifyRun(options, facts, {
      signal,
      onProgress: display.update,
      onNotice: display.notice,
      onPhase: (phase) => display.notice(describePhase(phase)),
    });
    display.stop();
    const exitCode = exitCodeOfComparison(report.status, report.error);
    const document = { ...report, exitCode, error: report.error?.message ?? null };
    await printReport(raw.json === true ? JSON.stringify(document) : formatVerifyReport(report), exitCode);
  } finally {
    display.stop();
    leaveSoon();
  }
}
