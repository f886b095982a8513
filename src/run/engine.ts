/**
 * Engine: what a run takes from a program, and its beginning.
 * Takes  checked options, an abort signal, a place for progress.
 * Gives  a report. It throws only before the run has begun.
 * Owns   the time limit of a run, and what is open until it has begun.
 */
import type { BackfillReport } from '../observe/report.ts';
import type { BackfillOptions } from '../options/backfill.ts';
import { openEnding } from './ending.ts';
import type { BackfillHooks } from './hooks.ts';
import { type Prepared, prepare } from './prepare.ts';
import { Run } from './run.ts';

/**
 * Carries the sources to the stream.
 * @throws {MillraceError} When the run cannot begin.
 */
export async function backfill(options: BackfillOptions, hooks: BackfillHooks = {}): Promise<BackfillReport> {
  const startedAtMs = performance.now();
  const ending = openEnding(options.timeoutMs, hooks.signal);
  try {
    const prepared = await prepare(options, ending.signal, hooks);
    const run = await begin(prepared, () => {
      return new Run(options, prepared, { ...hooks, signal: ending.signal }, startedAtMs);
    });
    return await run.execute();
  } finally {
    ending.close();
  }
}

/** What cannot begin, for want of memory, leaves nothing open: whoever called may try again. */
async function begin(prepared: Prepared, create: () => Run): Promise<Run> {
  try {
    return create();
  } catch (error) {
    const { journal, deadLetters, source, sink } = prepared;
    await journal?.close({ status: 'failed', complete: false });
    await deadLetters?.close();
    source.close();
    sink.close();
    throw error;
  }
}
