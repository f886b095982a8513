/** Documented: which fields of a report docs/CLI.md does not name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const CLI = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'CLI.md'), 'utf8');
/** Names in JSON of the page, and names in backticks, of which the last part counts. */
const NAMES = new Set(
  [...CLI.matchAll(/"(\w+)":|`(?:\w+\.)*(\w+)`|[{,] "(\w+)"/g)].map(
    ([, one, two, three]) => one ?? two ?? three,
  ),
);

/** Paths of fields that the page does not name. Keys under `rejectedByCode` are codes of their own. */
export function undocumentedFields(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => undocumentedFields(item, path));
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(NAMES.has(name) ? [] : [`${path}${name}`]),
    ...undocumentedFields(inner, `${path}${name}.`),
  ]);
}
