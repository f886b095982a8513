/**
 * Orders of what is sold at that time in that country; availability.csv has the rules, and who keeps them needs no code:
 * `--transform examples/stages/availability.ts`.
 */
import { join } from 'node:path';
import { drop, enrich, pipe, where } from 'millrace/stages';

const rules = join(import.meta.dirname, 'availability.csv');

export default pipe(
  // What no rule names is not for sale.
  enrich({ table: rules, on: '/item', into: '/rule', onMissing: 'drop' }),
  // Days of ISO 8601 are in the order of the alphabet; an empty one is no bound.
  where('record.rule.from == "" || record.day >= record.rule.from'),
  where('record.rule.until == "" || record.day < record.rule.until'),
  where('record.rule.countries == "*" || record.rule.countries.contains(record.country)'),
  drop('/rule'),
);
