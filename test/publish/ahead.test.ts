import { afterEach, describe, expect, it, vi } from 'vitest';
import { bodiesAtOnce } from '../../src/aws/body-hash.ts';
import type { KinesisFault } from '../../src/embedded/kinesis.ts';
import { Ahead, isPrepared } from '../../src/publish/ahead.ts';
import type { Batch } from '../../src/publish/batch.ts';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { CBOR_ENTRIES } from '../../src/publish/kinesis/body.ts';
import { ShardQueues } from '../../src/publish/shard-queues.ts';
import { STAT } from '../../src/publish/stats.ts';
import { shardsWithin } from '../../src/record/hash-range.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { Doorbell } from '../../src/ring/wait.ts';
import { portable } from './codecs.ts';
import { framesOf, record } from './frames.ts';
import { idsOf, numbered, publish, release } from './publish-run.ts';
import { stalledPublisher } from './publisher-run.ts';
import { evenShards, HASH_KEYS, setupOf } from './publishing.ts';

afterEach(release);

/** Queues of two shards with so many closed batches each, of one record. */
function queuesOf(counts: readonly [number, number]) {
  const all = evenShards(2);
  const shards = shardsWithin(all, { start: 0n, end: HASH_KEYS - 1n });
  const limits = { recordCountMax: 1, payloadBytesMax: 1000 };
  const queues = new ShardQueues(shards, limits, new BufferPool(1 << 24), undefined, CBOR_ENTRIES);
  const records = counts.flatMap((count, shard) =>
    Array.from({ length: count }, (_, i) =>
      record({ key: `${shard}-${i}`, explicitHashKey: all[shard]!.start }),
    ),
  );
  const lane = laneOf(framesOf(records));
  for (;;) {
    const { status, shardIndex, needBytes } = portable.drain(lane, queues.table);
    if (status === 'empty') break;
    expect(queues.makeRoom(shardIndex, needBytes, 0)).toBe(true);
  }
  for (const shard of [0, 1]) queues.close(shard);
  return queues;
}

/** A sink that marks what it is given to prepare. */
function marking(preparedAtOnce: number) {
  const groups: Batch[][] = [];
  const prepare = (batches: readonly Batch[]) => {
    groups.push([...batches]);
    for (const batch of batches) batch.prepared = 'marked';
  };
  return { groups, sink: { preparedAtOnce, prepare } };
}

describe('Work on batches that wait', () => {
  it('is done on the next batches of all shards by turns, and once on each', () => {
    const queues = queuesOf([3, 5]);
    const { groups, sink } = marking(4);
    const ahead = new Ahead(sink, { isOfFrames: false }, 2);
    for (let time = 0; time < 3; time++) ahead.prepare(queues, 1);
    const [first, second] = [queues.closed(0), queues.closed(1)];
    expect(groups).toEqual([
      [second[0], first[0], second[1], first[1]],
      [second[2], first[2], second[3], second[4]],
    ]);
    expect([...first, ...second].every(isPrepared)).toBe(true);
  });

  it('is not done where batches are looked at frame by frame before they are sent', () => {
    expect(new Ahead(marking(4).sink, { isOfFrames: true }, 8).batchCount).toBe(0);
    expect(new Ahead(marking(4).sink, { isOfFrames: false }, 8).batchCount).toBe(4);
  });

  it('is not done where so few requests may be in flight that more than twice as many batches would wait', () => {
    const counts = [8, 7].map(
      (inFlightMax) => new Ahead(marking(16).sink, { isOfFrames: false }, inFlightMax),
    );
    expect(counts.map(({ batchCount }) => batchCount)).toEqual([16, 0]);
  });

  it('is void for a batch that becomes one of frames, or from which records are taken', () => {
    const queues = queuesOf([1, 0]);
    const batch = queues.closed(0)[0]!;
    batch.prepared = 'marked';
    expect(isPrepared(queues.fork(0, 100, batch))).toBe(false);
    queues.toFrames(0, batch);
    expect(isPrepared(batch)).toBe(false);
  });

  it('waits for enough batches, and those that are prepared are sent before others', async () => {
    const { groups, sink } = marking(6);
    const isSentPrepared: boolean[] = [];
    const records = numbered(60);
    const setup = setupOf(
      evenShards(3),
      { inFlightMax: 3, batchRecordsMax: 2, lingerMs: 1 },
      { lanes: [laneOf(framesOf(records))] },
    );
    const onPut = (batch: Batch) => isSentPrepared.push(isPrepared(batch));
    const { publisher, waiting } = stalledPublisher(setup, { ...sink, onPut });
    const run = publisher.run();
    const answering = setInterval(() => waiting.shift()?.(), 1);
    await vi.waitFor(() => expect(isSentPrepared.length).toBeGreaterThan(12));
    Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
    new Doorbell(setup.doorbells).ringAll();
    expect((await run).left).toEqual([]);
    clearInterval(answering);
    expect(groups[0]!.length).toBe(6);
    // Before the first answer nothing waits for more than what may be in flight.
    expect(isSentPrepared.slice(0, 9)).toEqual([...new Array(3).fill(false), ...new Array(6).fill(true)]);
  });
});

const why = bodiesAtOnce() === 0 ? ' (not run: this machine hashes many bodies no faster than two)' : '';
const FAULTS: readonly KinesisFault[] = [
  { kind: 'throttle', probability: 0.005 },
  { kind: 'internal-failure', probability: 0.005 },
  { kind: 'reset', times: 3 },
  { kind: 'error', code: 'ServiceUnavailable', times: 3, skip: 20 },
];

it.skipIf(bodiesAtOnce() === 0)(
  `bodies that were hashed many at once are what the service takes, each record once, through throttles, failures and resets${why}`,
  async () => {
    const groups: number[] = [];
    const outcome = await publish({
      records: numbered(3_000),
      shardCount: 4,
      faults: FAULTS,
      rules: { inFlightMax: 8, batchRecordsMax: 20, recordFailuresMax: 30 },
      onSink: (sink) => {
        const prepare = sink.prepare.bind(sink);
        sink.prepare = (batches) => {
          prepare(batches);
          groups.push(batches.filter(isPrepared).length);
        };
      },
    });
    expect(outcome.error).toBeNull();
    for (const { kind } of FAULTS) expect(outcome.kinesis.stats().faultsFired[kind]).toBeGreaterThan(0);
    // What goes again goes with others, as frames.
    expect(groups.reduce((sum, count) => sum + count)).toBeGreaterThan(2 * bodiesAtOnce());
    expect(idsOf(outcome).sort((a, b) => a - b)).toEqual(Array.from({ length: 3_000 }, (_, i) => i));
    expect([outcome.acknowledged, outcome.stats[STAT.RECORDS]]).toEqual([3_000, 3_000]);
  },
);
