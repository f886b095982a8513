import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Deadlines, LATE } from '../../src/aws/deadlines.ts';
import { standStill } from '../base/stand-still.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('ends each call when its time is up, and none that has ended before', () => {
  const deadlines = new Deadlines(100);
  const heard: string[] = [];
  const begin = (name: string) => {
    const deadline = deadlines.begin();
    deadline.addEventListener('abort', () => heard.push(name));
    return deadline;
  };
  const first = begin('first');
  vi.advanceTimersByTime(30);
  const second = begin('second');
  const third = begin('third');
  vi.advanceTimersByTime(30);
  const fourth = begin('fourth');
  deadlines.meet(third);
  expect(heard).toEqual([]);
  vi.advanceTimersByTime(41);
  expect(heard).toEqual(['first']);
  expect([first.aborted, first.reason, second.aborted]).toEqual([true, LATE, false]);
  deadlines.meet(first);
  vi.advanceTimersByTime(30);
  expect(heard).toEqual(['first', 'second']);
  deadlines.meet(second);
  deadlines.meet(fourth);
  vi.advanceTimersByTime(1_000);
  expect([heard, fourth.aborted]).toEqual([['first', 'second'], false]);
});

it('gives a call that has come further the whole time again, and takes nothing from others', () => {
  const deadlines = new Deadlines(100);
  const further = deadlines.begin();
  vi.advanceTimersByTime(50);
  const other = deadlines.begin();
  deadlines.extend(further);
  vi.advanceTimersByTime(30);
  deadlines.extend(further);
  vi.advanceTimersByTime(80);
  expect([further.aborted, other.aborted]).toEqual([false, true]);
  vi.advanceTimersByTime(30);
  expect(further.reason).toBe(LATE);
});

it('has at most one timer, whatever number of calls, and none when nothing is open', () => {
  const deadlines = new Deadlines(100);
  const calls = Array.from({ length: 1_000 }, () => deadlines.begin());
  expect(vi.getTimerCount()).toBe(1);
  for (const call of calls) deadlines.meet(call);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
  const late = deadlines.begin();
  vi.advanceTimersByTime(101);
  expect(late.aborted).toBe(true);
});

it('tells its listener once, with the first reason, and nobody who has gone', () => {
  const deadline = new Deadlines(100).begin();
  const gone = vi.fn();
  const listener = vi.fn();
  deadline.addEventListener('abort', gone);
  deadline.removeEventListener('abort', gone);
  deadline.addEventListener('abort', listener);
  deadline.abort('stop');
  vi.advanceTimersByTime(200);
  expect([gone.mock.calls.length, listener.mock.calls.length, deadline.reason]).toEqual([0, 1, 'stop']);
});

it('gives a call whose answer came while the process stood still the time to be read', async () => {
  vi.useRealTimers();
  const deadlines = new Deadlines(300);
  const call = deadlines.begin();
  standStill(1_000);
  // Timers that are due are called before anything is read.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(call.aborted).toBe(false);
  const isLate = new Promise((resolve) => call.addEventListener('abort', () => resolve(call.reason)));
  const alive = setInterval(() => {}, 1_000);
  expect(await isLate).toBe(LATE);
  clearInterval(alive);
});
