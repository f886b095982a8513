/**
 * Help: whatever runs no command: help, the version, and what to say of words that name none. By oclif, which is loaded here alone.
 * Takes  the arguments. Gives  the exit code.
 */
import { Errors, run } from '@oclif/core';
import { MillraceError, OptionsError } from '../base/errors.ts';
import { EXIT } from '../base/exit-code.ts';
import { commandConfig } from './config.ts';
import { helpArguments } from './table.ts';

/** @throws {MillraceError} For what it does not understand. */
export async function help(args: readonly string[]): Promise<number> {
  const asked = helpArguments(args);
  try {
    const config = commandConfig();
    await config.load();
    const isHeard = heard();
    await run(asked, config);
    return (await isHeard()) ? EXIT.done : EXIT.resumable;
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (error instanceof Errors.ExitError) return error.oclif.exit ?? EXIT.done;
    if (error instanceof Errors.CLIError) throw new OptionsError([error.message]);
    throw error;
  }
}

/** oclif has begun to throw what stdout says: it is said as of a report. @returns Whether all could be written. */
function heard(): () => Promise<boolean> {
  const { stdout } = process;
  let isLost = false;
  stdout.removeAllListeners('error');
  stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (isLost || code === 'EPIPE') return;
    isLost = true;
    console.error(`millrace: Cannot write the help to stdout: ${message}; the same command gives it again`);
  });
  return async () => {
    await new Promise((resolve) => stdout.write('', resolve));
    return !isLost;
  };
}
