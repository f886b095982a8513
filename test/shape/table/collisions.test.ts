/** Lookup tables in the worst case: every key has the same hash, so all of them want one slot, and their tags say nothing. */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { TableBuilder } from '../../../src/shape/table/build.ts';
import { halfSipHash } from '../../../src/shape/table/hash.ts';
import { Table } from '../../../src/shape/table/table.ts';

vi.mock('../../../src/shape/table/hash.ts', () => ({
  hashWords: Uint32Array.of(0xffffffff, 0xabcd0000),
  halfSipHash: vi.fn(),
}));

it('keys are told apart by their bytes alone, and the search for one that is missing ends', () => {
  const key = fc.string({ maxLength: 3 });
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.nat()), { maxLength: 40 }), fc.array(key), (rows, others) => {
      const builder = new TableBuilder(1 << 20);
      for (const [name, row] of rows) builder.add(name, String(row));
      const table = new Table(builder.finish());
      const map = new Map(rows);
      expect(builder.repeatedCount).toBe(rows.length - map.size);
      for (const name of [...map.keys(), ...others]) expect(table.find(name)).toBe(map.get(name));
    }),
    { numRuns: 200 },
  );
  expect(halfSipHash).toHaveBeenCalled();
});
