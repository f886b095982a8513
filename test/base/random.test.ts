/** Chance that can be repeated. */
import { expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';

it('equal seeds give equal numbers, others give others', () => {
  const draw = (seed: number) => Array.from({ length: 5 }, createRandom(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
});

it('numbers are in [0, 1) and evenly spread', () => {
  const random = createRandom(1);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const number = random();
    expect(number >= 0 && number < 1).toBe(true);
    tenths[Math.floor(number * 10)]!++;
  }
  for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
});
