import { Command } from '@oclif/core';
import { COMMON_FLAGS } from '../options.ts';
import { formatCount } from '../quantity.ts';
import { formatVerifyReport } from '../report/format-verify.ts';
import { parseVerifyOptions, VERIFY_FLAGS } from '../verify-options.ts';
import { readRunFacts, verifyRun } from '../verify-run.ts';
import { oclifFlags, readArguments } from './flags.ts';
import { abortOnSignals } from './signals.ts';

const PROGRESS_INTERVAL_MS = 2_000;
const FLAGS = { ...VERIFY_FLAGS, ...COMMON_FLAGS };

export default class Verify extends Command {
  static override summary = 'Prove that a stream holds every record of the sources, unaltered.';
  static override usage = 'verify [SOURCE...] --stream NAME | --journal FILE [FLAGS]';
  static override flags = oclifFlags(FLAGS);

  async run(): Promise<void> {
    const { words, raw } = readArguments(this.argv, FLAGS);
    const facts = typeof raw.journal === 'string' ? await readRunFacts(raw.journal) : null;
    const options = parseVerifyOptions(words, raw, facts?.identity ?? null);
    const say = raw.quiet === true ? () => {} : (text: string) => process.stderr.write(`millrace: ${text}\n`);
    const signal = abortOnSignals(say);
    let saidAtMs = performance.now();
    const report = await verifyRun(options, facts, {
      signal,
      onProgress: (records) => {
        if (performance.now() - saidAtMs < PROGRESS_INTERVAL_MS) return;
        saidAtMs = performance.now();
        say(`${formatCount(records)} records of the stream read`);
      },
      onPhase: (phase) =>
        say(
          phase.name === 'digest'
            ? 'reading source and stream'
            : `naming differences: round ${phase.round} of ${phase.rounds}, ${phase.step}`,
        ),
    });
    console.log(
      raw.json === true
        ? JSON.stringify({ ...report, error: report.error?.message ?? null })
        : formatVerifyReport(report),
    );
    process.exitCode = report.error ? report.error.exitCode : report.status === 'differ' ? 1 : 0;
  }
}
