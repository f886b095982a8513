/** Pressure: samples say what is full, and how busy threads were since the sample before. */
import { expect, it } from 'vitest';
import { PressureGauge, type Utilization } from '../src/pressure.ts';
import { createStats, STAT, statsRow } from '../src/publish/stats.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { createLane } from '../src/ring/producer.ts';

const LANE_BYTES = 64 * 1024;

function open() {
  const lanes = [
    [createLane(LANE_BYTES), createLane(LANE_BYTES)],
    [createLane(LANE_BYTES), createLane(LANE_BYTES)],
  ];
  const world = {
    lanes,
    stats: createStats(2),
    tasks: 0,
    receivedBytes: 0,
    nowMs: 1000,
    loads: [{ active: 0, idle: 0 } as Utilization, { active: 0, idle: 0 } as Utilization],
    own: { active: 0, idle: 0 } as Utilization,
  };
  const gauge = new PressureGauge({
    lanes,
    stats: world.stats,
    publisherCount: 2,
    inFlightMax: 8,
    backlog: () => world.tasks,
    receivedBytes: () => world.receivedBytes,
    publisherLoads: () => world.loads,
    ownLoad: () => world.own,
    nowMs: () => world.nowMs,
  });
  const write = (parser: number, publisher: number, head: number, tail: number) => {
    const cells = new Int32Array(lanes[parser]![publisher]!);
    cells[LANE_CELL.HEAD] = head;
    cells[LANE_CELL.TAIL] = tail;
  };
  return { world, gauge, write };
}

it('says nothing of an idle run', () => {
  const { world, gauge } = open();
  world.nowMs += 50;
  expect(gauge.read()).toEqual({
    overMs: 50,
    receivedBytes: 0,
    parsersBusy: 0,
    lanesFull: 0,
    requestsOut: 0,
    publishersHeld: 0,
    publishersBusy: 0,
    mainBusy: 0,
  });
});

it.each([
  { name: 'room for more than a sixteenth', used: LANE_BYTES - LANE_BYTES / 16 - 8, full: 0 },
  { name: 'room for a sixteenth', used: LANE_BYTES - LANE_BYTES / 16, full: 1 / 4 },
  { name: 'no room', used: LANE_BYTES, full: 1 / 4 },
])('one lane of four with $name', ({ used, full }) => {
  const { gauge, write } = open();
  write(1, 0, used, 0);
  expect(gauge.read().lanesFull).toBe(full);
  // Positions are counted modulo 2^32, so HEAD may have passed zero again.
  const tail = (2 ** 32 - LANE_BYTES / 2) | 0;
  write(1, 0, (tail + used) | 0, tail);
  expect(gauge.read().lanesFull).toBe(full);
});

it('counts requests that are out, publishers that are held, parsers that have work', () => {
  const { world, gauge } = open();
  statsRow(world.stats, 0)[STAT.IN_FLIGHT] = 8;
  statsRow(world.stats, 1)[STAT.IN_FLIGHT] = 4;
  statsRow(world.stats, 1)[STAT.HELD_SHARDS] = 3;
  world.tasks = 1;
  expect(gauge.read()).toMatchObject({ requestsOut: 0.75, publishersHeld: 0.5, parsersBusy: 0.5 });
  world.tasks = 7;
  expect(gauge.read().parsersBusy).toBe(1);
});

it('tells how busy threads were and what arrived since the last sample, not since their start', () => {
  const { world, gauge } = open();
  world.receivedBytes = 700;
  world.loads = [
    { active: 100, idle: 0 },
    { active: 0, idle: 100 },
  ];
  world.own = { active: 25, idle: 75 };
  expect(gauge.read()).toMatchObject({ publishersBusy: 0.5, mainBusy: 0.25, receivedBytes: 700 });
  world.receivedBytes = 1000;
  world.loads = [
    { active: 100, idle: 50 },
    { active: 50, idle: 100 },
  ];
  expect(gauge.read()).toMatchObject({ publishersBusy: 0.5, mainBusy: 0, receivedBytes: 300 });
});
