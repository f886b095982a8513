/** A thread that has work and does not beat hangs; one without work may rest. */
import { expect, it } from 'vitest';
import { createHeartbeats, Heart, HeartMonitor } from '../../src/ring/heartbeat.ts';

function open() {
  const memory = createHeartbeats(2);
  const hearts = [new Heart(memory, 0), new Heart(memory, 1)] as const;
  return { hearts, monitor: new HeartMonitor(memory) };
}

it.each([
  { name: 'after exactly the time it does not hang yet', atMs: 1000, found: null },
  { name: 'one millisecond later it hangs', atMs: 1001, found: 1 },
])('$name', ({ atMs, found }) => {
  const { hearts, monitor } = open();
  hearts[1].isBusy = true;
  for (let nowMs = 0; nowMs < 1000; nowMs += 250) expect(monitor.findHanging(nowMs, 1000)).toBeNull();
  expect(monitor.findHanging(atMs, 1000)).toBe(found);
});

it('a beat starts the time anew, and a thread without work never hangs', () => {
  const { hearts, monitor } = open();
  hearts[1].isBusy = true;
  monitor.findHanging(0, 1000);
  hearts[1].beat();
  for (let nowMs = 900; nowMs < 1900; nowMs += 250) expect(monitor.findHanging(nowMs, 1000)).toBeNull();
  hearts[1].isBusy = false;
  for (let nowMs = 1900; nowMs < 9000; nowMs += 250) expect(monitor.findHanging(nowMs, 1000)).toBeNull();
});

it('what others wrote is stopped once where it stands still for longer than it may, and never behind the waiting', () => {
  const { hearts, monitor } = open();
  const look = (nowMs: number) => {
    expect(monitor.findHanging(nowMs, 30_000)).toBeNull();
    return monitor.takeStanding().map(({ index }) => index);
  };
  hearts[1].isBusy = true;
  for (let nowMs = 0; nowMs < 2000; nowMs += 250) expect(look(nowMs)).toEqual([]);
  hearts[1].awaitOthers(1000);
  expect([look(2000), look(2500), look(3000)]).toEqual([[], [], []]);
  expect([look(3250), look(3500)]).toEqual([[1], []]);
  // It is on its way: whoever comes back by himself has to wait for it.
  expect([hearts[1].isStopped, hearts[1].leaveOthers()]).toEqual([true, null]);
  monitor.endStanding(1, true);
  expect([hearts[1].leaveOthers(), hearts[1].isStopped]).toEqual([true, false]);
  hearts[1].awaitOthers(1000);
  expect(hearts[1].leaveOthers()).toBe(false);
  for (let nowMs = 3750; nowMs < 9000; nowMs += 250) expect(look(nowMs)).toEqual([]);
});

it('a process that stood still as a whole has no hanging thread: nobody could beat, and nobody could look', () => {
  const { hearts, monitor } = open();
  hearts[1].isBusy = true;
  monitor.findHanging(0, 30_000);
  expect(monitor.findHanging(3_600_000, 30_000)).toBeNull();
  for (let nowMs = 3_600_250; nowMs < 3_629_000; nowMs += 250)
    expect(monitor.findHanging(nowMs, 30_000)).toBeNull();
  expect(monitor.findHanging(3_630_000, 30_000)).toBe(1);
});

it('a thread that says for how long it will be silent does not hang before that, and hangs after it', () => {
  const { hearts, monitor } = open();
  const look = (fromMs: number, toMs: number) => {
    const found: unknown[] = [];
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 500) found.push(monitor.findHanging(nowMs, 1_000));
    return new Set(found);
  };
  hearts[1].isBusy = true;
  hearts[1].announceSilence(5_000);
  hearts[1].beat();
  expect(look(0, 6_000)).toEqual(new Set([null]));
  expect(look(6_500, 6_500)).toEqual(new Set([1]));
  hearts[1].announceSilence(0);
  expect(look(7_000, 8_000)).toEqual(new Set([null]));
  expect(look(8_500, 8_500)).toEqual(new Set([1]));
});
