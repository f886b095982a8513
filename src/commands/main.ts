/**
 * Command line: the one place that turns the end of a command into an exit code.
 * Takes  the arguments. Gives a process that ends with 0, 1, 2, 3, 129, 130 or 143 (docs/CLI.md), and one clear line on stderr for a failure.
 * Never prints a stack trace of a failure that is expected.
 */
import { MillraceError, OptionsError } from '../base/errors.ts';
import { EXIT, isSignalExit } from '../base/exit-code.ts';
import { INSTALL_ADVICE, isInstallationBroken } from '../base/installation.ts';
import { printable } from '../base/printable.ts';
import { leaveSoon, leaveWhole } from './leave.ts';
import { expectJson, guardOutput, reportFailure } from './outlet.ts';
import { exitOnSignals } from './signals.ts';
import { commandToRun, runCommand } from './table.ts';

/** Node's exit code when nothing is left to run and something is still awaited. */
const UNSETTLED = 13;

/** Runs the program. @param args Without node and script. */
export async function main(args: readonly string[]): Promise<void> {
  guardOutput();
  expectJson(args.includes('--json'));
  exitOnSignals();
  // What nobody caught must not look like a run with rejects (exit 1): the journal is whole, and the same command resumes it.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => process.exit(report(error)));
  }
  process.on('exit', (code) => {
    if (code === UNSETTLED) process.exitCode = report(new Error('nothing is left to wait for'));
  });
  try {
    assertFolder();
    const command = commandToRun(args);
    if (command === null) process.exitCode = await (await import('./help.ts')).help(args);
    else await runCommand(command, args.slice(1));
  } catch (error) {
    process.exitCode = report(error);
    leaveSoon();
  }
  leaveWhole();
}

/** Journals lie in it, and threads begin in it. @throws {OptionsError} Where somebody has removed the folder that the program stands in. */
function assertFolder(): void {
  try {
    process.cwd();
  } catch {
    throw new OptionsError(['Cannot begin here: the current folder is gone. Change into one that is there.']);
  }
}

/** Says what went wrong. @returns The exit code. */
function report(error: unknown): number {
  const { message, exitCode } = wordsFor(error);
  for (const line of message.split('\n')) console.error(`millrace: ${line}`);
  if (exitCode === EXIT.resumable && process.env.MILLRACE_DEBUG === '1') console.error(error);
  const isTimeUp = error instanceof MillraceError && error.code === 'MILLRACE_TIMEOUT';
  reportFailure(exitCode, message, isTimeUp || isSignalExit(exitCode));
  return exitCode;
}

function wordsFor(error: unknown): { message: string; exitCode: number } {
  if (error instanceof MillraceError) return error;
  const said = error instanceof Error ? error.message : String(error);
  if (isInstallationBroken(error))
    return { message: `${printable(said.split('\n')[0]!)}; ${INSTALL_ADVICE}`, exitCode: EXIT.refused };
  return { message: `this should not have happened: ${printable(said)}`, exitCode: EXIT.resumable };
}
