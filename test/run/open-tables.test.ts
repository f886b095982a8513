/** The lookup tables of a run: each read once, within the memory, and told apart by their versions. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Identity, identityDifferences } from '../../src/journal/run-name.ts';
import { assertSameTables, bytesOfTables, tableIdentity, withTables } from '../../src/run/open-tables.ts';
import { planStages } from '../../src/shape/prefix/plan.ts';
import type { RunningStage } from '../../src/shape/stage.ts';
import { openEnrich } from '../../src/shape/stages/enrich.ts';
import { enrichSpec } from '../../src/shape/stages/enrich-spec.ts';
import { openMemorySource } from '../source/memory-source.ts';

const CSV = 'id,name\n7,Ada\n';
const PLACE = { bucket: 'b', key: 'k', modifiedMs: null, offset: 0 };
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-tables-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function setUp() {
  const path = join(folder, 'users.csv');
  writeFileSync(path, CSV);
  const source = openMemorySource(new Map([['ref/users.csv', Buffer.from(CSV)]]));
  const told: string[] = [];
  const asking = {
    ...{ source, bytesMax: 1 << 20, signal: new AbortController().signal },
    onNotice: (notice: string) => told.push(notice),
  };
  return { path, source, asking, told };
}

describe('the tables of a run', () => {
  it('are read once, from objects and from files, and found by the stages that want them', async () => {
    const { path, source, asking, told } = setUp();
    const specs = [
      enrichSpec({ table: 's3://memory/ref/users.csv', on: '/id', into: '/a' }),
      enrichSpec({ table: 's3://memory/ref/users.csv', on: '/user/id', into: '/b' }),
      enrichSpec({ table: path, on: '/name', into: '/c', onMissing: 'drop' }),
    ];
    const stages = (await withTables(planStages(specs), asking))!;
    expect(Object.keys(stages.tables!)).toHaveLength(2);
    expect(source.asked).toEqual([`ref/users.csv 0-${CSV.length}`]);
    expect(told).toHaveLength(2);
    const run = (record: unknown) =>
      specs.reduce(
        (value, spec) => (openEnrich(spec, '1 enrich', stages) as RunningStage).run(value, PLACE),
        record,
      );
    const row = { id: '7', name: 'Ada' };
    expect(run({ id: 7, name: 'Ada' })).toEqual({ id: 7, name: 'Ada', a: row, b: null, c: row });
    expect(stages.tableVersions).toEqual({
      's3://memory/ref/users.csv': `"${CSV.length}"`,
      [path]: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    expect(bytesOfTables(stages)).toBe(
      Object.values(stages.tables!).reduce((sum, { byteLength }) => sum + byteLength, 0),
    );
    // A run whose tables are there never lets a thread load one of its own.
    const other = enrichSpec({ table: 'other.csv', on: '/id', into: '/a' });
    expect(() => openEnrich(other, '1 enrich', stages)).toThrow('The table other.csv was not loaded');
  });

  it('are none where no stage wants one, and nobody is asked', async () => {
    const { source, asking } = setUp();
    const stages = planStages([{ kind: 'drop', pointer: '/a' }]);
    expect([await withTables(null, asking), await withTables(stages, asking)]).toEqual([null, stages]);
    expect([source.asked, bytesOfTables(null), tableIdentity(stages)]).toEqual([[], 0, {}]);
  });

  it('have to fit into the memory together', async () => {
    const { path, asking } = setUp();
    const specs = ['/id', '/name'].map((on) => enrichSpec({ table: path, on, into: '/a' }));
    const { byteLength } = Object.values((await withTables(planStages(specs.slice(1)), asking))!.tables!)[0]!;
    const bytesMax = Math.floor(1.5 * byteLength);
    await expect(withTables(planStages(specs.slice(1)), { ...asking, bytesMax })).resolves.not.toBeNull();
    await expect(withTables(planStages(specs), { ...asking, bytesMax: byteLength + 50 })).rejects.toThrow(
      /^Expected --memory to have room for the table .*users\.csv, but the other buffers leave \d+ B of it/,
    );
  });

  it('are part of what a run is: one that has changed is named in one sentence', async () => {
    const { path, asking } = setUp();
    const stages = planStages([enrichSpec({ table: path, on: '/id', into: '/a' })]);
    const before: Identity = { stream: 's', ...tableIdentity(await withTables(stages, asking)) };
    writeFileSync(path, `${CSV}8,Bob\n`);
    const changed = await withTables(stages, asking);
    const now: Identity = { stream: 's', ...tableIdentity(changed) };
    const sentence = new RegExp(
      `the table ${path} has changed \\(its version was "sha256:[0-9a-f]{64}", is now "sha256:[0-9a-f]{64}"\\)`,
    );
    expect(identityDifferences(before, now)).toEqual([expect.stringMatching(sentence)]);
    expect(identityDifferences(before, before)).toEqual([]);
    expect(() => assertSameTables(before, changed)).toThrow(sentence);
    expect(() => assertSameTables(now, changed)).not.toThrow();
    expect(() => assertSameTables(undefined, changed)).not.toThrow();
    expect(() => assertSameTables({ stream: 's' }, changed)).toThrow(
      'Expected the lookup tables that the run had',
    );
  });
});
