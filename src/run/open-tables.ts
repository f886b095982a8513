/**
 * Open tables: the lookup tables of a run, each read once, for all threads.
 * Takes  the stages of the run, the source, and how much memory tables may take.
 * Gives  tables in shared memory; their versions, which are part of the run's identity.
 * Owns   the order: versions are known before a journal is chosen, and tables are there before a journal is written.
 */
import { OptionsError } from '../base/errors.ts';
import { isObjectUri } from '../base/object-uri.ts';
import { type Identity, identityDifferences } from '../journal/run-name.ts';
import type { Stages } from '../shape/stages.ts';
import { type TableWish, tableName, wishOf } from '../shape/table/name.ts';
import type { TableFile } from '../shape/table/rows/table-file.ts';
import type { RangeReader, Source } from '../source/source.ts';
import { openTableObject } from '../source/table-object.ts';
import { objectNameOf } from './sources.ts';

/** Who is asked for tables, and who is told of them. */
export interface TableAsking {
  readonly source: Source;
  /** What all tables may take. */
  readonly bytesMax: number;
  readonly onNotice: (text: string) => void;
  readonly signal: AbortSignal;
}

/** @returns The stages with their tables. @throws {MillraceError} One of them cannot be read, or is too large. */
export async function withTables(stages: Stages | null, asking: TableAsking): Promise<Stages | null> {
  const wishes = new Map<string, TableWish>();
  for (const spec of stages?.later ?? [])
    if (spec.kind === 'enrich') wishes.set(tableName(wishOf(spec)), wishOf(spec));
  if (stages === null || wishes.size === 0) return stages;
  const reader = asking.source.openReader();
  try {
    return { ...stages, ...(await load(wishes, reader, asking)) };
  } finally {
    reader.close();
  }
}

async function load(
  wishes: ReadonlyMap<string, TableWish>,
  reader: RangeReader,
  { source, bytesMax, onNotice, signal }: TableAsking,
): Promise<Pick<Stages, 'tables' | 'tableVersions'>> {
  // Loaded only here: a start without tables does not need them.
  const [{ loadTable }, { openLocalTable }] = await Promise.all([
    import('../shape/table/load.ts'),
    import('../shape/table/local-file.ts'),
  ]);
  const files = new Map<string, TableFile>();
  const tables: Record<string, SharedArrayBuffer> = {};
  let leftBytes = bytesMax;
  for (const [name, wish] of wishes) {
    const { table } = wish;
    // Two tables of one file are of one version.
    const file =
      files.get(table) ??
      (isObjectUri(table)
        ? await openTableObject(objectNameOf(table), source, reader, signal)
        : await openLocalTable(table));
    files.set(table, file);
    const { memory, notice } = await loadTable(file, wish, leftBytes);
    tables[name] = memory;
    leftBytes -= memory.byteLength;
    onNotice(notice);
  }
  const tableVersions = Object.fromEntries(Array.from(files, ([table, { version }]) => [table, version]));
  return { tables, tableVersions };
}

/** The part of a run's identity that tables are. */
export function tableIdentity(stages: Stages | null): Identity {
  const versions = stages?.tableVersions;
  return versions === undefined ? {} : { tables: versions };
}

/** @param before The run's identity. @throws {OptionsError} When another table would make other records. */
export function assertSameTables(before: Identity | undefined, stages: Stages | null): void {
  const [difference] = identityDifferences(
    { tables: before?.tables ?? {} },
    { tables: {}, ...tableIdentity(stages) },
  );
  if (before !== undefined && difference !== undefined)
    throw new OptionsError([`Expected the lookup tables that the run had, but ${difference}.`]);
}

/** What tables take of the memory. */
export function bytesOfTables(stages: Stages | null): number {
  return Object.values(stages?.tables ?? {}).reduce((sum, { byteLength }) => sum + byteLength, 0);
}
