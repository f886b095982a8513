import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntryForm } from '../../src/publish/entries.ts';
import { readRefused } from '../../src/publish/frame-walk.ts';
import { CBOR_ENTRIES } from '../../src/publish/kinesis/body.ts';
import { orderOf } from '../../src/publish/order.ts';
import { settle } from '../../src/publish/settle.ts';
import { VERDICT } from '../../src/publish/sink.ts';
import { STAT } from '../../src/publish/stats.ts';
import { codecs } from './codecs.ts';
import { record } from './frames.ts';
import { answerOf, batchOf, evenShards, filledOf, setupOf, shardSetOf } from './publishing.ts';

const { STORED, THROTTLED, FAILED, MISROUTED } = VERDICT;

/** Takes everything that waits for a shard, as the offsets of its records, and gives its memory back. */
function waitingOf(bench: ReturnType<typeof shardSetOf>, shardIndex = 0): number[] {
  const { queues } = bench.shardSet;
  const offsets: number[] = [];
  queues.close(shardIndex);
  while (queues.peek(shardIndex)) {
    const batch = queues.shift(shardIndex);
    offsets.push(...readRefused(batch, '').map((r) => r.objectOffset));
    queues.release(shardIndex, batch);
  }
  return offsets;
}

/** Neighbours of one slice in pairs, as a sink that knows them tells them. */
function runsOf(slices: readonly number[]): Uint32Array {
  const runs: [number, number][] = [];
  for (const slice of slices) {
    if (runs.at(-1)?.[0] !== slice) runs.push([slice, 0]);
    runs.at(-1)![1]++;
  }
  return Uint32Array.from(runs.flat());
}

const landedIn = (shardId: string, firstFrame: number, frames: number) => ({ firstFrame, frames, shardId });

describe.each(codecs)('settle with the $kind codec', (codec) => {
  const start = (
    rules: Parameters<typeof setupOf>[1] = {},
    shardCount = 1,
    form: EntryForm | null = null,
  ) => {
    const bench = shardSetOf(codec, setupOf(evenShards(shardCount), rules), form);
    const parts = {
      shardSet: bench.shardSet,
      codec,
      rules: bench.setup.rules,
      order: orderOf(bench.setup.rules),
      reshard: bench.reshard,
      ...bench.acknowledging,
    };
    return { bench, parts };
  };

  it.each([
    { order: 'none', form: null, what: 'frames' },
    { order: 'none', form: CBOR_ENTRIES, what: 'entries' },
    { order: 'key', form: null, what: 'frames' },
  ] as const)(
    'sends only refused records of $what again, whatever the mix, order $order',
    ({ order, form }) => {
      fc.assert(
        fc.property(
          fc.array(fc.constantFrom(STORED, THROTTLED, FAILED), { minLength: 1, maxLength: 60 }),
          (verdicts) => {
            const { bench, parts } = start({ order }, 1, form);
            const records = verdicts.map((_, i) => record({ key: `k${i}`, lineOffset: i, slice: i }));
            const batch = form === null ? batchOf(bench, records) : filledOf(codec, bench, records);
            expect(batch.isEntries ?? false).toBe(form !== null);
            const settlement = settle(parts, 0, batch, answerOf(batch, verdicts));
            const acknowledged = verdicts.map((_, i) => bench.acknowledged[i]);
            expect(acknowledged).toEqual(verdicts.map((v) => (v === STORED ? 1 : 0)));
            const again = verdicts.flatMap((v, i) => (v === STORED ? [] : [i]));
            expect(waitingOf(bench).sort((a, b) => a - b)).toEqual(again);
            expect(settlement.storedRecords).toBe(verdicts.length - again.length);
            expect(settlement.refused).toEqual([]);
            expect(bench.pool.outBytes).toBe(0);
          },
        ),
        { numRuns: 200 },
      );
    },
  );

  it.each([
    { of: 'all of them', verdicts: [STORED, STORED, STORED, STORED, STORED] },
    { of: 'one and not of the others', verdicts: [STORED, THROTTLED, STORED, FAILED, STORED] },
  ])('counts what was stored in its slices where the sink knows these: $of', ({ verdicts }) => {
    const slices = [3, 3, 9, 3, 9];
    const { bench, parts } = start();
    const walked: number[] = [];
    const acknowledge: typeof parts.acknowledge = (frames, count, marks, mark) => {
      walked.push(count);
      parts.acknowledge(frames, count, marks, mark);
    };
    const batch = batchOf(
      bench,
      slices.map((slice) => record({ slice })),
    );
    settle({ ...parts, acknowledge }, 0, batch, { ...answerOf(batch, verdicts), sliceRuns: runsOf(slices) });
    const stored = (slice: number) => slices.filter((s, i) => s === slice && verdicts[i] === STORED).length;
    expect([bench.acknowledged[3], bench.acknowledged[9]]).toEqual([stored(3), stored(9)]);
    expect(walked).toEqual(verdicts.includes(THROTTLED) ? [5] : []);
  });

  it.each([
    { name: 'keeps a record one failure before the limit', failures: 3, refused: [] },
    { name: 'refuses a record at the limit of failures', failures: 4, refused: [1] },
  ])('$name, and never one that was only throttled', ({ failures, refused }) => {
    for (const order of ['none', 'key'] as const) {
      const { bench, parts } = start({ order });
      const batch = batchOf(
        bench,
        [0, 1].map((i) => record({ key: `k${i}`, lineOffset: i })),
        0,
        failures,
      );
      const settlement = settle(parts, 0, batch, answerOf(batch, [THROTTLED, FAILED]));
      expect(settlement.refused.map((r) => r.objectOffset)).toEqual(refused);
      expect(waitingOf(bench).sort()).toEqual([0, 1].filter((i) => !refused.includes(i)));
      expect(bench.pool.outBytes).toBe(0);
    }
  });

  it('acknowledges a record that travelled alone wherever it landed', () => {
    const { bench, parts } = start();
    const batch = batchOf(bench, [record()]);
    const settlement = settle(parts, 0, batch, answerOf(batch, [MISROUTED]));
    expect([settlement.storedRecords, bench.acknowledged[0], bench.pool.outBytes]).toEqual([1, 1, 0]);
  });

  it('gives the memory of strays back also where the shards did not change', async () => {
    const { bench, parts } = start({ aggregateBytesMax: 51_200 });
    // More rounds than the shard's share of the memory would bear if a single one leaked.
    for (let round = 0; round < 2_000; round++) {
      const batch = batchOf(bench, [record(), record()]);
      settle(parts, 0, batch, answerOf(batch, [MISROUTED, MISROUTED], [landedIn('shard-9', 0, 2)]));
      await bench.reshardTo(evenShards(1));
      expect(waitingOf(bench)).toHaveLength(2);
      expect(bench.pool.outBytes).toBe(0);
    }
    expect(bench.shardSet.queues.makeRoom(0, 1_000, 0)).toBe(true);
  });

  it('sends all of an aggregate again of which one record lies outside, and acknowledges nothing of it before', async () => {
    const { bench, parts } = start({ aggregateBytesMax: 51_200 });
    const half = 1n << 127n;
    // Two aggregates and a lone record, each landed in a shard of its own; the second one reaches over the border.
    const hashes = [1n, 2n, half - 1n, half, half + 1n];
    const records = hashes.map((explicitHashKey, i) => record({ lineOffset: i, slice: i, explicitHashKey }));
    const batch = batchOf(bench, records);
    const misrouted = [landedIn('shard-0', 0, 2), landedIn('shard-1', 2, 2)];
    const settlement = settle(
      parts,
      0,
      batch,
      answerOf(batch, [MISROUTED, MISROUTED, MISROUTED, MISROUTED, MISROUTED], misrouted),
    );
    expect([settlement.storedRecords, settlement.storedBytes]).toEqual([1, batch.payloadBytes / 5]);
    expect([...bench.acknowledged.subarray(0, 5)]).toEqual([0, 0, 0, 0, 1]);
    expect(bench.reshard.hasMisrouted).toBe(true);
    const bytes = (2 * batch.payloadBytes) / 5;
    expect(await bench.reshardTo(evenShards(2))).toEqual([{ kind: 'reshard', shardCount: 2 }]);
    const counted = [STAT.RESENT, STAT.RECORDS, STAT.BYTES, STAT.RESHARDS].map(
      (column) => bench.stats[column],
    );
    expect(counted).toEqual([2, 2, bytes, 1]);
    expect(bench.reshard.hasMisrouted).toBe(false);
    expect([...bench.acknowledged.subarray(0, 5)]).toEqual([1, 1, 0, 0, 1]);
    expect([waitingOf(bench, 0), waitingOf(bench, 1)]).toEqual([[2], [3]]);
    expect(bench.pool.outBytes).toBe(0);
  });
});
