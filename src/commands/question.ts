/** Question: asks somebody at a terminal before a run sends again what another one has sent. */
import { createInterface } from 'node:readline/promises';
import { printable } from '../base/printable.ts';
import type { BackfillOptions } from '../options/backfill.ts';

/** What `backfill` asks with, or undefined where nobody is there: both ends must be a terminal, and standard input no list of objects. */
export function openQuestion({ sources }: Pick<BackfillOptions, 'sources'>): typeof askNewRun | undefined {
  const isSomebodyThere = process.stdin.isTTY && process.stderr.isTTY && !sources.includes('-');
  return isSomebodyThere ? askNewRun : undefined;
}

/** Anything but a yes is a no. */
async function askNewRun(warning: readonly string[], signal: AbortSignal): Promise<boolean> {
  for (const line of warning) process.stderr.write(`millrace: ${printable(line)}\n`);
  // The terminal stays as it is: Ctrl-C is a signal.
  const terminal = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  const ended = Promise.withResolvers<string>();
  terminal.once('close', () => ended.resolve(''));
  try {
    const asked = terminal.question('millrace: Deliver everything in a new run all the same? [y/N] ', {
      signal,
    });
    return /^y(es)?$/i.test((await Promise.race([asked, ended.promise])).trim());
  } finally {
    terminal.close();
  }
}
