/** What is said of a backfill while it goes on, with the time taken from the views. */
import { describe, expect, it } from 'vitest';
import { backfillTeller, type ProgressView } from '../../src/observe/backfill-progress.ts';

const SHARD = { recordsPerSecond: 1000, bytesPerSecond: 1 << 20 };

/** 4,000 records of 250 bytes a second, of 100 MB: 1 % a second. */
function viewAt(elapsedMs: number, part: Partial<ProgressView> = {}): ProgressView {
  return {
    objects: { listed: 1234, isListingDone: true },
    bytes: { listed: 100e6, settled: 1000 * elapsedMs, settledBefore: 0 },
    records: 4 * elapsedMs,
    publishedBytes: 1000 * elapsedMs,
    rejected: 0,
    shards: { open: 4, held: 0, pace: SHARD },
    ratePace: null,
    elapsedMs,
    ...part,
  };
}

/** What is told after a run of so many seconds, seen four times a second. */
function toldAfter(seconds: number, viewOf: (elapsedMs: number) => ProgressView = viewAt, isDryRun = false) {
  const tell = backfillTeller(isDryRun);
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs += 250) tell(viewOf(elapsedMs));
  return tell(viewOf(seconds * 1000));
}
const textAfter = (seconds: number, viewOf?: (elapsedMs: number) => ProgressView, isDryRun?: boolean) =>
  toldAfter(seconds, viewOf, isDryRun).parts.join(' | ');

it('tells what is acknowledged, the time to go, what was sent, how fast, and what holds it', () => {
  const held = { open: 4, held: 4, pace: SHARD };
  expect(toldAfter(47, (elapsedMs) => viewAt(elapsedMs, { shards: held }))).toEqual({
    share: 0.47,
    parts: [
      '47 %',
      'ETA 53 s',
      '188,000 sent',
      '4,000/s',
      'held by the stream: 4 of 4 shards at 1,000 records/s',
    ],
  });
});

it('says scanned where nothing is sent, and names what was rejected', () => {
  expect(textAfter(2, (elapsedMs) => viewAt(elapsedMs, { rejected: 3 }), true)).toBe(
    '2 % | ETA 1m 38s | 8,000 scanned | 4,000/s | 3 rejected',
  );
});

describe('the time to go', () => {
  it('comes from the last minute, not from what was long ago', () => {
    // A hundred seconds at 0.5 MB/s, then 60 s at a tenth of it.
    const slow = (elapsedMs: number) => {
      const settled = elapsedMs <= 100_000 ? 500 * elapsedMs : 50e6 + 50 * (elapsedMs - 100_000);
      return viewAt(elapsedMs, { bytes: { listed: 100e6, settled, settledBefore: 0 } });
    };
    expect(textAfter(161, slow)).toContain('53 % | ETA 15m 39s |');
  });

  it('does not take what earlier processes did for pace', () => {
    const resumed = (elapsedMs: number) =>
      viewAt(elapsedMs, {
        bytes: {
          listed: 100e6,
          settled: (elapsedMs > 0 ? 50e6 : 0) + 1000 * elapsedMs,
          settledBefore: elapsedMs > 0 ? 50e6 : 0,
        },
      });
    expect(textAfter(10, resumed)).toContain('60 % | ETA 40 s |');
  });

  it.each([
    ['before a second is over', 0.75, viewAt],
    [
      'while the listing goes on',
      20,
      (ms: number) => viewAt(ms, { objects: { listed: 1234, isListingDone: false } }),
    ],
    [
      'when nothing was done for a minute',
      61,
      (ms: number) => viewAt(ms, { bytes: { listed: 100e6, settled: 66, settledBefore: 0 } }),
    ],
    [
      'when less is done than before',
      10,
      (ms: number) => viewAt(ms, { bytes: { listed: 100e6, settled: 1e6 - ms, settledBefore: 0 } }),
    ],
  ])('is not known %s', (_name, seconds, viewOf) => {
    expect(toldAfter(seconds, viewOf).parts[1]).toBe('ETA -');
  });

  it('is nothing at the end, and never below, also where more is done than was listed', () => {
    const over = (ms: number) => viewAt(ms, { bytes: { listed: 1e6, settled: 1000 * ms, settledBefore: 0 } });
    expect(toldAfter(1, over)).toMatchObject({
      share: 1,
      parts: ['100 %', 'ETA 0 s', '4,000 sent', '4,000/s'],
    });
    expect(toldAfter(2, over)).toMatchObject({
      share: 1,
      parts: ['100 %', 'ETA 0 s', '8,000 sent', '4,000/s'],
    });
  });
});

it('gives no share of what is not yet listed', () => {
  const listing = (ms: number) => viewAt(ms, { objects: { listed: 1234, isListingDone: false } });
  expect(toldAfter(99, listing)).toMatchObject({
    share: 0,
    parts: ['listing: 1,234', 'ETA -', '396,000 sent', '4,000/s'],
  });
});

it('does not say 100 % before all is done', () => {
  const nearly = (ms: number) =>
    viewAt(ms, { bytes: { listed: 100e6, settled: 99_999_999, settledBefore: 0 } });
  expect(toldAfter(1, nearly).parts[0]).toBe('99 %');
});

it('fits the first four into 60 columns, however large the numbers are', () => {
  const large = (ms: number) =>
    viewAt(ms, {
      bytes: { listed: 1e15, settled: 1e9 * ms, settledBefore: 0 },
      ...{ records: 500 * ms, objects: { listed: 12_345_678, isListingDone: false } },
    });
  expect(toldAfter(200, large).parts.slice(0, 4).join(' | ').length).toBeLessThanOrEqual(60);
});

it.each([
  ['nothing is said', { shards: { open: 4, held: 0, pace: SHARD } }, null],
  [
    'a part of the shards, as of one hot key',
    { shards: { open: 4, held: 1, pace: SHARD } },
    'held by the stream: 1 of 4 shards at 1,000 records/s',
  ],
  [
    'large records: bytes are what a shard is full of',
    { shards: { open: 4, held: 4, pace: { ...SHARD, bytesPerSecond: 100_000 } } },
    'held by the stream: 4 of 4 shards at 100 kB/s',
  ],
  [
    'a shard whose pace nobody knows',
    { shards: { open: 4, held: 3, pace: null } },
    'held by the stream: 3 of 4 shards',
  ],
  [
    'aggregates, of which only bytes count',
    {
      shards: { open: 2, held: 2, pace: { recordsPerSecond: Number.POSITIVE_INFINITY, bytesPerSecond: 1e6 } },
    },
    'held by the stream: 2 of 2 shards at 1.0 MB/s',
  ],
  [
    '--rate',
    {
      shards: { open: 4, held: 4, pace: SHARD },
      ratePace: { recordsPerSecond: 4000, bytesPerSecond: Number.POSITIVE_INFINITY },
    },
    'held by --rate 4,000 records/s',
  ],
  [
    'a --rate that is far away is not what holds',
    {
      shards: { open: 4, held: 4, pace: SHARD },
      ratePace: { recordsPerSecond: 8000, bytesPerSecond: Number.POSITIVE_INFINITY },
    },
    'held by the stream: 4 of 4 shards at 1,000 records/s',
  ],
])('what holds a run back: %s', (_name, part, text) => {
  const { parts } = toldAfter(10, (ms) => viewAt(ms, part));
  expect(parts[4] ?? null).toBe(text);
});

it('a moment in which nothing is held changes nothing', () => {
  const blinking = (ms: number) =>
    viewAt(ms, { shards: { open: 4, held: (ms / 250) % 10 === 0 ? 0 : 4, pace: SHARD } });
  expect(toldAfter(10, blinking).parts[4]).toContain('4 of 4 shards');
});

it('a run that stands still since 6 s says so', () => {
  const still = (ms: number) => viewAt(ms, { records: 4 * Math.min(ms, 5000) });
  expect(textAfter(11, still)).toContain('20,000 sent | 0/s');
});
