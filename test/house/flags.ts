/**
 * Pages of flags: `npm run flags -- --write` writes the tables of docs/CLI.md and docs/config.schema.json anew.
 * Takes  the manual (src/options/manual.ts). Gives a page whose blocks between `<!-- flags of NAME -->` and `<!-- end of flags -->` are written,
 *        with all else as it stands, and a JSON Schema of the files that `--config` names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultOf, type Flag, type FlagTable, helpOf, inGroups, without } from '../../src/options/flag.ts';
import { type CommandEntry, MANUAL } from '../../src/options/manual.ts';
import { COMMON_FLAGS } from '../../src/options/output.ts';
import { stageSchema } from '../../src/options/stage-list.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
const PAGE = join(DOCS, 'CLI.md');
const SCHEMA = join(DOCS, 'config.schema.json');
const PLACE = /(<!-- flags of (\w+) -->\n)(?:(?!<!--).*\n)*(<!-- end of flags -->)/g;

const COMMANDS: Readonly<Record<string, CommandEntry>> = MANUAL;
const COMMON = new Set<Flag>(Object.values(COMMON_FLAGS));
const BACKFILL = new Set<Flag>(Object.values(MANUAL.backfill.flags));

const code = (text: string) => `\`${text}\``;
const cell = (text: string) => text.replaceAll('|', '\\|');

/** `--wire` `cbor` or `json`; `--max-rejects` N or P%. */
function nameOf({ name, value, choices }: Flag): string {
  const texts =
    choices?.map(code) ?? value?.split('|').map((text) => (/^[a-z-]+$/.test(text) ? code(text) : text));
  return [code(`--${name}`), ...(texts === undefined ? [] : [oneOf(texts)])].join(' ');
}

/** `a, b or c`. */
function oneOf(texts: readonly string[]): string {
  return texts.join(', ').replace(/, ([^,]*)$/, ' or $1');
}

function defaultCell(flag: Flag): string {
  const shown = defaultOf(flag);
  if (flag.isRequired) return 'required';
  if (shown === null) return flag.kind === 'switch' ? 'off' : 'none';
  return flag.choices !== undefined || shown.includes('<') ? code(shown) : shown;
}

function tableOf(flags: FlagTable): string {
  const rows = inGroups(flags).flatMap(([group, members]) => [
    ...(group === undefined ? [] : [`| **${group[0]!.toUpperCase()}${group.slice(1)} flags** | | |`]),
    ...members.map((flag) =>
      [`| ${nameOf(flag)}`, defaultCell(flag), `${cell(flag.meaning ?? flag.help)} |`].join(' | '),
    ),
  ]);
  return ['| flag | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

/** A command's own flags, and the names of those that it shares with `backfill`. */
function blockOf(name: string): string {
  if (name === 'common') return tableOf(COMMON_FLAGS);
  const { flags } = COMMANDS[name]!;
  if (name === 'backfill') return tableOf(without(MANUAL.backfill.flags, Object.keys(COMMON_FLAGS) as []));
  const entries = Object.entries(flags).filter(([, { isOnlyInFile }]) => !isOnlyInFile);
  const own = entries.filter(([, flag]) => !BACKFILL.has(flag) && !COMMON.has(flag));
  const shared = entries.filter(([, flag]) => BACKFILL.has(flag) && !COMMON.has(flag));
  const common = entries.filter(([, flag]) => COMMON.has(flag));
  const names = (list: typeof entries) => list.map(([, flag]) => code(`--${flag.name}`)).join(', ');
  const isAll = common.length === COMMON.size;
  const also = [
    ...(shared.length === 0 ? [] : [`As ${code('backfill')} has them: ${names(shared)}.`]),
    ...(common.length === 0
      ? []
      : [`As all commands have them: ${isAll ? '[above](#flags-of-all-commands)' : names(common)}.`]),
  ];
  return [...(own.length === 0 ? [] : [tableOf(Object.fromEntries(own)), '']), also.join(' ')]
    .join('\n')
    .trimEnd();
}

/** docs/CLI.md as it should be. */
export function pageWithFlags(): string {
  const page = readFileSync(PAGE, 'utf8');
  const written: string[] = [];
  const text = page.replace(PLACE, (_, begin: string, name: string, end: string) => {
    written.push(name);
    return `${begin}${blockOf(name)}\n${end}`;
  });
  const missing = ['common', ...Object.keys(COMMANDS)].filter((name) => {
    const hasFlags = name === 'common' || Object.keys(COMMANDS[name]!.flags).length > 0;
    return hasFlags && !written.includes(name);
  });
  if (missing.length > 0)
    throw new Error(`Cannot write the flags: ${PAGE} has no place for those of ${missing}`);
  return text;
}

function schemaOf(flags: FlagTable): object {
  const members = Object.values(flags).filter(({ name }) => name !== 'config');
  const properties = members.map((flag) => [flag.name, { description: helpOf(flag), ...flag.schema }]);
  return {
    type: 'object',
    properties: { $schema: { type: 'string' }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  };
}

/** docs/config.schema.json as it should be: a file fits when it fits a command. */
export function configSchema(): string {
  const commands = Object.entries(COMMANDS).filter(([, { flags }]) => Object.hasOwn(flags, 'config'));
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Flags of millrace in a file',
    description:
      'What --config takes, in YAML or JSON: keys are named like the flags. Ranges of sizes and times are checked by the program alone.',
    anyOf: commands.map(([name]) => ({ $ref: `#/$defs/${name}` })),
    $defs: {
      ...Object.fromEntries(commands.map(([name, { flags }]) => [name, schemaOf(flags)])),
      stage: stageSchema(),
    },
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

if (import.meta.main) {
  if (process.argv.includes('--write')) {
    writeFileSync(PAGE, pageWithFlags());
    writeFileSync(SCHEMA, configSchema());
  } else process.stdout.write(pageWithFlags());
}
