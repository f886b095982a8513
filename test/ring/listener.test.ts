import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { Listener } from '../../src/ring/listener.ts';
import { createDoorbells, Doorbell } from '../../src/ring/wait.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function bellsOf(count: number): { bell: Doorbell; ears: Listener[]; memory: SharedArrayBuffer } {
  const memory = createDoorbells(count);
  const bell = new Doorbell(memory);
  const ears = Array.from({ length: count }, (_, index) => new Listener(bell.bell(index)));
  cleanups.push(() => {
    for (const ear of ears) ear.close();
  });
  return { bell, ears, memory };
}

/** Whether a wait has ended by the time that the event loop has come round a few times. */
async function hasEnded(wait: Promise<void>): Promise<boolean> {
  let isOver = false;
  void wait.then(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return isOver;
}

it('hears at once what was rung after the count', async () => {
  const { bell, ears } = bellsOf(3);
  const seen = ears[1]!.count();
  bell.ring(1);
  await ears[1]!.heard(seen, 60_000);
  expect(ears[1]!.count()).toBe(seen + 1);
});

it('ends with the count unchanged when nobody rings in time', async () => {
  const [ear] = bellsOf(1).ears;
  await ear!.heard(0, 5);
  await ear!.heard(0, 0);
  expect(ear!.count()).toBe(0);
});

it('hears only its own bell, until all are rung', async () => {
  const { bell, ears } = bellsOf(2);
  bell.ring(0);
  expect(ears.map((ear) => ear.count())).toEqual([1, 0]);
  const waiting = ears[1]!.heard(0, 60_000);
  expect(await hasEnded(waiting)).toBe(false);
  bell.ringAll();
  await waiting;
  expect(ears.map((ear) => ear.count())).toEqual([2, 1]);
});

it('goes on over 2^31 rings', async () => {
  const { bell, ears, memory } = bellsOf(1);
  new Int32Array(memory)[0] = 2 ** 31 - 1;
  const seen = ears[0]!.count();
  bell.ring(0);
  await ears[0]!.heard(seen, 60_000);
  expect(ears[0]!.count()).toBe(-(2 ** 31));
});

it('is not woken for work while it has enough, but when something has changed for all', async () => {
  const { bell, ears } = bellsOf(1);
  const waiting = ears[0]!.heard(ears[0]!.count(), 60_000, true);
  bell.ring(0);
  expect(await hasEnded(waiting)).toBe(false);
  bell.ringAll();
  await waiting;
});

it('hears of work again after a wait in which it had enough, whatever ended that one', async () => {
  const { bell, ears } = bellsOf(1);
  const [ear] = ears;
  const muted = ear!.heard(ear!.count(), 60_000, true);
  ear!.nudge();
  await muted;
  const seen = ear!.count();
  const waiting = ear!.heard(seen, 60_000);
  bell.ring(0);
  await waiting;
  expect(ear!.count()).toBe(seen + 1);
});

it('is woken once by all nudges of one turn, and by one that came before it waited', async () => {
  const [ear] = bellsOf(1).ears;
  const waiting = ear!.heard(0, 60_000);
  for (let i = 0; i < 3; i++) ear!.nudge();
  await waiting;
  const next = ear!.heard(0, 60_000);
  expect(await hasEnded(next)).toBe(false);
  ear!.nudge();
  await next;
  ear!.nudge();
  await ear!.heard(0, 60_000);
});

it('wakes at the earlier time where a later one had been waited for', async () => {
  const [ear] = bellsOf(1).ears;
  const long = ear!.heard(0, 60_000);
  ear!.nudge();
  await long;
  const startMs = performance.now();
  await ear!.heard(0, 20);
  expect(performance.now() - startMs).toBeGreaterThan(15);
});

it('lets timers of the thread run while it waits, and leaves none of its own behind', async () => {
  const { bell, ears } = bellsOf(1);
  const [ear] = ears;
  const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  setTimeout(() => bell.ring(0), 1);
  for (let i = 0; i < 50; i++) await ear!.heard(ear!.count(), 1);
  expect(ear!.count()).toBe(1);
  ear!.close();
  // Timers of the test runner may end meanwhile; none of ours may be added.
  const timersAfter = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  expect(timersAfter).toBeLessThanOrEqual(timersBefore);
});

it('keeps a thread alive that has nothing else to do', async () => {
  const from = (name: string) => JSON.stringify(new URL(`../../src/ring/${name}.ts`, import.meta.url).href);
  const source = `
    import { Listener } from ${from('listener')};
    import { Doorbell, createDoorbells } from ${from('wait')};
    await new Listener(new Doorbell(createDoorbells(1)).bell(0)).heard(0, 50);
    process.exitCode = 7;
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
  cleanups.push(() => worker.terminate());
  const [code] = await once(worker, 'exit');
  expect(code).toBe(7);
});

/**
 * A thread that writes numbers and rings for each, and a reader that says now and then that it has enough.
 *
 * Allowed:   the reader is woken for nothing.
 * Forbidden: the writer is done and the reader waits with numbers left.
 */
it('loses no wake-up between muting and looking, in half a million rings from another thread', async () => {
  const { ears, memory } = bellsOf(1);
  const [ear] = ears;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const count = 500_000;
  const source = `
    import { workerData } from 'node:worker_threads';
    import { Doorbell } from ${JSON.stringify(new URL('../../src/ring/wait.ts', import.meta.url).href)};
    const bell = new Doorbell(workerData.memory);
    for (let i = 1; i <= ${count}; i++) { Atomics.store(workerData.cell, 0, i); bell.ring(0); }
  `;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), {
    workerData: { memory, cell },
  });
  cleanups.push(() => worker.terminate());
  let muted = 0;
  let quiet = 0;
  for (;;) {
    const seen = ear!.count();
    const written = Atomics.load(cell, 0);
    if (written === count) break;
    const hasEnough = written % 3 === 0;
    if (hasEnough) {
      muted++;
      ear!.nudge();
    }
    const startMs = performance.now();
    await ear!.heard(seen, 5_000, hasEnough);
    if (performance.now() - startMs > 4_900) quiet++;
  }
  expect(muted).toBeGreaterThan(0);
  expect(quiet, 'slept while there was work').toBe(0);
});
