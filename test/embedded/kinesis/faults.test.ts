import { expect, it } from 'vitest';
import { Faults, type Rule, seededRandom } from '../../../src/embedded/kinesis/faults.ts';

type Kind = 'a' | 'b';
const put = { operation: 'PutRecords', target: 's', shardId: 'shard-0' };

function fired(rule: Rule<Kind>, times: readonly number[], occasion: typeof put = put): number[] {
  const faults = new Faults<Rule<Kind>>('PutRecords');
  faults.set([rule], 1000);
  return times.filter((ageMs) => faults.fire(['a'], occasion, 1000 + ageMs) !== undefined);
}

it.each([
  { name: 'always by default', rule: { kind: 'a' }, expected: [0, 1, 2, 3, 4] },
  { name: 'not for another kind', rule: { kind: 'b' }, expected: [] },
  { name: 'only the given number of times', rule: { kind: 'a', times: 2 }, expected: [0, 1] },
  { name: 'only among the first matches', rule: { kind: 'a', first: 3 }, expected: [0, 1, 2] },
  { name: 'after skipping some', rule: { kind: 'a', skip: 3 }, expected: [3, 4] },
  { name: 'skipping, then among the first', rule: { kind: 'a', skip: 1, first: 2 }, expected: [1, 2] },
  { name: 'in its time window', rule: { kind: 'a', fromMs: 1, untilMs: 3 }, expected: [1, 2] },
  { name: 'never at probability 0', rule: { kind: 'a', probability: 0 }, expected: [] },
  { name: 'for its shard', rule: { kind: 'a', shardId: 'shard-0' }, expected: [0, 1, 2, 3, 4] },
  { name: 'not for another shard', rule: { kind: 'a', shardId: 'shard-1' }, expected: [] },
  { name: 'not for another target', rule: { kind: 'a', target: 't' }, expected: [] },
  { name: 'not for another operation', rule: { kind: 'a', operation: 'GetRecords' }, expected: [] },
  { name: 'for any operation', rule: { kind: 'a', operation: '*' }, expected: [0, 1, 2, 3, 4] },
] satisfies { name: string; rule: Rule<Kind>; expected: number[] }[])('fires $name', ({ rule, expected }) => {
  expect(fired(rule, [0, 1, 2, 3, 4])).toEqual(expected);
});

it('counts firings by name, and names what never fired', () => {
  const faults = new Faults<Rule<Kind>>('PutRecords');
  faults.set([{ kind: 'a', name: 'first', times: 1 }, { kind: 'a' }, { kind: 'b', name: 'never' }], 0);
  for (let i = 0; i < 3; i++) faults.fire(['a'], put, 0);
  expect(faults.counts).toEqual({ first: 1, a: 2, never: 0 });
});

it('repeats a run from its seed, near the probability that was asked for', () => {
  const run = (seed: number) => {
    const faults = new Faults<Rule<Kind>>('PutRecords');
    faults.set([{ kind: 'a', probability: 0.3 }], 0, seed);
    return Array.from({ length: 10_000 }, () => faults.fire(['a'], put, 0) !== undefined);
  };
  expect(run(7)).toEqual(run(7));
  expect(run(7)).not.toEqual(run(8));
  expect(run(7).filter(Boolean).length / 10_000).toBeCloseTo(0.3, 1);
});

it('spreads its random numbers evenly', () => {
  const random = seededRandom(1);
  const tenths = new Array(10).fill(0);
  for (let i = 0; i < 100_000; i++) tenths[Math.floor(random() * 10)]++;
  for (const count of tenths) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});
