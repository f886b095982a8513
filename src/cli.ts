/**
 * Command line: the one place that turns the end of a command into an exit code.
 * Takes  the arguments. Gives a process that ends with 0, 1, 2, 3, 130 or 143 (docs/CLI.md), and one clear line on stderr for a failure.
 * Owns   the table of commands. Never prints a stack trace of a failure that is expected.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Config, Errors, run } from '@oclif/core';
import { leaveSoon } from './commands/leave.ts';
import { exitOnSignals } from './commands/signals.ts';
import { MillraceError } from './errors.ts';
import { packageRoot } from './package-root.ts';

/** Runs the program. @param args Without node and script. */
export async function main(args: readonly string[]): Promise<void> {
  exitOnSignals();
  const root = packageRoot();
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const commands = new URL(
    import.meta.url.endsWith('.ts') ? './commands/index.ts' : './commands/index.js',
    import.meta.url,
  );
  const config = new Config({
    root: fileURLToPath(root),
    pjson: {
      ...manifest,
      oclif: {
        bin: 'millrace',
        commands: { strategy: 'explicit', target: fileURLToPath(commands), identifier: 'COMMANDS' },
      },
    },
  });
  // What nobody caught must not look like a run with rejects (exit 1): the journal is whole, and the same command resumes it.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => process.exit(report(error)));
  }
  try {
    await config.load();
    await run([...args], config);
  } catch (error) {
    process.exitCode = report(error);
    leaveSoon();
  }
}

/** Says what went wrong. @returns The exit code. */
function report(error: unknown): number {
  if (error instanceof Errors.ExitError) return error.oclif.exit ?? 0;
  if (error instanceof MillraceError) {
    for (const line of error.message.split('\n')) console.error(`millrace: ${line}`);
    return error.exitCode;
  }
  const isUsage = error instanceof Errors.CLIError;
  const message = error instanceof Error ? error.message : String(error);
  console.error(`millrace: ${isUsage ? message : `this should not have happened: ${message}`}`);
  if (!isUsage && process.env.MILLRACE_DEBUG === '1') console.error(error);
  return isUsage ? 2 : 3;
}
