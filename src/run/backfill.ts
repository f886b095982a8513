/**
 * Backfill, as a program calls it: what it gives is checked here, in the types' form or the command line's.
 * Takes  settings, or options that backfillOptions() has checked. Gives what the engine gives (engine.ts).
 */
import type { BackfillReport } from '../observe/report.ts';
import { type BackfillOptions, type BackfillSettings, checkBackfillOptions } from '../options/backfill.ts';
import { backfill as run } from './engine.ts';
import type { BackfillHooks } from './hooks.ts';

/**
 * Carries objects to a stream. The same call goes on where an earlier one stopped.
 * @throws {OptionsError} With every problem of the settings, before anything has begun.
 * @throws {MillraceError} When the run cannot begin.
 */
export async function backfill(
  settings: BackfillSettings | BackfillOptions,
  hooks?: BackfillHooks,
): Promise<BackfillReport> {
  return await run(checkBackfillOptions(settings), hooks);
}
