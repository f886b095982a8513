/**
 * Redrive: a run whose source is a dead-letter file, and the trace that it leaves for `verify`.
 * Takes  options of `redrive`. Gives  the report of the run.
 * Owns   the rule when a trace is certain: the run has come to its end, and the dead-letter file has not changed meanwhile.
 */

import { MillraceError } from '../base/errors.ts';
import { fileMark, tracePath, writeTrace } from '../journal/redrive-trace.ts';
import type { BackfillReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { backfill } from './engine.ts';
import type { BackfillHooks } from './hooks.ts';

/** @throws {MillraceError} When the run cannot begin. */
export async function redrive(options: BackfillOptions, hooks: BackfillHooks = {}): Promise<BackfillReport> {
  const deadLetters = options.deadLetters!;
  const before = await fileMark(deadLetters).catch(() => null);
  const report = await backfill(options, hooks);
  const isEnded = report.status === 'delivered' || report.status === 'delivered-with-rejects';
  if (!isEnded || report.records.delivered === 0) return report;
  try {
    if (before === null || (await fileMark(deadLetters)) !== before)
      throw new MillraceError('MILLRACE_DEAD_LETTER', `Cannot write ${tracePath(deadLetters)}: ${CHANGED}`);
    await writeTrace({
      ...{ deadLetters, again: options.deadLetter!, stream: report.stream, nowMs: Date.now() },
      isFramed: options.framing !== 'lines',
    });
  } catch (error) {
    hooks.onNotice?.(error instanceof Error ? error.message : String(error));
  }
  return report;
}

const CHANGED =
  'the file of letters was changed while it was sent; `verify` will count all of them as dead letters';
