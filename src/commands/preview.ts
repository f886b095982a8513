import { Console } from 'node:console';
import { EXIT } from '../base/exit-code.ts';
import { formatPreview, previewJson } from '../observe/preview.ts';
import { PREVIEW_KNOWN, parsePreviewOptions } from '../options/preview.ts';
import { preview } from '../run/preview.ts';
import { openDisplay } from './display.ts';
import { readArguments } from './flags.ts';
import { leaveSoon } from './leave.ts';
import { printShown } from './outlet.ts';
import { abortOnSignals } from './signals.ts';

export async function run(argv: string[]): Promise<void> {
  const { words, raw } = await readArguments(argv, PREVIEW_KNOWN);
  const options = parsePreviewOptions(words, raw);
  // Stages are asked in this thread, too, about lines that are left out: what they print is no line of ours.
  globalThis.console = new Console(process.stderr, process.stderr);
  const display = openDisplay(raw);
  const signal = abortOnSignals(display.notice, 'nothing was sent');
  try {
    const shown = await preview(options, { signal, onNotice: display.notice });
    display.stop();
    const { stdout, env } = process;
    const look = { columns: stdout.isTTY ? stdout.columns : 0, hasColours: stdout.isTTY && !env.NO_COLOR };
    const isClean = shown.troubles.length === 0 && shown.lines.every(({ outcome }) => outcome !== 'rejected');
    const text = raw.json === true ? previewJson(shown) : formatPreview(shown, look);
    await printShown(text, isClean ? EXIT.done : EXIT.exceptions);
  } finally {
    display.stop();
    leaveSoon();
  }
}
