import { describe, expect, it } from 'vitest';
import { type WindowInput, WindowPolicy } from '../../src/accounting/window.ts';
import { KIB, MIB } from '../../src/base/limits.ts';

const UNKNOWN = { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: Number.POSITIVE_INFINITY };

/** A run that settles so many bytes a second in records of so many bytes, looked at ten times a second. */
function follow(
  policy: WindowPolicy,
  seconds: number,
  rate: { bytesPerSecond: number; recordBytes: number },
  more: Partial<WindowInput> = {},
) {
  let state = policy.update({ ...input(0, 0, rate.recordBytes), ...more });
  for (let tick = 1; tick <= seconds * 10; tick++)
    state = policy.update({
      ...input(tick * 100, (rate.bytesPerSecond * tick) / 10, rate.recordBytes),
      ...more,
    });
  return state;
}

function input(nowMs: number, settledBytes: number, recordBytes: number): WindowInput {
  const settledRecords = settledBytes / recordBytes;
  return { nowMs, capacity: UNKNOWN, shardCount: 4, heldShards: 0, settledBytes, settledRecords };
}

describe('the window', () => {
  it('begins with 4 MiB in slices of 16 KiB', () => {
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    expect(policy.update(input(0, 0, 684))).toEqual({
      windowBytes: 4 * MIB,
      sliceBytes: 16 * KIB,
      commitMs: 50,
      lookMs: 100,
    });
  });
  it('is eight seconds of what the stream is known to take, in records or in bytes', () => {
    const rate = { bytesPerSecond: 2.7e6, recordBytes: 684 };
    const capacity = { recordsPerSecond: 4_000, bytesPerSecond: 4 * MIB };
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    expect(follow(policy, 5, rate, { capacity }).windowBytes).toBeCloseTo(8 * 4_000 * 684);
    const large = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    const few = { bytesPerSecond: 4 * MIB, recordBytes: 10 * KIB };
    expect(follow(large, 5, few, { capacity }).windowBytes).toBeCloseTo(8 * 4 * MIB);
  });
  it('doubles while a shard is idle, to 48 MiB and no more', () => {
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    const rate = { bytesPerSecond: 100 * MIB, recordBytes: 684 };
    const state = follow(policy, 5, rate, { heldShards: 3 });
    expect(state).toEqual({ windowBytes: 48 * MIB, sliceBytes: MIB, commitMs: 500, lookMs: 500 });
  });
  it('is eight seconds of what is stored where every shard is held', () => {
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    const rate = { bytesPerSecond: 3 * MIB, recordBytes: 684 };
    expect(follow(policy, 5, rate, { heldShards: 4 }).windowBytes).toBeCloseTo(24 * MIB);
  });
  it('holds one request a shard and one slice a parser at least', () => {
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    const rate = { bytesPerSecond: 684, recordBytes: 684 };
    const state = follow(policy, 5, rate, { heldShards: 64, shardCount: 64 });
    expect(state.windowBytes).toBe(64 * 500 * 684);
  });
  it('is a quarter of a second of a machine with many threads', () => {
    const policy = new WindowPolicy({ parserCount: 8, publisherCount: 8 });
    const fast = { bytesPerSecond: 2_000 * MIB, recordBytes: 684 };
    expect(follow(policy, 5, fast).windowBytes).toBeCloseTo(256 * MIB, -6);
  });
});

describe('a slice', () => {
  it('is an eighth of a second of a slow run, so that one that is killed every second gets on', () => {
    const policy = new WindowPolicy({ parserCount: 2, publisherCount: 2 });
    const rate = { bytesPerSecond: 684_000, recordBytes: 684 };
    const capacity = { recordsPerSecond: 1_000, bytesPerSecond: MIB };
    const { sliceBytes, commitMs } = follow(policy, 5, rate, { capacity });
    expect([sliceBytes, commitMs]).toEqual([85_500, 500]);
  });
});

describe('how long things wait', () => {
  const rate = { bytesPerSecond: 684_000, recordBytes: 684 };
  const capacity = { recordsPerSecond: 1_000, bytesPerSecond: MIB };
  it('commits come twice as often in the first two seconds, so that a run which is killed all the time gets on', () => {
    const policy = new WindowPolicy({ parserCount: 1, publisherCount: 1 });
    expect(follow(policy, 1.5, rate, { capacity })).toMatchObject({ commitMs: 250, lookMs: 100 });
  });
  it('a window that stays about the same is left alone for half a second, one that changes for a tenth', () => {
    const policy = new WindowPolicy({ parserCount: 1, publisherCount: 1 });
    expect(follow(policy, 5, rate, { capacity })).toMatchObject({ commitMs: 500, lookMs: 500 });
    const faster = { recordsPerSecond: 2_000, bytesPerSecond: MIB };
    expect(policy.update({ ...input(5_500, 684_000 * 5.5, 684), capacity: faster }).lookMs).toBe(100);
  });
});
