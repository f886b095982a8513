import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addRange, subtractLeft, workWithin } from '../../src/ring/ranges.ts';

it.each([
  { name: 'nothing done', done: [], left: [], work: [[0, 100, null]] },
  { name: 'all done', done: [[0, 100]], left: [], work: [] },
  {
    name: 'a hole at the start and at the end',
    done: [[10, 90]],
    left: [],
    work: [
      [0, 10, null],
      [90, 100, null],
    ],
  },
  { name: 'a range behind the end', done: [[50, 300]], left: [], work: [[0, 50, null]] },
  {
    name: 'a range with records left between two that are done',
    done: [
      [0, 20],
      [60, 100],
    ],
    left: [{ start: 20, end: 60, offsets: [25, 40] }],
    work: [[20, 60, [25, 40]]],
  },
  {
    name: 'a range with records left that begins before',
    done: [],
    left: [{ start: -20, end: 60, offsets: [-5, 40] }],
    work: [
      [0, 60, [40]],
      [60, 100, null],
    ],
  },
] as const)('finds what is left of [0, 100) after $name', ({ done, left, work }) => {
  const found = workWithin(0, 100, done, left).map(({ start, end, only }) => [
    start,
    end,
    only?.offsets ?? null,
  ]);
  expect(found).toEqual(work);
});

it('adds ranges in any order, keeps them merged, and refuses what is there already', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 9 })), { maxLength: 20 }),
      (asked) => {
        let ranges: readonly (readonly [number, number])[] = [];
        const bytes = new Set<number>();
        for (const [start, length] of asked) {
          const range = Array.from({ length }, (_, n) => start + n);
          const next = addRange(ranges, [start, start + length]);
          expect(next === null).toBe(range.some((byte) => bytes.has(byte)));
          if (next === null) continue;
          ranges = next;
          for (const byte of range) bytes.add(byte);
        }
        const covered = ranges.flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, n) => start + n),
        );
        expect(covered).toEqual([...bytes].sort((a, b) => a - b));
        const isMerged = ranges.every(([start], n) => n === 0 || ranges[n - 1]![1] < start);
        expect(isMerged).toBe(true);
      },
    ),
  );
});

it('takes a part out of the middle of what is left', () => {
  const left = [{ start: 0, end: 100, offsets: [1, 40, 50, 99] }];
  expect(subtractLeft(left, 40, 60)).toEqual([
    { start: 0, end: 40, offsets: [1] },
    { start: 60, end: 100, offsets: [99] },
  ]);
  expect(subtractLeft(left, 0, 100)).toEqual([]);
});
