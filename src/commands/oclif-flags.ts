/** Flags for oclif: the bridge from our tables of flags to its help. They accept any text: src/options/ judges. */
import { Flags } from '@oclif/core';
import { type FlagTable, helpOf, inGroups } from '../options/flag.ts';

/** oclif's form of a table of flags. */
export function oclifFlags(table: FlagTable) {
  const flags = inGroups(table).flatMap(([, group]) => group);
  const entries = flags.map((flag) => {
    const said = { summary: helpOf(flag), ...(flag.group !== undefined && { helpGroup: flag.group }) };
    if (flag.kind === 'switch') return [flag.name, Flags.boolean(said)];
    const common = { ...said, ...(flag.value !== undefined && { helpValue: flag.value }) };
    if (flag.kind === 'list') return [flag.name, Flags.string({ ...common, multiple: true })];
    return [flag.name, Flags.string(common)];
  });
  return Object.fromEntries(entries);
}
