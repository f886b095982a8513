import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JournalState, workOf } from '../../src/journal/state.ts';
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
        workOf(found, 100).flatMap(({ start, end }) =>
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
    state.apply({ kind: 'segment', id: 0, start: 0, end: 10, tally: tally() }, 1);
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

describe('records that an orderly stop has left', () => {
  const begin = () => {
    const state = new JournalState();
    state.apply({ kind: 'object', id: 0, ...object, format: 'plain' }, 1);
    state.apply({ kind: 'segment', id: 0, start: 0, end: 20, tally: tally({ lines: 2, records: 2 }) }, 1);
    const part = tally({ lines: 3, rejected: 1, records: 2, codes: { INVALID_JSON: 1 } });
    state.apply({ kind: 'left', id: 0, start: 20, end: 60, offsets: [22, 41], tally: part }, 1);
    return state;
  };
  it('are all that is left of their range', () => {
    const state = begin();
    expect(workOf(state.partial(0)!, 100)).toEqual([
      { start: 20, end: 60, only: { offsets: [22, 41] } },
      { start: 60, end: 100, only: null },
    ]);
    expect(state.totals.tally).toMatchObject({ lines: 5, records: 4, rejected: 1 });
  });
  it('have no letter yet, and the other lines of their range have theirs', () => {
    const state = begin();
    expect([10, 22, 30, 41, 60].map((offset) => state.covers({ ...object, offset }))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
  });
  it('become fewer with what is done of them, in any cut, and are gone in the end', () => {
    const state = begin();
    state.apply({ kind: 'segment', id: 0, start: 20, end: 40, tally: tally({ lines: 1, records: 1 }) }, 2);
    expect(state.partial(0)!.left).toEqual([{ start: 40, end: 60, offsets: [41] }]);
    state.apply({ kind: 'segment', id: 0, start: 40, end: 100, tally: tally({ lines: 5, records: 5 }) }, 2);
    expect([state.partial(0)!.left, workOf(state.partial(0)!, 100)]).toEqual([[], []]);
  });
  it('are told anew by a second stop', () => {
    const state = begin();
    state.apply(
      { kind: 'left', id: 0, start: 20, end: 60, offsets: [41], tally: tally({ lines: 1, records: 1 }) },
      2,
    );
    expect(state.partial(0)!.left).toEqual([{ start: 20, end: 60, offsets: [41] }]);
    expect(state.totals.tally).toMatchObject({ lines: 6, records: 5 });
  });
  it('cannot be of a range that is done', () => {
    const state = begin();
    expect(() =>
      state.apply({ kind: 'left', id: 0, start: 10, end: 30, offsets: [12], tally: tally() }, 2),
    ).toThrow('range 10 to 30 of object 0 is done already');
  });
});

describe('an object that could not be read', () => {
  const begin = () => {
    const state = new JournalState();
    state.apply({ kind: 'object', id: 0, ...object, format: 'plain' }, 1);
    state.apply({ kind: 'segment', id: 0, start: 0, end: 20, tally: tally({ lines: 2, records: 2 }) }, 1);
    state.apply({ kind: 'object-failed', id: 0, failed: 'OBJECT_UNREADABLE' }, 1);
    return state;
  };
  it('counts as failed, with its letter, until the next process begins', () => {
    const state = begin();
    expect(state.totalsNow()).toMatchObject({
      objectsFailed: 1,
      objectBytesDone: 100,
      failedByCode: { OBJECT_UNREADABLE: 1 },
      tally: { rejected: 0 },
    });
    state.apply({ kind: 'start', pid: 1 }, 2);
    expect(state.totalsNow()).toMatchObject({ objectsFailed: 0, objectBytesDone: 0, failedByCode: {} });
  });
  it('keeps what was delivered of it, and its letter is not covered', () => {
    const state = begin();
    expect(state.lookup(object)).toMatchObject({ kind: 'partial', object: { done: [[0, 20]] } });
    expect([10, null].map((offset) => state.covers({ ...object, offset }))).toEqual([true, false]);
  });
});

it('lets another version of an object take its place of which nothing was delivered', () => {
  const state = new JournalState();
  state.apply({ kind: 'object', id: 0, ...object, format: 'plain' }, 1);
  const newer = { ...object, etag: '"2"' };
  expect(state.lookup(newer).kind).toBe('unknown');
  state.apply({ kind: 'object', id: 1, ...newer, format: 'plain' }, 1);
  expect([...state.partials].map(({ id }) => id)).toEqual([1]);
});
