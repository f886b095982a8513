/** Display: which progress display a command shows, from its raw flags. */
import type { RawFlags } from '../options.ts';
import { createProgress, type ProgressView } from '../report/progress.ts';

/** @returns Functions that need no `this`. `notice` shows nothing with --quiet. */
export function openDisplay(raw: RawFlags) {
  const display = createProgress(raw.quiet === true ? 'none' : process.stderr.isTTY ? 'bar' : 'lines');
  return {
    update: (view: ProgressView) => display.update(view),
    notice: (text: string) => display.notice(text),
    stop: () => display.stop(),
  };
}
