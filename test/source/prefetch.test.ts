/** Prefetch: ahead, but never further than allowed; in order; errors in their place. */
import { expect, it } from 'vitest';
import { aheadOf, mapAhead, runAhead } from '../../src/source/prefetch.ts';

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

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('pulls all there is before anybody takes it, and says when that was the last', async () => {
  const seen: number[] = [];
  let isEnded = false;
  const items = runAhead(numbers(10, seen), 100, () => (isEnded = true));
  expect((await items.next()).value).toBe(0);
  await turn();
  expect([seen.length, isEnded]).toEqual([10, true]);
  expect(await collect(items)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it('pulls no more than so many that nobody has taken, and goes on when some are', async () => {
  const seen: number[] = [];
  const items = runAhead(numbers(10, seen), 3, () => {});
  expect((await items.next()).value).toBe(0);
  await turn();
  expect(seen.length).toBeLessThanOrEqual(4);
  const taken = [0];
  for await (const item of items) {
    taken.push(item);
    await turn();
    expect(seen.length).toBeLessThanOrEqual(taken.length + 3);
  }
  expect(taken).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

it('throws what breaks off the pulling behind what was pulled, and calls it no end', async () => {
  const before: number[] = [];
  let isEnded = false;
  await expect(
    collect(
      runAhead(failing(3), 100, () => (isEnded = true)),
      before,
    ),
  ).rejects.toThrow('broken');
  expect([before, isEnded]).toEqual([[0, 1, 2], false]);
  const late = runAhead(numbers(3), 100, () => {
    throw new Error('not written');
  });
  await expect(collect(late)).rejects.toThrow('not written');
});

it('pulls no further where nobody takes more, though the next item never comes', async () => {
  const hanging = async function* () {
    yield 0;
    await new Promise(() => {});
  };
  for await (const item of runAhead(hanging(), 100, () => {})) {
    expect(item).toBe(0);
    break;
  }
  const seen: number[] = [];
  let isEnded = false;
  for await (const _ of runAhead(numbers(10, seen), 3, () => (isEnded = true))) break;
  const { length } = seen;
  await turn();
  expect([seen.length, isEnded]).toEqual([length, false]);
});
