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
    await run(asked, config);
    return EXIT.done;
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    if (error instanceof Errors.ExitError) return error.oclif.exit ?? EXIT.done;
    if (error instanceof Errors.CLIError) throw new OptionsError([error.message]);
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall !== 'write') throw error;
    console.error(`millrace: Cannot write the help to stdout: ${message}; the same command gives it again`);
    return EXIT.resumable;
  }
}
