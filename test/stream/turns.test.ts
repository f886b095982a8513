import { expect, it } from 'vitest';
import { Turns } from '../../src/stream/turns.ts';

it('lets no more work run or wait for the consumer than there are turns', async () => {
  const turns = new Turns<number>(3);
  let running = 0;
  let most = 0;
  const workers = Array.from({ length: 20 }, (_, i) =>
    turns.take(async (offer) => {
      most = Math.max(most, ++running);
      await offer(i);
      running -= 1;
    }),
  );
  void Promise.all(workers).then(() => turns.end());
  const items: number[] = [];
  for (let turn = await turns.next(); turn; turn = await turns.next()) {
    items.push(turn.item);
    turn.done();
  }
  expect([items, most]).toEqual([Array.from({ length: 20 }, (_, i) => i), 3]);
});

it('frees the worker whose item the consumer left unfinished', async () => {
  const turns = new Turns<string>(1);
  const worker = turns.take((offer) => offer('left'));
  expect((await turns.next())!.item).toBe('left');
  turns.end();
  await worker;
  expect(await turns.next()).toBeNull();
});

it('throws a failure before further items, and not after the end', async () => {
  const failing = new Turns<string>(2);
  void failing.take((offer) => offer('never seen'));
  failing.fail(new Error('first'));
  failing.fail(new Error('second'));
  await expect(failing.next()).rejects.toThrow('first');
  const over = new Turns<string>(1);
  over.end();
  over.fail(new Error('too late'));
  expect(await over.next()).toBeNull();
});

it('gives its turn back when the work fails', async () => {
  const turns = new Turns<string>(1);
  await expect(turns.take(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await turns.take(() => Promise.resolve('yes'))).toBe('yes');
});
