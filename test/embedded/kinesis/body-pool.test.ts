import { expect, it } from 'vitest';
import { BodyPool } from '../../../src/embedded/kinesis/body-pool.ts';

it('hands out a given body again, at the length that is asked for', () => {
  const pool = new BodyPool();
  const first = pool.take(100_000);
  pool.give(first);
  const second = pool.take(70_000);
  expect([second.buffer === first.buffer, second.length]).toEqual([true, 70_000]);
  expect(pool.take(100_000).buffer === first.buffer).toBe(false);
});

it('never takes in memory that is not its own, such as a piece of a shared slab', () => {
  const pool = new BodyPool();
  const foreign = Buffer.alloc(128 * 1024);
  pool.give(foreign);
  expect(pool.take(128 * 1024).buffer === foreign.buffer).toBe(false);
  const small = pool.take(10);
  pool.give(small);
  expect(pool.take(10).buffer === small.buffer).toBe(false);
});

it('keeps no more idle memory than its bound', () => {
  const pool = new BodyPool();
  const half = 32 * 1024 * 1024;
  const bodies = [pool.take(half), pool.take(half), pool.take(half)];
  for (const body of bodies) pool.give(body);
  const again = bodies.map(() => pool.take(half).buffer);
  expect(bodies.filter(({ buffer }) => again.includes(buffer)).length).toBe(2);
});
