/** What helps against each limit: one key is one shard, and nothing is advised that cannot help. */
import { describe, expect, it } from 'vitest';
import { adviceOf, type RunTraits } from '../../src/observe/advice.ts';
import type { Limit, Stage } from '../../src/observe/limit.ts';
import type { SkewReport } from '../../src/observe/skew.ts';

const MEANS: Limit['means'] = {
  ...{ parsersBusy: 1, parsersWaiting: 1, requestsOut: 0.2, publishersHeld: 0, shardsHeld: 0, rateHeld: 0 },
  ...{ publishersBusy: 0.3, mainBusy: 0.4 },
};
const TRAITS: RunTraits = {
  ...{ isAggregated: false, isOrdered: false, headroom: 0, throttledRecords: 0 },
  shardRate: { recordsPerSecond: 1_000, bytesPerSecond: 1 << 20 },
};
const EVEN: SkewReport = {
  unit: 'records',
  shards: 4,
  recordBytes: 684,
  hottestShard: { shardId: 'shardId-000000000002', share: 0.26 },
  hotKeys: [],
};
const HOT_KEY = { hash: '0123456789ab', key: null, share: 0.4, shardId: 'shardId-000000000002' };

function limit(stage: Stage | null, means: Partial<Limit['means']> = {}): Limit {
  const shares = { download: 0, scan: 0, publish: 0, stream: 0 };
  if (stage !== null) shares[stage] = 1;
  return { stage, shares, means: { ...MEANS, ...means } };
}
const held = (shardsHeld: number) => limit('stream', { publishersHeld: 1, shardsHeld });
const advice = (found: Limit, skew: SkewReport | null = EVEN, traits: Partial<RunTraits> = {}) =>
  adviceOf(found, skew, { ...TRAITS, ...traits });

it.each<[string, Limit, string | null]>([
  ['nothing that can be told', limit(null), null],
  ['download', limit('download'), '--downloads'],
  ['a main thread without a pause', limit('download', { mainBusy: 0.75 }), 'several processes'],
  ['scan', limit('scan'), '--parsers'],
  ['publish', limit('publish', { publishersBusy: 0.9 }), '--publishers, or --aggregate'],
  ['full shards', held(1), 'more shards, or an on-demand stream'],
  ['slow answers', limit('stream', { requestsOut: 1 }), '--in-flight'],
  ['--rate', limit('stream', { publishersHeld: 1, rateHeld: 0.9 }), 'a higher --rate'],
])('against %s', (_name, found, says) => {
  if (says === null) expect(advice(found)).toBeNull();
  else expect(advice(found)).toContain(says);
});

describe('one key with 40 % of the records', () => {
  const skew = { ...EVEN, hottestShard: { ...EVEN.hottestShard, share: 0.46 }, hotKeys: [HOT_KEY] };

  it('is one shard: more shards are not advised, and the most that can be had is said', () => {
    const text = advice(held(0.3), skew)!;
    expect(text).toContain('one key is one shard, and key 0123456789ab has 40 % of the records');
    expect(text).toContain('more shards do not help: 1,000 records/s of it and 2,500 in all is the most');
    expect(text).toContain('A finer --partition-key, or none');
    expect(text).not.toMatch(/on-demand|split it/);
  });

  it('is named where keys may be shown, and cannot write on the terminal', () => {
    const shown = { ...skew, hotKeys: [{ ...HOT_KEY, key: 'a\u001b[2J' }] };
    expect(advice(held(0.3), shown)).toContain('key "a\\u001b[2J" has');
  });

  it('shares its shard with others: more shards lead to the same bound and no further', () => {
    const crowded = { ...skew, hottestShard: { ...EVEN.hottestShard, share: 0.55 } };
    expect(advice(held(0.3), crowded)).toContain(
      'more shards lead to 1,000 records/s of it and 2,500 in all',
    );
  });

  it('is bound by bytes where records are large', () => {
    expect(advice(held(0.3), { ...skew, unit: 'bytes', recordBytes: 4_000 })).toContain(
      '1 MiB/s of it and 2.5 MiB/s in all',
    );
  });
});

it('a key that is less than a shard’s fair share is not what holds the run: more shards help', () => {
  const skew = { ...EVEN, hotKeys: [{ ...HOT_KEY, share: 0.2 }] };
  expect(advice(held(1), skew)).toContain('more shards, or an on-demand stream');
});

it('a hot shard without a hot key is to be split, or the key to be chosen otherwise', () => {
  const skew = { ...EVEN, hottestShard: { ...EVEN.hottestShard, share: 0.5 } };
  expect(advice(held(0.4), skew)).toContain('shard shardId-000000000002 has 50 % of the records');
  expect(advice(held(0.4), skew)).toContain('split it');
});

it('a source in the order of its keys fills one shard after the other', () => {
  expect(advice(held(0.3))).toContain('shards take turns: 1.2 of 4 were full at a time');
});

it('--aggregate is advised where records/s fill the shards, and not where bytes do', () => {
  expect(advice(held(1), { ...EVEN, recordBytes: 77 })).toContain('13.6 times as many fit');
  expect(advice(held(1), { ...EVEN, recordBytes: 1_000 })).not.toContain('--aggregate');
  expect(advice(held(1), { ...EVEN, recordBytes: 77 }, { isAggregated: true })).not.toContain('--aggregate');
  expect(advice(held(1), { ...EVEN, unit: 'bytes', recordBytes: 2_000 })).not.toContain('--aggregate');
});

it('--headroom is named where it leaves a part of each shard', () => {
  expect(advice(held(1), EVEN, { headroom: 0.5 })).toContain('--headroom leaves 50 % of each shard');
});

it('--order key without --aggregate goes at one record of a key a round trip', () => {
  const waiting = limit('stream', { requestsOut: 0.9 });
  expect(advice(waiting, EVEN, { isOrdered: true })).toContain('one record a round trip');
  // Parsers wait, and publishers have little to do: they wait for the answers to a few records.
  expect(advice(limit('publish'), EVEN, { isOrdered: true })).toContain('one record a round trip');
  expect(advice(limit('publish'), EVEN, { isOrdered: true, isAggregated: true })).toBe('more --publishers.');
  expect(advice(limit('publish', { publishersBusy: 0.9 }), EVEN, { isOrdered: true })).toContain(
    '--publishers',
  );
});
