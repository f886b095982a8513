import { expect, it } from 'vitest';
import { Stream } from '../../../src/embedded/kinesis/stream-store.ts';

const body = Buffer.alloc(10);

/** A stream of one shard that took `requestCount` requests of two records, one a second. */
function filled(requestCount: number): Stream {
  const stream = new Stream({ name: 's', arn: 'arn', createdAtMs: 0 });
  const shard = stream.addShard(0n, 99n, [], 0);
  stream.reroute();
  for (let i = 0; i < requestCount; i++) {
    const arrivedAtMs = i * 1000;
    shard.append({
      body,
      index: new Uint32Array(12),
      from: 0,
      count: 2,
      firstCounter: shard.lastCounter + 1,
      arrivedAtMs,
    });
    shard.lastCounter += 2;
    stream.hold({ body, bytes: 10, records: 2, arrivedAtMs, shards: [shard] });
  }
  return stream;
}

it('finds the run of a counter, before and after trimming', () => {
  const stream = filled(5000);
  const [shard] = stream.openShards;
  const firstOf = (counter: number) => shard!.runsFrom(counter).next().value?.firstCounter;
  expect([firstOf(0), firstOf(1), firstOf(2), firstOf(3), firstOf(10_000), firstOf(10_001)]).toEqual([
    1,
    1,
    1,
    3,
    9999,
    undefined,
  ]);
  expect(stream.trim(10_000, 0).length).toBe(4000);
  expect([firstOf(1), firstOf(8001), firstOf(8003), shard!.firstCounter, stream.trimmedRecords]).toEqual([
    8001, 8001, 8003, 8001, 8000,
  ]);
});

it('finds the first record at or after a time', () => {
  const [shard] = filled(10).openShards;
  expect([0, 1000, 1001, 9000, 9001].map((timeMs) => shard!.counterAt(timeMs))).toEqual([1, 3, 5, 19, 21]);
});

it('goes on counting when everything was trimmed', () => {
  const stream = filled(3);
  stream.trim(0, 0);
  expect([stream.openShards[0]!.firstCounter, stream.heldBytes]).toEqual([7, 0]);
});

it('reads back the counters of its own sequence numbers only', () => {
  const stream = filled(0);
  const child = stream.addShard(0n, 50n, [stream.shards[0]!], 0);
  expect(child.counterOf(child.sequenceNumber(42))).toBe(42);
  expect(child.counterOf(stream.shards[0]!.sequenceNumber(42))).toBeUndefined();
  expect(child.counterOf(`${child.sequenceNumber(42)}0`)).toBeUndefined();
  expect(BigInt(child.sequenceNumber(0)) > BigInt(stream.shards[0]!.sequenceNumber(99_999_999))).toBe(true);
});
