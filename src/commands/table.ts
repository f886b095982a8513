/**
 * Table of commands: which file does what a command line asks for.
 * Takes  the arguments. Gives  the command that they name, loaded when it is run: each brings its half of the program with it.
 * Never  knows oclif, which costs more than the rest of a start: it is for help, the version and words that are no command (help.ts).
 */
import type { MANUAL } from '../options/manual.ts';

export type CommandName = keyof typeof MANUAL;

/** Runs one command, from its own arguments to its report and the exit code. */
interface CommandFile {
  run(argv: string[]): Promise<void>;
}

const FILES: Readonly<Record<CommandName, () => Promise<CommandFile>>> = {
  backfill: () => import('./backfill.ts'),
  bench: () => import('./bench.ts'),
  completion: () => import('./completion.ts'),
  demo: () => import('./demo.ts'),
  preview: () => import('./preview.ts'),
  redrive: () => import('./redrive.ts'),
  status: () => import('./status.ts'),
  verify: () => import('./verify.ts'),
};

export async function runCommand(name: CommandName, argv: string[]): Promise<void> {
  await (await FILES[name]()).run(argv);
}

/** The command that is to be run, or null where help is asked for or no command is named. */
export function commandToRun([name = '', ...argv]: readonly string[]): CommandName | null {
  if (!Object.hasOwn(FILES, name)) return null;
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  return flags.includes('--help') ? null : (name as CommandName);
}
