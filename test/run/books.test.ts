import { expect, it } from 'vitest';
import { assertBalanced } from '../../src/run/books.ts';

type Accounts = Parameters<typeof assertBalanced>[0];
const accounts = (openSlices: number, openObjects: number, records: number) =>
  ({ openSlices, openObjects, counts: { tally: { records } } }) as Accounts;

it('books balance when nothing is open and every record is acknowledged', () => {
  expect(() => assertBalanced(accounts(0, 0, 7), 7)).not.toThrow();
});

it.each([
  {
    what: 'a slice is open',
    open: accounts(1, 0, 7),
    acknowledged: 7,
    why: '0 objects and 1 slices open, 7',
  },
  { what: 'an object is open', open: accounts(0, 2, 7), acknowledged: 7, why: '2 objects and 0 slices open' },
  {
    what: 'a record was not acknowledged',
    open: accounts(0, 0, 7),
    acknowledged: 6,
    why: '6 records acknowledged of 7',
  },
  {
    what: 'a record was acknowledged twice',
    open: accounts(0, 0, 7),
    acknowledged: 8,
    why: '8 records acknowledged of 7',
  },
])('books do not balance when $what: the run can be resumed', ({ open, acknowledged, why }) => {
  const balance = () => assertBalanced(open, acknowledged);
  expect(balance).toThrow(why);
  expect(balance).toThrow(expect.objectContaining({ code: 'MILLRACE_WORKER', exitCode: 3 }));
});
