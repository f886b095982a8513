import { expect, it } from 'vitest';
import { MIB } from '../../src/base/limits.ts';
import { StartPages } from '../../src/run/start-pages.ts';

it('a run lets go of what its start has used at a few moments of its beginning, and a short one never', () => {
  let count = 0;
  const pages = new StartPages(() => count++);
  const counts = [0, 7, 8, 9, 16, 31, 32, 33, 1024, 65_536].map((received) => {
    pages.look(received * MIB);
    return count;
  });
  expect(counts).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 3, 3]);
});

it('news of much at once are one moment', () => {
  let count = 0;
  const pages = new StartPages(() => count++);
  pages.look(20 * MIB);
  pages.look(21 * MIB);
  expect(count).toBe(1);
  pages.look(1024 * MIB);
  pages.look(1025 * MIB);
  expect(count).toBe(2);
});
