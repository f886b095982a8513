/**
 * Flag: one definition of each flag. What the command line and a configuration file take, what a program gives, the checked value, the
 * default, --help, docs/CLI.md, the JSON Schema of --config, completion and the identity of a run all come from it.
 * Owns   the form of a definition, and how tables of them are read. Kinds of values are in kinds.ts, flags in the files of their commands.
 * A table is keyed by what the checked option is called, with its unit: `segmentBytes: size('segment-size', ...)`.
 */
import type { StageSpec } from '../shape/stage.ts';
import type { Problems } from './problems.ts';
import type { StageList } from './stage-list.ts';

/** Headings of --help, and of the tables in docs/CLI.md, in their order. */
const GROUPS = ['object', 'record', 'reading', 'sending', 'progress', 'run', 'output', 'AWS'] as const;
export type Group = (typeof GROUPS)[number];

/** What is said about a flag, whatever kind of value it has. */
export interface Says {
  readonly help: string;
  /** For docs/CLI.md, where there is more to say. */
  readonly meaning?: string;
  /** Absent: what the command is about. */
  readonly group?: Group;
  /** The default as it would be typed. */
  readonly default?: string;
  /** In words, where the default cannot be typed: computed, or something else in its place. */
  readonly absent?: string;
  readonly isRequired?: true;
  /** The flag is part of a run's identity: it chooses objects, or says what becomes of their lines. */
  readonly identity?: 'chooses' | 'shapes';
  /** Younger than 0.1. Where it is not given it is left out of the identity, so that earlier runs keep their names. */
  readonly isYounger?: true;
  /** It stands in configuration files and is given by programs, and is never typed. */
  readonly isOnlyInFile?: true;
}

export type JsonSchema = Readonly<Record<string, unknown>>;

/** @typeParam Value The checked option. */
export interface Flag<Value = unknown> extends Says {
  /** Without the dashes. */
  readonly name: string;
  readonly kind: 'text' | 'list' | 'switch';
  /** What stands for its value: `SIZE`. Switches have none. */
  readonly value?: string;
  /** Texts that may be typed, all of them. */
  readonly choices?: readonly string[];
  /** Of its value in a configuration file. */
  readonly schema: JsonSchema;
  /** The option where nothing is said. */
  fallback(): Value;
  /** The option for what was typed or stands in a configuration file. */
  read(raw: unknown, problems: Problems): Value;
  /** The option for what a program gives, by the same rules and with the same messages. */
  accept(option: unknown, problems: Problems): Value;
  /** The option as it would be typed. */
  typed(option: Value): unknown;
}

export type FlagTable = Readonly<Record<string, Flag>>;

/** The checked options of a table. */
export type OptionsOf<Table extends FlagTable> = {
  readonly [Option in keyof Table]: Table[Option] extends Flag<infer Value> ? Value : never;
};

/** The options of a table as a program gives them: null and undefined are the default, one text is a list of one. */
export type SettingsOf<Table extends FlagTable> = {
  readonly [Option in keyof Table]?: Setting<OptionsOf<Table>[Option]> | null | undefined;
};
type Setting<Value> = Value extends readonly string[]
  ? string | Value
  : Value extends readonly StageSpec[]
    ? StageList
    : Value;

/** Raw text by flag name, as typed or as a configuration file has it. */
export type RawFlags = Readonly<Record<string, unknown>>;

/** In place of the value of a flag that was typed without one. */
export const NO_VALUE = Symbol('nothing');

/** Reads flags by their names. Flags that the table does not know are ignored. */
export function readFlags<Table extends FlagTable>(
  table: Table,
  raw: RawFlags,
  problems: Problems,
): OptionsOf<Table> {
  return mapped(table, (flag) => flag.read(raw[flag.name], problems));
}

/** Takes what a program gives, by the names of the options. */
export function acceptOptions<Table extends FlagTable>(
  table: Table,
  given: Readonly<Record<string, unknown>>,
  problems: Problems,
): OptionsOf<Table> {
  return mapped(table, (flag, option) => flag.accept(given[option], problems));
}

function mapped<Table extends FlagTable>(
  table: Table,
  optionOf: (flag: Flag, option: string) => unknown,
): OptionsOf<Table> {
  const entries = Object.entries(table).map(([option, flag]) => [option, optionOf(flag, option)]);
  return Object.fromEntries(entries) as OptionsOf<Table>;
}

/** A part of a table. */
export function without<Table extends FlagTable, Option extends keyof Table>(
  table: Table,
  options: readonly Option[],
): Omit<Table, Option> {
  const left = Object.entries(table).filter(([option]) => !options.includes(option as unknown as Option));
  return Object.fromEntries(left) as Omit<Table, Option>;
}

/** The flags of tables by their names; where two have one name, the last one's. */
export function flagsByName(...tables: readonly FlagTable[]): ReadonlyMap<string, Flag> {
  return new Map(tables.flatMap((table) => Object.values(table).map((flag) => [flag.name, flag] as const)));
}

/** Flags that can be typed, by groups, those without one first; within a group as the table has them. */
export function inGroups(table: FlagTable): readonly (readonly [Group | undefined, readonly Flag[]])[] {
  const flags = Object.values(table).filter(({ isOnlyInFile }) => !isOnlyInFile);
  return [undefined, ...GROUPS]
    .map((group) => [group, flags.filter((flag) => flag.group === group)] as const)
    .filter(([, found]) => found.length > 0);
}

/** A default in words, or null without one. */
export function defaultOf(flag: Flag): string | null {
  return flag.default ?? flag.absent ?? null;
}

/** One line for --help. */
export function helpOf(flag: Flag): string {
  const shown = defaultOf(flag);
  return shown === null ? flag.help : `${flag.help} [${shown}]`;
}
