import { beforeEach, describe, expect, it } from 'vitest';
import type { Batch } from '../../src/publish/batch.ts';
import { Gathering } from '../../src/publish/gathering.ts';
import { ShardPace } from '../../src/publish/pace.ts';

const SHARD = { recordsPerSecond: 1_000, bytesPerSecond: 1_048_576 };
const UNKNOWN = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
const BATCH = { count: 500, payloadBytes: 350_000 } as Batch;
const SECONDS = 60;
let tooEarly = 0;
beforeEach(() => {
  tooEarly = 0;
});

/** Shards that always have a batch, each with a phase of its own, asked whenever one of them says that it may go. */
function follow(paces: readonly ShardPace[], batch = BATCH) {
  const gathering = new Gathering();
  const set = {
    paces: [...paces],
    paceDelayMs: (i: number, { count, payloadBytes }: Batch, nowMs: number) =>
      paces[i]!.delayMs(count, payloadBytes, nowMs),
  };
  const sent: { shard: number; atMs: number }[] = [];
  let nowMs = 0;
  while (nowMs < SECONDS * 1000) {
    let sleepMs = Number.POSITIVE_INFINITY;
    for (const [shard, pace] of paces.entries()) {
      const waitMs = gathering.waitMs(shard, set, batch, nowMs);
      sleepMs = Math.min(sleepMs, waitMs);
      if (waitMs > 0) continue;
      if (pace.delayMs(batch.count, batch.payloadBytes, nowMs) > 0) tooEarly++;
      pace.take(batch.count, batch.payloadBytes, nowMs);
      sent.push({ shard, atMs: nowMs });
      sleepMs = 0;
    }
    // A timer ends some time after it is due.
    nowMs += sleepMs === 0 ? 0 : Math.ceil(sleepMs) + 0.3;
  }
  return sent;
}

/** Eight shards that have sent something, each some time after the one before. */
function shards(ceiling = SHARD, share = 1): ShardPace[] {
  return Array.from({ length: 8 }, (_, i) => {
    const pace = new ShardPace(ceiling, share, 0, () => 0.5, SHARD);
    if (ceiling === SHARD) pace.take(SHARD.recordsPerSecond * share + i * 60, 0, 0);
    return pace;
  });
}

describe('shards that their pace holds', () => {
  it('send together, four times a second', () => {
    const sent = follow(shards()).filter(({ atMs }) => atMs > 2_000);
    const moments = new Set(sent.map(({ atMs }) => Math.round(atMs / 250)));
    const wakeUps = new Set(sent.map(({ atMs }) => atMs));
    expect(moments.size).toBeLessThanOrEqual((SECONDS - 2) * 4 + 1);
    expect(wakeUps.size).toBeLessThanOrEqual(moments.size + 8);
  });

  it.each([
    { name: 'a whole shard', share: 1 },
    { name: 'a shard of which a part is left to others', share: 0.7 },
    { name: 'part of a shard, whose bucket is no larger than a batch', share: 0.3 },
  ])('send no fewer records over time, and none more than they may: $name', ({ share }) => {
    const most = SECONDS * SHARD.recordsPerSecond * share;
    const sent = follow(shards(SHARD, share));
    for (let shard = 0; shard < 8; shard++) {
      const records = sent.filter((one) => one.shard === shard).length * BATCH.count;
      expect(records).toBeGreaterThan(most * 0.98 - 2 * BATCH.count);
      expect(records).toBeLessThanOrEqual(most + BATCH.count);
    }
  });

  it('send nothing before their pace lets them', () => {
    expect(follow(shards()).length).toBeGreaterThan(8 * 100);
    expect(tooEarly).toBe(0);
  });

  it('are not held any longer where they refuse: what the pace says counts', () => {
    const [pace] = shards() as [ShardPace];
    pace.onAnswer({ records: 400, bytes: 400 }, 100, 250);
    expect(pace.spareMs(250)).toBe(0);
    const set = { paces: [pace], paceDelayMs: () => 17 };
    expect(new Gathering().waitMs(0, set, BATCH, 250)).toBe(17);
  });

  it('wait for nobody where no pace is known', () => {
    const [pace] = shards(UNKNOWN) as [ShardPace];
    expect(pace.spareMs(0)).toBe(0);
    expect(new Gathering().waitMs(0, { paces: [pace], paceDelayMs: () => 0 }, BATCH, 33)).toBe(0);
  });
});
