/**
 * Name: what tells the lookup tables of a run apart.
 * Takes  a stage `enrich`. Gives  the table's name among those of the run, and the column that rows are found by.
 */
import { parsePointer } from '../../scan/pointer.ts';

/** A stage `enrich` as plain data (src/shape/stage.ts). */
export interface EnrichSpec {
  readonly kind: 'enrich';
  readonly table: string;
  readonly on: string;
  readonly into: string;
  readonly key: string | null;
  readonly onMissing: 'null' | 'drop' | 'dead-letter';
}

/** What a stage wants of a table. Stages that want the same share one. */
export interface TableWish {
  /** URI or path. */
  readonly table: string;
  /** As the stage names it, or null. */
  readonly key: string | null;
  /** The column where the stage names none: as the member that it looks at is called. */
  readonly member: string;
}

export function wishOf({ table, key, on }: Pick<EnrichSpec, 'table' | 'key' | 'on'>): TableWish {
  return { table, key, member: parsePointer(on).at(-1) ?? '' };
}

/** The columns' names differ where they need not: then the table is held twice, and right. */
export function tableName({ table, key, member }: TableWish): string {
  return JSON.stringify(key === null ? [table, null, member] : [table, key]);
}
