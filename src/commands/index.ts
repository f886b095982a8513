/** The table of commands, as oclif reads it for its help: what the manual says of each. */
import { Command } from '@oclif/core';
import { type CommandEntry, MANUAL } from '../options/manual.ts';
import { oclifFlags } from './oclif-flags.ts';
import { type CommandName, runCommand } from './table.ts';

function commandClass(name: CommandName): Command.Class {
  const { summary, usage, examples, flags }: CommandEntry = MANUAL[name];
  return class extends Command {
    static override summary = summary;
    static override usage = usage;
    static override examples = [...(examples ?? [])];
    static override flags = oclifFlags(flags);

    async run(): Promise<void> {
      await runCommand(name, this.argv);
    }
  };
}

const names = Object.keys(MANUAL) as CommandName[];
export const COMMANDS = Object.fromEntries(names.map((name) => [name, commandClass(name)]));
