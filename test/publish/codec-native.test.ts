/** The native codec gives the results of the portable one, byte for byte, for everything: lanes, counts, selections. */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { loadAddon } from '../../src/native/load.ts';
import { SHARD_ROW, type ShardTable } from '../../src/publish/codec.ts';
import { createNativeCodec } from '../../src/publish/codec-native.ts';
import { BATCH_FORM, type EntryForm } from '../../src/publish/entries.ts';
import { CBOR_ENTRIES } from '../../src/publish/kinesis/body.ts';
import { FRAME_KIND } from '../../src/record/frame.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { native, portable } from './codecs.ts';
import { anyRecords, framesOf, hashKeyOf, record, type TestRecord } from './frames.ts';

/** A lane near the wrap of its 32-bit positions, filled with the records. Marks after some records. */
function laneOf(
  records: readonly TestRecord[],
  marks: readonly number[],
  position: number,
): SharedArrayBuffer {
  const lane = createLane(256 * 1024, position);
  const producer = new LaneProducer(lane, true);
  for (const [i, record] of records.entries()) {
    const key = Buffer.from(record.key);
    const hashKey = hashKeyOf(record);
    const isWritten = producer.tryWriteRecord({
      key,
      keyStart: 0,
      keyEnd: key.length,
      data: record.data,
      dataStart: 0,
      dataEnd: record.data.length,
      appendNewline: false,
      slice: record.slice,
      lineOffset: record.lineOffset,
      hashHigh: hashKey >> 64n,
      hashLow: hashKey & 0xffff_ffff_ffff_ffffn,
      flags: record.explicitHashKey === null ? 0 : 1,
    });
    expect(isWritten).toBe(true);
    if (marks.includes(i)) producer.tryWriteMark(i % 2 ? FRAME_KIND.BEGIN : FRAME_KIND.END, 2 ** 40 + i);
  }
  producer.publish();
  return lane;
}

function tableOf(
  starts: readonly bigint[],
  countMax: number,
  payloadBytesMax: number,
  absent: number,
  form: EntryForm | null = null,
): ShardTable {
  const rows = new Uint32Array(starts.length * SHARD_ROW.COLUMNS);
  const buffers = starts.map((_, i) => (i === absent ? null : new Uint8Array(20_000).fill(0xaa)));
  for (const [i, buffer] of buffers.entries()) {
    const row = i * SHARD_ROW.COLUMNS;
    rows[row + SHARD_ROW.CAPACITY_BYTES] = buffer?.length ?? 0;
    rows[row + SHARD_ROW.COUNT_MAX] = countMax;
    rows[row + SHARD_ROW.PAYLOAD_BYTES_MAX] = payloadBytesMax;
    // Batches of both forms stand beside each other.
    if (form !== null && i % 3 !== 2) {
      rows[row + SHARD_ROW.FORM] = BATCH_FORM.ENTRIES;
      rows[row + SHARD_ROW.USED_BYTES] = form.openingBytes;
    }
  }
  return {
    starts: BigUint64Array.from(starts.flatMap((start) => [start >> 64n, start & 0xffff_ffff_ffff_ffffn])),
    rows,
    buffers,
    form,
  };
}

const anyStarts = fc
  .uniqueArray(fc.bigInt({ min: 1n, max: (1n << 128n) - 1n }), { maxLength: 9 })
  .map((starts) => [0n, ...starts.sort((a, b) => (a < b ? -1 : 1))]);

// Where the addon is not built there is nothing to compare: the run then lists this suite as skipped.
describe.skipIf(!native)('the native codec (skipped where there is no addon)', () => {
  const codec = native!;

  it('drains lanes as the portable one does, to the last row and byte', () => {
    const options = fc.record({
      starts: anyStarts,
      countMax: fc.integer({ min: 1, max: 30 }),
      payloadBytesMax: fc.integer({ min: 1, max: 6000 }),
      absent: fc.integer({ min: 0, max: 12 }),
      marks: fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 4 }),
      form: fc.constantFrom(null, CBOR_ENTRIES),
      position: fc.constantFrom(0, 2 ** 32 - 4096, 2 ** 32 - 8, 2 ** 31 - 1024, 262_144 - 512),
    });
    fc.assert(
      fc.property(
        anyRecords,
        options,
        (records, { starts, countMax, payloadBytesMax, absent, marks, form, position }) => {
          const sides = [portable, codec].map((side) => ({
            side,
            lane: laneOf(records, marks, position),
            table: tableOf(starts, countMax, payloadBytesMax, absent, form),
          }));
          for (let call = 0; call < 200; call++) {
            const [one, other] = sides.map(({ side, lane, table }) => ({
              result: side.drain(lane, table),
              rows: table.rows,
              batches: table.buffers.map((buffer) => buffer && Buffer.from(buffer.buffer).toString('latin1')),
              tail: new Int32Array(lane)[LANE_CELL.TAIL],
            }));
            expect(other).toEqual(one);
            if (one!.result.status === 'empty') return;
            if (one!.result.status !== 'shard-full') continue;
            const shard = one!.result.shardIndex;
            for (const { table } of sides) {
              table.rows.fill(
                0,
                shard * SHARD_ROW.COLUMNS,
                shard * SHARD_ROW.COLUMNS + SHARD_ROW.CAPACITY_BYTES,
              );
              table.rows[shard * SHARD_ROW.COLUMNS + SHARD_ROW.CAPACITY_BYTES] = 20_000;
              table.buffers[shard] = new Uint8Array(20_000);
              if (table.rows[shard * SHARD_ROW.COLUMNS + SHARD_ROW.FORM] === BATCH_FORM.ENTRIES)
                table.rows[shard * SHARD_ROW.COLUMNS + SHARD_ROW.USED_BYTES] = form!.openingBytes;
            }
          }
          expect.fail('the lane is never empty');
        },
      ),
      { numRuns: 150 },
    );
  });

  it('finds a second reader of its lane in a debug run', () => {
    vi.stubEnv('MILLRACE_DEBUG', '1');
    const [one, other] = [createNativeCodec(loadAddon().addon!), createNativeCodec(loadAddon().addon!)];
    vi.unstubAllEnvs();
    const records = Array.from({ length: 3 }, () => record());
    const lane = laneOf(records, [0], 0);
    const table = () => tableOf([0n], 100, 1000, -1);
    expect(one.drain(lane, table()).status).toBe('end');
    expect(other.drain(lane, table()).records).toBe(2);
    expect(() => one.drain(lane, table())).toThrow(/second writer/);
  });

  it('acknowledges and selects as the portable one does', () => {
    fc.assert(
      fc.property(anyRecords, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (records, stream) => {
        const frames = framesOf(records);
        const verdicts = Uint8Array.from([...stream.take(records.length)]);
        const results = [portable, codec].map((side) => {
          const counters = { acknowledged: new Int32Array(16).fill(-2), settled: new Int32Array(1) };
          const out = new Uint8Array(frames.length);
          const settled = side.acknowledge(frames, records.length, verdicts, 0, counters);
          return { counters, settled, out, selected: side.select(frames, records.length, verdicts, 3, out) };
        });
        expect(results[1]).toEqual(results[0]);
      }),
      { numRuns: 100 },
    );
  });
});
