/** Display: which progress display a command shows, from its raw flags. Functions need no `this`; --quiet silences notices, too. */

import { backfillTeller } from '../observe/backfill-progress.ts';
import { createProgress, type Teller } from '../observe/progress.ts';
import type { RawFlags } from '../options/flag.ts';
import { verifyTeller } from '../verify/progress.ts';

/** Of what carries records: `backfill`, `redrive`. */
export function openDisplay(raw: RawFlags) {
  return open(raw, backfillTeller(raw['dry-run'] === true));
}

export function openVerifyDisplay(raw: RawFlags) {
  return open(raw, verifyTeller());
}

function open<View extends { readonly elapsedMs: number }>(raw: RawFlags, tell: Teller<View>) {
  let display = createProgress(raw.quiet === true ? 'none' : process.stderr.isTTY ? 'bar' : 'lines', tell);
  const stop = () => display.stop();
  // A bar hides the cursor, which must come back even when the process ends at once.
  process.once('exit', stop);
  // A full disk, a closed terminal: nobody hears, so nothing more is said.
  process.stderr.once('error', () => {
    stop();
    display = createProgress('none', tell);
  });
  return {
    update: (view: View) => display.update(view),
    notice: (text: string) => display.notice(text),
    stop,
  };
}
