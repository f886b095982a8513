/**
 * Run name: what a run is called, and what tells two runs apart.
 * Takes  a stream's name and the run's identity (sources, stream, options that shape records): plain JSON data.
 * Gives  `<stream>-<8 hex digits>`, and the differences between two identities in words.
 * Owns   the derivation: equal identities have equal names on every machine, whatever the order of their fields.
 * Never  does I/O.
 */
import { hash } from 'node:crypto';

export type Identity = Readonly<Record<string, unknown>>;

/** Where journals that no flag names lie: in the folder that the command is run in. */
export const RUNS_FOLDER = '.millrace';

/** Stood in the identities of format 1, and says only how the work was cut. */
const FORMER_FIELD = 'segmentBytes';

/** Versions of lookup tables, by their names. */
const TABLES = 'tables.';

/** An identity as today's program has it. */
function todays(identity: Identity): Identity {
  const { [FORMER_FIELD]: _, ...fields } = identity;
  return fields;
}

/** @param stream Name or ARN; what a file name cannot hold becomes `_`. */
export function runName(stream: string, identity: Identity): string {
  const name = stream.slice(stream.lastIndexOf('/') + 1).replaceAll(/[^A-Za-z0-9_.-]/g, '_');
  return `${name}-${hash('sha256', canonical(identity), 'hex').slice(0, 8)}`;
}

/** JSON with the fields of each object in code unit order; fields without a value are left out. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}

const SHOWN_CHARS_MAX = 120;

/** What has to be as it was before a run goes on, besides its command. @param differences As they are named below. */
export function conditionOf(differences: readonly string[]): string {
  const kept = [
    ...(differences.some((difference) => difference.startsWith(TABLE_DIFFERENCE))
      ? ['its tables as they were']
      : []),
    ...(differences.includes(MODULES_DIFFERENCE) ? ['its modules as they were'] : []),
    ...(differences.includes(KEY_DIFFERENCE) ? ['the key of --hash that it had'] : []),
  ];
  return ['with the other flags as they are', ...kept].join(' and ');
}

const TABLE_DIFFERENCE = 'the table ';
const MODULES_DIFFERENCE = 'a module of its stages, or a file that one imports, has changed since';
const KEY_DIFFERENCE = 'the key of --hash is another one';

/** What stands in an identity for what it cannot hold. It says nothing to people, and differs as well where what it stands beside does. */
const PRINTS: Readonly<Record<string, { readonly beside: readonly string[]; readonly difference: string }>> =
  {
    laterPrint: {
      beside: [
        ...['transform', 'stages', 'where', 'onWhereError', 'samplePercent'],
        ...['drop', 'set', 'rename', 'hash'],
      ],
      difference: MODULES_DIFFERENCE,
    },
    hashKeyPrint: { beside: ['hash'], difference: KEY_DIFFERENCE },
  };

/** Names each difference, for example `partitionKey was "/id", is now null`. Empty when it is the same run. */
export function identityDifferences(before: Identity, now: Identity): string[] {
  const [old, fresh] = [withoutPrints(todays(before)), withoutPrints(todays(now))];
  return [...fieldDifferences(old, fresh, ''), ...printDifferences(before, now)];
}

function withoutPrints(identity: Identity): Identity {
  return Object.fromEntries(Object.entries(identity).filter(([name]) => !Object.hasOwn(PRINTS, name)));
}

function printDifferences(before: Identity, now: Identity): string[] {
  const isOther = (name: string) => canonical(before[name] ?? null) !== canonical(now[name] ?? null);
  return Object.entries(PRINTS).flatMap(([print, { beside, difference }]) =>
    isOther(print) && !beside.some(isOther) ? [difference] : [],
  );
}

function fieldDifferences(before: Identity, now: Identity, path: string): string[] {
  const differences: string[] = [];
  for (const name of [...new Set([...Object.keys(before), ...Object.keys(now)])].sort()) {
    const [old, fresh] = [
      Object.hasOwn(before, name) ? before[name] : undefined,
      Object.hasOwn(now, name) ? now[name] : undefined,
    ];
    if (canonical(old ?? null) === canonical(fresh ?? null)) continue;
    if (path === TABLES && old !== undefined && fresh !== undefined)
      differences.push(
        `${TABLE_DIFFERENCE}${name} has changed (its version was ${shown(old)}, is now ${shown(fresh)})`,
      );
    else if (isObject(old) && isObject(fresh))
      differences.push(...fieldDifferences(old, fresh, `${path}${name}.`));
    else differences.push(`${path}${name} was ${shown(old)}, is now ${shown(fresh)}`);
  }
  return differences;
}

function isObject(value: unknown): value is Identity {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  const text = canonical(value ?? null);
  return text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text;
}
