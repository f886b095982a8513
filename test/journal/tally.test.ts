import fc from 'fast-check';
import { expect, it } from 'vitest';
import { addTally, tally, tallyFromJson, tallyToJson } from '../../src/journal/tally.ts';

const count = fc.nat(1e9);
const tallies = fc.record({
  lines: count,
  blank: count,
  rejected: count,
  filtered: count,
  added: count,
  records: count,
  bytes: count,
  sumA: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  sumB: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  codes: fc.dictionary(fc.constantFrom('SCHEMA', 'TOO_DEEP', 'toString'), fc.integer({ min: 1, max: 100 }), {
    noNullPrototype: true,
  }),
});

it('is the same after a way through JSON', () => {
  fc.assert(
    fc.property(tallies, (one) => {
      expect(tallyFromJson(JSON.parse(JSON.stringify(tallyToJson(one))))).toEqual(one);
    }),
  );
});

it('gives back the first after adding and taking away the second', () => {
  fc.assert(
    fc.property(tallies, tallies, (one, other) => {
      const sum = tally(one);
      addTally(sum, other);
      addTally(sum, other, -1);
      expect(sum).toEqual(tally(one));
    }),
  );
});

it('wraps digest sums at 2^64', () => {
  const sum = tally({ sumA: 2n ** 64n - 1n });
  addTally(sum, tally({ sumA: 2n }));
  expect(sum.sumA).toBe(1n);
});

it.each([
  { lines: -1 },
  { lines: 1.5 },
  { lines: '1' },
  { sumA: '0' },
  { sumA: 5 },
  { sumB: 'G'.repeat(16) },
  { codes: 1 },
  { codes: { A: -1 } },
])('refuses %j', (json) => expect(tallyFromJson(json)).toBeNull());
