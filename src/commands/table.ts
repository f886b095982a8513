/**
 * Table of commands: which file does what a command line asks for.
 * Takes  the arguments. Gives  the command that they name, loaded when it is run: each brings its half of the program with it.
 * Never  knows oclif, which costs more than the rest of a start: it is for help, the version and words that are no command (help.ts).
 */
import { OptionsError } from '../base/errors.ts';
import type { MANUAL } from '../options/manual.ts';
import { nearestTo } from '../options/nearest.ts';

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

/** What asks for help, wherever it stands in front of `--`. */
const HELP_FLAGS = ['--help', '-h'];

/** The command that is to be run, or null where help is asked for or no command is named. */
export function commandToRun([name = '', ...argv]: readonly string[]): CommandName | null {
  if (!isCommand(name)) return null;
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  return flags.some((flag) => HELP_FLAGS.includes(flag)) ? null : name;
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(FILES, name);
}

/**
 * What help is asked for: `millrace`, `help`, `help status`, `-h`, `status -h` and the like, and the version.
 * @returns The arguments as oclif has them.
 * @throws {OptionsError} Where the words name no command.
 */
export function helpArguments([first = '--help', ...more]: readonly string[]): string[] {
  if (first === 'version' || first === '--version') return ['--version'];
  const name = first === 'help' ? more[0] : first;
  if (name === undefined || HELP_FLAGS.includes(name)) return ['--help'];
  if (isCommand(name)) return [name, '--help'];
  const nearest = nearestTo(name, Object.keys(FILES));
  const hint = nearest === null ? '' : ` Did you mean ${nearest}?`;
  throw new OptionsError([
    `Expected a command, ${Object.keys(FILES).join(', ')}, but received ${name}. See --help.${hint}`,
  ]);
}
