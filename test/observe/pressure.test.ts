/** Pressure: samples say what is full, and how busy threads were since the sample before. */
import { expect, it } from 'vitest';
import { PressureGauge, type Utilization } from '../../src/observe/pressure.ts';
import { createStats, STAT, statsRow } from '../../src/publish/stats.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane } from '../../src/ring/producer.ts';

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
    windowWaiting: 0,
    receivedBytes: 0,
    nowMs: 1000,
    loads: [{ active: 0, idle: 0 } as Utilization, { active: 0, idle: 0 } as Utilization],
    own: { active: 0, idle: 0 } as Utilization,
  };
  const gauge = new PressureGauge({
    lanes,
    windowWaiting: () => world.windowWaiting,
    shardCount: () => 4,
    stats: world.stats,
    publisherCount: 2,
    inFlightMax: 8,
    backlog: () => world.tasks,
    receivedBytes: () => world.receivedBytes,
    publisherLoads: () => world.loads,
    ownLoad: () => world.own,
    nowMs: () => world.nowMs,
  });
  return { world, gauge };
}

it('says nothing of an idle run', () => {
  const { world, gauge } = open();
  world.nowMs += 50;
  expect(gauge.read()).toEqual({
    overMs: 50,
    receivedBytes: 0,
    parsersBusy: 0,
    parsersWaiting: 0,
    requestsOut: 0,
    publishersHeld: 0,
    shardsHeld: 0,
    rateHeld: 0,
    publishersBusy: 0,
    mainBusy: 0,
  });
});

it('counts a parser once that stands before a lane of its own, whichever it is', () => {
  const { world, gauge } = open();
  const want = (parser: number, publisher: number, bytes: number) =>
    Atomics.store(new Int32Array(world.lanes[parser]![publisher]!), LANE_CELL.WANT, bytes);
  want(1, 0, 1024);
  expect(gauge.read().parsersWaiting).toBe(0.5);
  want(1, 1, 1024);
  expect(gauge.read().parsersWaiting).toBe(0.5);
  want(0, 1, 1);
  expect(gauge.read().parsersWaiting).toBe(1);
  for (const [parser, publisher] of [
    [1, 0],
    [1, 1],
    [0, 1],
  ] as const)
    want(parser, publisher, 0);
  expect(gauge.read().parsersWaiting).toBe(0);
});

it('counts a parser that waits for the window as one that stands before a lane', () => {
  const { world, gauge } = open();
  world.windowWaiting = 1;
  expect(gauge.read().parsersWaiting).toBe(0.5);
  Atomics.store(new Int32Array(world.lanes[1]![0]!), LANE_CELL.WANT, 1024);
  expect(gauge.read().parsersWaiting).toBe(1);
  world.windowWaiting = 2;
  expect(gauge.read().parsersWaiting).toBe(1);
});

it('counts requests that are out, publishers that are held, parsers that have work', () => {
  const { world, gauge } = open();
  statsRow(world.stats, 0)[STAT.IN_FLIGHT] = 8;
  statsRow(world.stats, 1)[STAT.IN_FLIGHT] = 4;
  statsRow(world.stats, 1)[STAT.HELD_SHARDS] = 3;
  world.tasks = 1;
  expect(gauge.read()).toMatchObject({ requestsOut: 0.75, publishersHeld: 0.5, parsersBusy: 0.5 });
  expect(gauge.read()).toMatchObject({ shardsHeld: 0.75, rateHeld: 0 });
  statsRow(world.stats, 1)[STAT.RATE_HELD_SHARDS] = 1;
  expect(gauge.read().rateHeld).toBe(0.5);
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
