/** Publishers' figures in shared memory: a row each, and sums over all rows. */
import { expect, it } from 'vitest';
import { createStats, STAT, statsRow, sumStat } from '../../src/publish/stats.ts';

const COLUMNS = Object.entries(STAT).filter(([name]) => name !== 'COLUMNS');

it('every figure has a column of its own within the row', () => {
  const columns = COLUMNS.map(([, column]) => column);
  expect(new Set(columns).size).toBe(columns.length);
  expect(Math.min(...columns)).toBe(0);
  expect(Math.max(...columns)).toBeLessThan(STAT.COLUMNS);
});

it.each([1, 2, 64])('rows of %i publishers start at zero, fill the memory and do not overlap', (count) => {
  const stats = createStats(count);
  expect(stats.byteLength).toBe(count * STAT.COLUMNS * 8);
  expect(new Float64Array(stats).every((value) => value === 0)).toBe(true);
  for (let i = 0; i < count; i++) statsRow(stats, i).fill(i + 1);
  for (let i = 0; i < count; i++) {
    const row = statsRow(stats, i);
    expect(row.length).toBe(STAT.COLUMNS);
    expect(row.every((value) => value === i + 1)).toBe(true);
  }
});

it.each(COLUMNS)('%s sums its own column over all publishers and nothing else', (_name, column) => {
  const stats = createStats(3);
  for (const [i, value] of [5, 70, 900].entries()) statsRow(stats, i)[column] = value;
  expect(sumStat(stats, column)).toBe(975);
  for (const [, other] of COLUMNS) if (other !== column) expect(sumStat(stats, other)).toBe(0);
});

it('a row is a view: what a publisher writes is read by everyone, beyond 2^32 too', () => {
  const stats = createStats(2);
  const row = statsRow(stats, 1);
  row[STAT.BYTES]! += 2 ** 40;
  row[STAT.BYTES]! += 1;
  expect(sumStat(stats, STAT.BYTES)).toBe(2 ** 40 + 1);
});

it('a publisher beyond the last has no row', () => {
  expect(() => statsRow(createStats(2), 2)).toThrow(RangeError);
});
