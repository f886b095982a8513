import { expect, it } from 'vitest';
import { beyondRejectLimit } from '../../src/run/reject-limit.ts';

it.each([
  { limit: null, rejected: 5, lines: 5, isFinal: true, beyond: false },
  { limit: { count: 5 }, rejected: 5, lines: 6, isFinal: false, beyond: false },
  { limit: { count: 5 }, rejected: 6, lines: 6, isFinal: false, beyond: true },
  { limit: { count: 0 }, rejected: 1, lines: 9, isFinal: false, beyond: true },
  { limit: { share: 0.1 }, rejected: 100, lines: 1_000, isFinal: false, beyond: false },
  { limit: { share: 0.1 }, rejected: 101, lines: 1_000, isFinal: false, beyond: true },
  // The first bad line of a run is all of it: that says nothing yet, unless no more comes.
  { limit: { share: 0.1 }, rejected: 1, lines: 1, isFinal: false, beyond: false },
  { limit: { share: 0.1 }, rejected: 999, lines: 999, isFinal: false, beyond: false },
  { limit: { share: 0.1 }, rejected: 1, lines: 1, isFinal: true, beyond: true },
])(
  '$rejected of $lines lines, limit $limit, at the end $isFinal: beyond is $beyond',
  ({ limit, beyond, ...counts }) => {
    const failure = beyondRejectLimit(limit, counts);
    expect(failure?.code ?? null).toBe(beyond ? 'MILLRACE_REJECTS_EXCEEDED' : null);
  },
);

it('says the limit as people gave it', () => {
  const counts = { rejected: 30, lines: 2_000, isFinal: false };
  expect(beyondRejectLimit({ share: 0.01 }, counts)?.message).toBe(
    'More than 1 % dead letters (--max-rejects): 30 of 2000 lines',
  );
  expect(beyondRejectLimit({ count: 7 }, counts)?.message).toBe(
    'More than 7 dead letters (--max-rejects): 30 of 2000 lines',
  );
});
