/** Prefetch: ahead, but never further than allowed; in order; errors in their place. */
import { expect, it } from 'vitest';
import { aheadOf, mapAhead } from '../../src/source/prefetch.ts';

async function* numbers(count: number, seen: number[] = []) {
  for (let i = 0; i < count; i++) {
    seen.push(i);
    yield i;
  }
}

async function* failing(at: number) {
  yield* numbers(at);
  throw new Error('broken');
}

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

it('gives everything in order, ahead of its use by no more than its depth', async () => {
  const seen: number[] = [];
  const items = aheadOf(numbers(10, seen), 3);
  expect((await items.next()).value).toBe(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([0, 1, 2]);
  expect(await collect(items)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it('maps with a bound on what is under way, in the order of the items', async () => {
  let active = 0;
  let activeMax = 0;
  const work = async (n: number) => {
    activeMax = Math.max(activeMax, ++active);
    for (let turns = n % 3; turns >= 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    active--;
    return n * 2;
  };
  expect(await collect(mapAhead(numbers(20), 4, work))).toEqual(Array.from({ length: 20 }, (_, n) => n * 2));
  expect(activeMax).toBe(4);
});

it('throws an error in its place', async () => {
  const before: number[] = [];
  await expect(collect(aheadOf(failing(3), 5), before)).rejects.toThrow('broken');
  expect(before).toEqual([0, 1, 2]);
  const results: number[] = [];
  const work = async (n: number) => {
    if (n === 2) throw new Error('broken');
    return n;
  };
  await expect(collect(mapAhead(numbers(9), 4, work), results)).rejects.toThrow('broken');
  expect(results).toEqual([0, 1]);
});
