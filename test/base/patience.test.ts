/** Patience: others are late when they take longer than they may, and not because this process stood still meanwhile. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AwakeTime, lateSignal, Trouble, whenLate } from '../../src/base/patience.ts';
import { standStill } from './stand-still.ts';

afterEach(() => vi.useRealTimers());

describe('time that counts', () => {
  it('is what passes while looks come as they should', () => {
    const time = new AwakeTime(100, 1_000);
    expect([time.look(1_100), time.look(1_150), time.look(1_350)]).toEqual([100, 150, 350]);
  });

  it('is half a step where the process stood still, however long', () => {
    const time = new AwakeTime(100, 0);
    expect([time.look(201), time.look(3_600_000), time.look(3_600_100)]).toEqual([50, 100, 200]);
  });

  it('is what the thread has worked where that is why nobody looked, and no more than has passed', () => {
    const time = new AwakeTime(100, 0);
    expect([time.look(1_000, 900), time.look(2_000, 1_001), time.look(3_000, 10)]).toEqual([
      900, 1_900, 1_950,
    ]);
  });
});

describe('what is late', () => {
  it('is told once, after exactly its time, and not when it was taken back', () => {
    vi.useFakeTimers();
    const [late, taken] = [vi.fn(), vi.fn()];
    whenLate(1_000, late);
    const takeBack = whenLate(1_000, taken);
    vi.advanceTimersByTime(999);
    takeBack();
    expect(late).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect([late.mock.calls.length, taken.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0, 0]);
  });

  it('is nothing that came while the process stood still', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write("answer")'], { stdio: 'pipe' });
    const order: string[] = [];
    const late = new Promise<void>((resolve) => {
      whenLate(400, () => {
        order.push('late');
        resolve();
      });
    });
    child.stdout.once('data', () => order.push('answer'));
    // Until it has answered and ended, which is not seen here.
    standStill(2_000);
    await Promise.all([late, once(child, 'close')]);
    expect(order).toEqual(['answer', 'late']);
  });

  it('aborts a signal with the error of a timeout', async () => {
    const signal = lateSignal(20);
    // The signal's own timer keeps nothing alive.
    const alive = setInterval(() => {}, 1_000);
    await once(signal, 'abort');
    clearInterval(alive);
    expect(signal.reason).toMatchObject({ name: 'TimeoutError', message: 'no answer within 20 ms' });
  });
});

it('trouble lasts from its first moment to its end; hours in which nobody asked are a minute of it', () => {
  const trouble = new Trouble();
  expect([1_000, 31_000, 91_000].map((nowMs) => trouble.add(nowMs))).toEqual([0, 30_000, 90_000]);
  expect([3_600_000, 3_601_000, 3_500_000].map((nowMs) => trouble.add(nowMs))).toEqual([
    150_000, 151_000, 151_000,
  ]);
  trouble.end();
  expect([4_000_000, 4_001_000].map((nowMs) => trouble.add(nowMs))).toEqual([0, 1_000]);
});
