import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/base/random.ts';
import { ShardPace } from '../../src/publish/pace.ts';

const SHARD = { recordsPerSecond: 1_000, bytesPerSecond: 1_048_576 };
const UNKNOWN = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
const pace = (ceiling = SHARD, share = 1) => new ShardPace(ceiling, share, 0, () => 0.5, SHARD);

describe('ShardPace', () => {
  it.each([
    { name: 'lets a full second of records go at once', records: 1_000, bytes: 1, delayMs: 0 },
    { name: 'lets a full second of bytes go at once', records: 1, bytes: 1_048_576, delayMs: 0 },
    { name: 'lets a batch over the bucket go when it is full', records: 1, bytes: 10_485_760, delayMs: 0 },
  ])('$name', ({ records, bytes, delayMs }) => {
    expect(pace().delayMs(records, bytes, 0)).toBe(delayMs);
  });

  it('makes the next record wait for its token, to the millisecond', () => {
    const shard = pace();
    shard.take(1_000, 0, 0);
    expect(shard.delayMs(1, 0, 0)).toBeCloseTo(1);
    expect(shard.delayMs(500, 0, 499)).toBeCloseTo(1);
    expect(shard.delayMs(500, 0, 500)).toBe(0);
  });

  it('never sends more than the ceiling over any time, whatever the batch', () => {
    const shard = pace();
    let sent = 0;
    for (let nowMs = 0; nowMs < 10_000; nowMs++) {
      if (shard.delayMs(70, 700, nowMs) > 0) continue;
      shard.take(70, 700, nowMs);
      sent += 70;
    }
    expect(sent).toBeGreaterThan(10_500);
    expect(sent).toBeLessThanOrEqual(11_000);
  });

  it('leaves the headroom to others', () => {
    const shard = pace(SHARD, 0.7);
    expect(shard.delayMs(700, 0, 0)).toBe(0);
    shard.take(700, 0, 0);
    expect(shard.delayMs(700, 0, 0)).toBeCloseTo(1_000);
  });

  it('halves after a quarter second in which all was refused, and not before', () => {
    const shard = pace();
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 10);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 249);
    expect(shard.factor).toBe(1);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 250);
    expect(shard.factor).toBe(0.5);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 499);
    expect(shard.factor).toBe(0.5);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 500);
    expect(shard.factor).toBe(0.25);
  });

  it('goes down less where less is refused, and never below two hundredths', () => {
    const shard = pace();
    shard.onAnswer({ records: 400, bytes: 400 }, 100, 250);
    expect(shard.factor).toBeCloseTo(0.9);
    for (let i = 2; i < 40; i++) shard.onAnswer({ records: 0, bytes: 0 }, 500, i * 250);
    expect(shard.factor).toBe(0.02);
  });

  it('waits for enough records before it judges, but not for ever', () => {
    const shard = pace();
    shard.onAnswer({ records: 0, bytes: 0 }, 299, 250);
    shard.onAnswer({ records: 0, bytes: 0 }, 0, 1_999);
    expect(shard.factor).toBe(1);
    shard.onAnswer({ records: 0, bytes: 0 }, 0, 2_000);
    expect(shard.factor).toBe(0.5);
  });

  it('has its whole ceiling back within four seconds once an answer is clean', () => {
    const shard = pace();
    for (let i = 1; i < 40; i++) shard.onAnswer({ records: 0, bytes: 0 }, 500, i * 250);
    shard.onAnswer({ records: 500, bytes: 500 }, 0, 10_000);
    shard.delayMs(1, 1, 13_500);
    expect(shard.factor).toBe(1);
  });

  it('backs off longer with each refusal in a row, to four seconds, and forgets it after a clean answer', () => {
    const shard = pace();
    const waits: number[] = [];
    let nowMs = 10_000;
    for (let i = 0; i < 10; i++) {
      shard.onRequestFailed(nowMs);
      waits.push(shard.delayMs(1, 1, nowMs));
      nowMs += 5_000;
    }
    expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 2_000]);
    shard.onAnswer({ records: 1, bytes: 1 }, 0, nowMs);
    shard.onRequestFailed(nowMs);
    expect(shard.delayMs(1, 1, nowMs)).toBe(50);
  });

  it('rests after a request that was refused for the most part, not after one that was mostly stored', () => {
    const shard = pace(UNKNOWN);
    shard.onAnswer({ records: 5, bytes: 5 }, 5, 0);
    expect(shard.delayMs(1, 1, 0)).toBe(0);
    shard.onAnswer({ records: 4, bytes: 4 }, 5, 0);
    expect(shard.delayMs(1, 1, 0)).toBe(50);
  });

  it('once it has found noise, rests only after more refusals in a row than noise explains', () => {
    const shard = pace(UNKNOWN);
    let nowMs = 0;
    // Three of ten are refused at 4,000 a second, and as many at 2,000.
    for (const records of [1_000, 500]) {
      nowMs += 250;
      shard.onAnswer({ records: records * 0.7, bytes: records }, records * 0.3, nowMs);
    }
    expect(shard.factor).toBe(1);
    shard.onAnswer({ records: 0, bytes: 0 }, 8, nowMs);
    expect(shard.delayMs(1, 1, nowMs)).toBe(0);
    shard.onAnswer({ records: 1, bytes: 1 }, 2, nowMs);
    shard.onAnswer({ records: 0, bytes: 0 }, 8, nowMs);
    expect(shard.delayMs(1, 1, nowMs)).toBe(0);
    shard.onAnswer({ records: 0, bytes: 0 }, 1, nowMs);
    expect(shard.delayMs(1, 1, nowMs)).toBe(50);
  });

  it('keeps its patience with records that fail again and again while others go well', () => {
    const shard = pace();
    for (let failures = 0; failures < 8; failures++) {
      const nowMs = failures * 10_000;
      shard.onAnswer({ records: 1, bytes: 1 }, 0, nowMs);
      shard.onRequestFailed(nowMs, failures);
      expect(shard.delayMs(1, 1, nowMs)).toBe(Math.min(2_000, 50 * 2 ** failures));
    }
  });

  it('does not bound a shard without a known ceiling until that shard refuses', () => {
    const shard = pace(UNKNOWN);
    shard.take(1e9, 1e12, 0);
    expect(shard.delayMs(1e9, 1e12, 0)).toBe(0);
  });

  it('learns the ceiling of an on-demand shard from its first throttle and grows it in quiet time', () => {
    const shard = pace(UNKNOWN);
    let nowMs = 0;
    for (; nowMs < 10_000; nowMs += 100) shard.onAnswer({ records: 200, bytes: 200_000 }, 0, nowMs);
    for (; nowMs < 10_300; nowMs += 100) shard.onAnswer({ records: 180, bytes: 180_000 }, 20, nowMs);
    // About 2,000 records a second were taken: a second's worth goes after a second, ten times as much does not.
    shard.take(20_000, 0, nowMs + 10_000);
    const delayMs = shard.delayMs(1_000, 0, nowMs + 10_000);
    expect(delayMs).toBeGreaterThan(2_000);
    expect(delayMs).toBeLessThan(12_000);
    expect(shard.delayMs(1_000, 0, nowMs + 60_000)).toBe(0);
  });

  it('learns no ceiling below what every shard takes', () => {
    const shard = pace(UNKNOWN, 0.5);
    shard.onAnswer({ records: 10, bytes: 10 }, 490, 250);
    shard.delayMs(0, 0, 60_000);
    shard.take(500, 0, 60_000);
    expect(shard.delayMs(500, 0, 60_000)).toBeLessThanOrEqual(1_000);
  });

  describe('hands on to the shard that follows it', () => {
    it('its factor and its rest', () => {
      const parent = pace();
      parent.onAnswer({ records: 0, bytes: 0 }, 500, 250);
      const child = pace();
      child.inherit(parent);
      expect([child.factor, child.delayMs(1, 1, 250)]).toEqual([0.5, 50]);
    });

    it.each([
      { name: 'whole to a child', share: 1, part: 1 },
      { name: 'in part where another publisher has the rest of the child', share: 0.25, part: 0.25 },
    ])('the ceiling that it has learned, $name', ({ share, part }) => {
      const parent = pace(UNKNOWN);
      parent.onAnswer({ records: 400, bytes: 400 }, 100, 250);
      const child = new ShardPace(UNKNOWN, share, 250, () => 0.5);
      child.inherit(parent);
      // The ceiling of 1,000 at nine tenths, once the bucket has been emptied.
      child.take(1_000 * part, 0, 250);
      expect(child.delayMs(90 * part, 0, 250)).toBeCloseTo(100);
    });

    it('nothing where it has learned nothing', () => {
      const child = pace(UNKNOWN);
      child.inherit(pace(UNKNOWN));
      expect(child.delayMs(1e9, 1e9, 0)).toBe(0);
    });
  });
});

/** A shard, as far as its answers go, and a sender that always has full batches for it. */
interface Trial {
  readonly ceiling?: typeof SHARD;
  /** Share that is refused at random, whatever the rate, by second. */
  readonly noise?: (second: number) => number;
  /** Records per second that the shard has room for. */
  readonly room?: number;
  /** Records per second that others send to the shard, which takes 1,000 and refuses all senders alike. */
  readonly rival?: number;
  /** Records of a request. Default 500. */
  readonly batch?: number;
  /** When the sender has its first record. Default 0. */
  readonly startsMs?: number;
  /** Records per second that the sender has. */
  readonly supply?: number;
  readonly seconds: number;
  readonly seed: number;
}

const LATENCY_MS = 20;
const IN_FLIGHT_MAX = 8;
/** Of the sender's rate as the shard feels it, per millisecond: a mean over about 200 ms. */
const DECAY = 1 - 1 / 200;

/** Plays a trial millisecond by millisecond. @returns By second what was stored, sent and called. */
function play(trial: Trial) {
  const {
    noise = () => 0,
    room = Number.POSITIVE_INFINITY,
    rival = 0,
    supply = Number.POSITIVE_INFINITY,
    batch = 500,
    startsMs = 0,
  } = trial;
  const random = createRandom(trial.seed);
  const shard = new ShardPace(trial.ceiling ?? SHARD, 1, 0, random, SHARD);
  const stored = new Array<number>(trial.seconds).fill(0);
  const sent = new Array<number>(trial.seconds).fill(0);
  const due: { atMs: number; stored: number }[] = [];
  let ratePerSecond = 0;
  let tokens = Math.min(room, 1_000);
  let backlog = 0;
  for (let nowMs = 0; nowMs < trial.seconds * 1_000; nowMs++) {
    while (due[0] && due[0].atMs <= nowMs) {
      const answer = due.shift()!.stored;
      shard.onAnswer({ records: answer, bytes: answer * 200 }, batch - answer, nowMs);
    }
    tokens = Math.min(room, tokens + room / 1_000);
    if (nowMs >= startsMs) backlog = Math.min(20_000, backlog + supply / 1_000);
    ratePerSecond *= DECAY;
    while (due.length < IN_FLIGHT_MAX && backlog >= batch && shard.delayMs(batch, batch * 200, nowMs) === 0) {
      shard.take(batch, batch * 200, nowMs);
      ratePerSecond += batch * 1_000 * (1 - DECAY);
      const demand = Math.max(1_000, ratePerSecond + rival);
      const refusedShare = Math.max(noise(nowMs / 1_000), rival > 0 ? 1 - 1_000 / demand : 0);
      let taken = 0;
      for (let i = 0; i < batch; i++) {
        if (random() < refusedShare || tokens < 1) continue;
        taken++;
        tokens--;
      }
      const second = Math.floor(nowMs / 1_000);
      stored[second]! += taken;
      sent[second]! += batch;
      backlog -= taken;
      due.push({ atMs: nowMs + LATENCY_MS, stored: taken });
    }
  }
  const mean = (of: readonly number[], from = 0, to = trial.seconds) =>
    of.slice(from, to).reduce((sum, n) => sum + n, 0) / (to - from);
  return {
    storedPerSecond: (from?: number, to?: number) => mean(stored, from, to),
    sentPerSecond: (from?: number, to?: number) => mean(sent, from, to),
    callsPerSecond: (from?: number, to?: number) => mean(sent, from, to) / batch,
  };
}

const SEEDS = [1, 2, 3, 4, 5];

describe('A shard that refuses', () => {
  it.each([0.02, 0.1, 0.2, 0.3])(
    '%d at random, whatever the rate, keeps nine tenths of its pace',
    (share) => {
      for (const seed of SEEDS) {
        const { storedPerSecond } = play({ noise: () => share, seconds: 30, seed });
        expect(storedPerSecond() / (1_000 * (1 - share)), `seed ${seed}`).toBeGreaterThan(0.9);
      }
    },
  );

  it.each([0, 3_000])(
    'three of ten at random and has no known ceiling takes all that there is from %d ms on',
    (startsMs) => {
      for (const seed of SEEDS) {
        const trial = play({
          ceiling: UNKNOWN,
          supply: 8_000,
          noise: () => 0.3,
          seconds: 30,
          startsMs,
          seed,
        });
        expect(trial.storedPerSecond(10), `seed ${seed}`).toBeGreaterThan(7_000);
      }
    },
  );

  it('three of ten at random is back at its pace within two seconds', () => {
    for (const seed of SEEDS) {
      const trial = play({
        ceiling: UNKNOWN,
        supply: 8_000,
        noise: () => 0.3,
        seconds: 6,
        startsMs: 1_000,
        seed,
      });
      expect(trial.storedPerSecond(3, 5), `seed ${seed}`).toBeGreaterThan(7_000);
    }
  });

  it('because it is half taken by others is asked for little more than the other half', () => {
    for (const seed of SEEDS) {
      const { storedPerSecond, sentPerSecond } = play({ room: 500, seconds: 30, seed });
      expect(storedPerSecond(5), `seed ${seed}`).toBeGreaterThan(450);
      expect(sentPerSecond(5), `seed ${seed}`).toBeLessThan(750);
    }
  });

  it.each([
    { rival: 500, sentMax: 600 },
    { rival: 1_000, sentMax: 500 },
    { rival: 3_000, sentMax: 350 },
  ])(
    'because others send $rival a second is not taken for noisy: at most $sentMax are sent to it',
    ({ rival, sentMax }) => {
      for (const seed of SEEDS) {
        expect(play({ rival, batch: 100, seconds: 30, seed }).sentPerSecond(5), `seed ${seed}`).toBeLessThan(
          sentMax,
        );
      }
    },
  );

  it('all beyond 1,000 a second, with no known ceiling, has nearly all of them taken', () => {
    for (const seed of SEEDS) {
      const trial = play({ ceiling: UNKNOWN, room: 1_000, supply: 8_000, seconds: 30, seed });
      expect(trial.storedPerSecond(5), `seed ${seed}`).toBeGreaterThan(850);
      expect(trial.sentPerSecond(5), `seed ${seed}`).toBeLessThan(1_500);
    }
  });

  it.each([
    { share: 0.9, ceiling: SHARD },
    { share: 0.9, ceiling: UNKNOWN },
    { share: 1, ceiling: SHARD },
  ])(
    '$share of everything for 20 s gets fewer calls than in quiet time, and has its pace back 4 s later',
    ({ share, ceiling }) => {
      for (const seed of SEEDS) {
        const trial = play({
          ceiling,
          supply: 1_000,
          noise: (second) => (second >= 5 && second < 25 ? share : 0),
          seconds: 35,
          seed,
        });
        expect(trial.callsPerSecond(6, 25), `seed ${seed}`).toBeLessThan(2);
        expect(trial.storedPerSecond(29), `seed ${seed}`).toBeGreaterThan(950);
      }
    },
  );
});
