/** A thread that has work and does not beat hangs; one without work may rest. */
import { expect, it } from 'vitest';
import { createHeartbeats, Heart, HeartMonitor } from '../../src/threads/heartbeat.ts';

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
  expect(monitor.findHanging(0, 1000)).toBeNull();
  expect(monitor.findHanging(atMs, 1000)).toBe(found);
});

it('a beat starts the time anew, and a thread without work never hangs', () => {
  const { hearts, monitor } = open();
  hearts[1].isBusy = true;
  monitor.findHanging(0, 1000);
  hearts[1].beat();
  expect(monitor.findHanging(5000, 1000)).toBeNull();
  hearts[1].isBusy = false;
  expect(monitor.findHanging(9000, 1000)).toBeNull();
  expect(monitor.findHanging(99_000, 1000)).toBeNull();
});
