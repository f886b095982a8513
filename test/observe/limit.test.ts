/** Which stage held a run back: each rule of the judgement on both sides of its border, and the sum over a run. */
import { describe, expect, it } from 'vitest';
import { LimitTally, type Pressure, STAGES, stageOf } from '../../src/observe/limit.ts';

const IDLE: Pressure = {
  overMs: 50,
  receivedBytes: 1,
  parsersBusy: 0,
  parsersWaiting: 0,
  requestsOut: 0,
  publishersHeld: 0,
  shardsHeld: 0,
  rateHeld: 0,
  publishersBusy: 0,
  mainBusy: 0,
};

function limitOf(samples: readonly Pressure[]) {
  const tally = new LimitTally();
  for (const sample of samples) tally.add(sample);
  return tally.limit();
}

describe('one stretch', () => {
  it.each<[string, Partial<Pressure>, string]>([
    ['nothing has anything to do', {}, 'download'],
    ['the main thread receives without a pause', { mainBusy: 1 }, 'download'],
    ['half of the parsers have work', { parsersBusy: 0.5 }, 'download'],
    ['all parsers have work, lanes have room', { parsersBusy: 1, publishersBusy: 0.7 }, 'scan'],
    ['publishers are busy, but the lanes have room', { parsersBusy: 1, publishersBusy: 1 }, 'scan'],
    [
      'lanes are full and publishers busy',
      { parsersBusy: 1, parsersWaiting: 0.5, publishersBusy: 1 },
      'publish',
    ],
    ['every request is out, publishers busy', { requestsOut: 1, publishersBusy: 0.8 }, 'publish'],
    ['every request is out, publishers idle', { requestsOut: 1, publishersBusy: 0.79 }, 'stream'],
    ['lanes are full, and nobody is held or busy', { parsersBusy: 1, parsersWaiting: 1 }, 'publish'],
    ['pace holds a shard back', { parsersBusy: 1, parsersWaiting: 1, publishersHeld: 1 }, 'stream'],
    ['pace holds one publisher of two', { publishersHeld: 0.5, publishersBusy: 1 }, 'stream'],
    [
      'one shard of one publisher of four is full, and the parsers wait for it',
      { parsersBusy: 1, parsersWaiting: 1, publishersHeld: 0.25, publishersBusy: 0.2 },
      'stream',
    ],
    [
      'one shard is full, and the other publishers have all they can do',
      { parsersBusy: 1, parsersWaiting: 1, publishersHeld: 0.25, publishersBusy: 0.8 },
      'publish',
    ],
    ['nothing is left to read, and one shard is full', { receivedBytes: 0, publishersHeld: 0.25 }, 'stream'],
    ['lines still come, slowly, and one shard is full', { publishersHeld: 0.25 }, 'download'],
    ['pace holds one publisher of four', { parsersBusy: 1, publishersHeld: 0.25 }, 'scan'],
  ])('%s', (_name, change, stage) => {
    expect(stageOf({ ...IDLE, ...change })).toBe(stage);
  });
});

describe('a run', () => {
  it('belongs to the stage with most of its time, not with most samples', () => {
    const scan = { ...IDLE, parsersBusy: 1 };
    const held = { ...IDLE, publishersHeld: 1 };
    const { stage, shares, means } = limitOf([
      ...Array.from({ length: 10 }, () => scan),
      { ...held, overMs: 1000 },
    ]);
    expect(stage).toBe('stream');
    expect(shares).toEqual({ download: 0, scan: 1 / 3, publish: 0, stream: 2 / 3 });
    expect(means.publishersHeld).toBeCloseTo(2 / 3);
    expect(means.parsersBusy).toBeCloseTo(1 / 3);
  });

  it('that was too short has no verdict, and shares that are numbers', () => {
    const { stage, shares } = limitOf([]);
    expect(stage).toBeNull();
    expect(Object.values(shares)).toEqual(STAGES.map(() => 0));
    expect(limitOf([{ ...IDLE, parsersBusy: 1, overMs: 999 }]).stage).toBeNull();
    expect(limitOf([{ ...IDLE, parsersBusy: 1, overMs: 1000 }]).stage).toBe('scan');
  });

  it('begins with the first byte: the start of threads is no download', () => {
    const scan = { ...IDLE, parsersBusy: 1, overMs: 1000 };
    expect(limitOf([{ ...IDLE, receivedBytes: 0, overMs: 5000 }, scan]).shares.scan).toBe(1);
    expect(limitOf([scan, { ...IDLE, receivedBytes: 0, overMs: 3000 }])).toMatchObject({
      stage: 'download',
      shares: { scan: 1 / 4, download: 3 / 4 },
    });
  });
});
