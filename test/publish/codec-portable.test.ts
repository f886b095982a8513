/** What only the portable codec promises; what holds for both codecs stands in codec.test.ts and codec-native.test.ts. */
import { expect, it } from 'vitest';
import { SHARD_ROW } from '../../src/publish/codec.ts';
import { createPortableCodec } from '../../src/publish/codec-portable.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { laneRecord } from '../ring/records.ts';

const MAX = (1n << 64n) - 1n;

it.each([
  { name: 'the first hash key of a shard', high: 1n << 63n, low: 5n, shard: 1 },
  { name: 'the last hash key before it', high: 1n << 63n, low: 4n, shard: 0 },
  { name: 'the first of all', high: 0n, low: 0n, shard: 0 },
  { name: 'the last of all', high: MAX, low: MAX, shard: 2 },
  { name: 'a difference only in the lowest word', high: MAX, low: 0n, shard: 2 },
  { name: 'one below that', high: MAX - 1n, low: MAX, shard: 1 },
])('routes $name', ({ high, low, shard }) => {
  const lane = createLane(65_536);
  const producer = new LaneProducer(lane, true);
  producer.tryWriteRecord({ ...laneRecord(3, 4, 5), hashHigh: high, hashLow: low });
  producer.publish();
  const rows = new Uint32Array(3 * SHARD_ROW.COLUMNS);
  for (let i = 0; i < 3; i++) {
    rows.set([0, 0, 0, 1000, 10, 1000], i * SHARD_ROW.COLUMNS);
  }
  const table = {
    starts: BigUint64Array.of(0n, 0n, 1n << 63n, 5n, MAX, 0n),
    rows,
    buffers: [0, 1, 2].map(() => new Uint8Array(1000)),
  };
  const result = createPortableCodec().drain(lane, table);
  expect(result).toEqual({ status: 'empty', shardIndex: 0, needBytes: 0, sequence: 0, records: 1 });
  expect([0, 1, 2].map((i) => rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.COUNT])).toEqual(
    [0, 1, 2].map((i) => (i === shard ? 1 : 0)),
  );
  expect(rows[shard * SHARD_ROW.COLUMNS + SHARD_ROW.PAYLOAD_BYTES]).toBe(9);
  expect(new Int32Array(lane)[LANE_CELL.TAIL]).toBe(56);
});
