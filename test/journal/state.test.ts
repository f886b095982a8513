import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JournalState, remaining } from '../../src/journal/state.ts';
import { tally } from '../../src/journal/tally.ts';

const object = { bucket: 'b', key: 'k', etag: '"1"', size: 100 };

it('tells for every letter whether its line is done, and keeps ranges sorted and merged, in any order of segments', () => {
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 8 });
  fc.assert(
    fc.property(cuts, fc.infiniteStream(fc.nat()), fc.integer({ min: 0, max: 9 }), (points, order, count) => {
      const edges = [0, ...points.sort((a, b) => a - b), 100];
      const segments = edges.slice(0, -1).map((start, n) => [start, edges[n + 1]!] as const);
      const shuffled = segments
        .map((segment) => [order.next().value!, segment] as const)
        .sort(([a], [b]) => a - b);
      const chosen = shuffled.slice(0, count).map(([, segment]) => segment);
      const state = new JournalState();
      state.apply({ kind: 'object', id: 0, ...object }, 1);
      for (const [start, end] of chosen) {
        state.apply({ kind: 'segment', id: 0, start, end, tally: tally({ bytes: end - start }) }, 2);
      }
      const done = new Set(
        chosen.flatMap(([start, end]) => Array.from({ length: end - start }, (_, n) => start + n)),
      );
      for (let offset = 0; offset < 100; offset += 1) {
        expect(state.covers({ ...object, offset })).toBe(done.has(offset));
      }
      const found = state.partial(0)!;
      const left = new Set(
        remaining(found, 100).flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, n) => start + n),
        ),
      );
      expect(left.size + done.size).toBe(100);
      expect(left.isDisjointFrom(done)).toBe(true);
      found.done.forEach(([start, end], n) => {
        expect(start < end && (n === 0 || found.done[n - 1]![1] < start)).toBe(true);
      });
      expect(state.totals.tally.bytes).toBe(done.size);
    }),
  );
});

describe('letters and objects', () => {
  const rejected = tally({ lines: 1, rejected: 1, codes: { OBJECT_CHANGED: 1 } });
  it('covers the letters of a settled object, its own one too, and not those of its other versions', () => {
    const state = new JournalState();
    expect(state.covers({ ...object, offset: 5 })).toBe(false);
    state.apply({ kind: 'object-done', object, tally: rejected, failed: 'OBJECT_CHANGED' }, 1);
    expect([5, null].map((offset) => state.covers({ ...object, offset }))).toEqual([true, true]);
    expect(state.covers({ ...object, etag: '"2"', offset: 5 })).toBe(false);
  });
  it('does not cover a letter about an object that is still being worked on', () => {
    const state = new JournalState();
    state.apply({ kind: 'object', id: 0, ...object }, 1);
    state.apply({ kind: 'progress', id: 0, offset: 50, tally: tally() }, 1);
    expect([null, 49, 50].map((offset) => state.covers({ ...object, offset }))).toEqual([false, true, false]);
  });
  it('keeps an old version that is partly done apart from a new version that is settled', () => {
    const state = new JournalState();
    state.apply({ kind: 'object', id: 0, ...object }, 1);
    const newer = { ...object, etag: '"2"' };
    expect(state.lookup(newer)).toMatchObject({ kind: 'changed', pinned: { id: 0 } });
    state.apply({ kind: 'object-done', object: newer, tally: rejected, failed: 'OBJECT_CHANGED' }, 1);
    expect([state.lookup(newer).kind, state.lookup(object).kind]).toEqual(['settled', 'partial']);
    expect(state.lookup({ ...object, etag: '"3"' })).toMatchObject({ kind: 'changed', pinned: { id: 0 } });
  });
  it('replaces the sum of an object by what its last line says', () => {
    const state = new JournalState();
    state.apply({ kind: 'object', id: 0, ...object }, 1);
    state.apply(
      { kind: 'progress', id: 0, offset: 10, tally: tally({ records: 1, codes: { SCHEMA: 1 } }) },
      1,
    );
    state.apply({ kind: 'progress', id: 0, offset: 20, tally: tally({ records: 3 }) }, 1);
    state.apply({ kind: 'segment', id: 0, start: 20, end: 30, tally: tally({ records: 4 }) }, 1);
    expect(state.totals.tally).toEqual(tally({ records: 7 }));
    state.apply({ kind: 'object-done', id: 0, tally: tally({ records: 9 }) }, 1);
    expect(state.totals.tally).toEqual(tally({ records: 9 }));
    expect([state.partialCount, state.totals.objectBytesDone]).toEqual([0, 100]);
  });
});

it.each([
  { name: 'nothing done', done: [], offset: 0, left: [[0, 100]] },
  { name: 'all done by ranges', done: [[0, 100]], offset: 0, left: [] },
  { name: 'all done by progress', done: [], offset: 100, left: [] },
  {
    name: 'a hole at the start and at the end',
    done: [[10, 90]],
    offset: 0,
    left: [
      [0, 10],
      [90, 100],
    ],
  },
  {
    name: 'progress and a range behind it',
    done: [[50, 60]],
    offset: 20,
    left: [
      [20, 50],
      [60, 100],
    ],
  },
  { name: 'progress up to a range', done: [[20, 60]], offset: 20, left: [[60, 100]] },
] as const)('finds what is left after $name', ({ done, offset, left }) => {
  expect(remaining({ done, offset }, 100)).toEqual(left);
});
