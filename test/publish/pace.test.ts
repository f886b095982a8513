import { describe, expect, it } from 'vitest';
import { ShardPace } from '../../src/publish/pace.ts';

const SHARD = { recordsPerSecond: 1_000, bytesPerSecond: 1_048_576 };
const UNKNOWN = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };
const pace = (ceiling = SHARD, share = 1) => new ShardPace(ceiling, share, 0, () => 0.5);

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

  it('halves after a request that was refused whole, once per quarter second', () => {
    const shard = pace();
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 0);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 249);
    expect(shard.factor).toBe(0.5);
    shard.onAnswer({ records: 0, bytes: 0 }, 500, 250);
    expect(shard.factor).toBe(0.25);
  });

  it('goes down less where less is refused, and never below two hundredths', () => {
    const shard = pace();
    shard.onAnswer({ records: 400, bytes: 400 }, 100, 0);
    expect(shard.factor).toBeCloseTo(0.9);
    for (let i = 1; i < 40; i++) shard.onAnswer({ records: 0, bytes: 0 }, 500, i * 250);
    expect(shard.factor).toBe(0.02);
  });

  it('has its whole ceiling back within five quiet seconds', () => {
    const shard = pace();
    for (let i = 0; i < 40; i++) shard.onAnswer({ records: 0, bytes: 0 }, 500, i * 250);
    shard.delayMs(1, 1, 40 * 250 + 4_900);
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
    shard.onAnswer({ records: 180, bytes: 180_000 }, 20, nowMs);
    // About 2,000 records a second were taken: a second's worth goes after a second, ten times as much does not.
    shard.take(20_000, 0, nowMs + 10_000);
    const delayMs = shard.delayMs(1_000, 0, nowMs + 10_000);
    expect(delayMs).toBeGreaterThan(2_000);
    expect(delayMs).toBeLessThan(12_000);
    expect(shard.delayMs(1_000, 0, nowMs + 60_000)).toBe(0);
  });

  it('hands what it has learned to the shard that follows it', () => {
    const parent = pace();
    parent.onAnswer({ records: 0, bytes: 0 }, 500, 0);
    const child = pace();
    child.inherit(parent);
    expect([child.factor, child.delayMs(1, 1, 0)]).toEqual([0.5, 50]);
  });
});
