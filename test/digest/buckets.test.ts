import { expect, it } from 'vitest';
import { addBuckets, hasBucket, unequalRounds } from '../../src/digest/buckets.ts';

/** A table of 8 buckets from rows of (count, sumA, sumB). */
function table(rows: Record<number, readonly [number, number, number]>): Uint8Array {
  const cells = new BigUint64Array(24);
  for (const [bucket, row] of Object.entries(rows)) cells.set(row.map(BigInt), 3 * Number(bucket));
  return new Uint8Array(cells.buffer);
}

const listed = (bitmap: Uint8Array) =>
  Array.from({ length: 8 }, (_, i) => i).filter((i) => hasBucket(bitmap, i));

it('finds no bucket in equal tables', () => {
  expect(unequalRounds(table({ 1: [1, 2, 3] }), table({ 1: [1, 2, 3] }), 100)).toEqual([]);
});

it.each([
  { name: 'count', row: [2, 2, 3] as const },
  { name: 'first sum', row: [1, 9, 3] as const },
  { name: 'second sum', row: [1, 2, 9] as const },
])('finds a bucket that differs in its $name only', ({ row }) => {
  const [round] = unequalRounds(table({ 0: [1, 1, 1], 5: [1, 2, 3] }), table({ 0: [1, 1, 1], 5: row }), 100);
  expect([listed(round!.bitmap), round!.sourceRecords, round!.streamRecords]).toEqual([[5], 1, row[0]]);
});

it.each([
  { recordsMax: 30, rounds: [[0, 1, 7]] },
  { recordsMax: 29, rounds: [[0, 1], [7]] },
  { recordsMax: 20, rounds: [[0, 1], [7]] },
  { recordsMax: 19, rounds: [[0], [1], [7]] },
  { recordsMax: 1, rounds: [[0], [1], [7]] },
])('cuts buckets of ten records each into rounds of $recordsMax records', ({ recordsMax, rounds }) => {
  const source = table({ 0: [10, 1, 1], 1: [10, 1, 1], 7: [10, 1, 1] });
  expect(unequalRounds(source, table({}), recordsMax).map(({ bitmap }) => listed(bitmap))).toEqual(rounds);
});

it('adds the buckets of parts modulo 2^64', () => {
  const sum = new BigUint64Array([1n, 2n ** 64n - 1n, 5n]);
  addBuckets(new Uint8Array(sum.buffer), new Uint8Array(new BigUint64Array([2n, 3n, 4n]).buffer));
  expect([...sum]).toEqual([3n, 2n, 9n]);
});
