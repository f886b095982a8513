/** Records that go from the lane into the entries of a request: the same bytes as by way of frames, and frames again where they are wanted. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import {
  entriesExtent,
  framesBytesOf,
  headerStart,
  moveEntries,
  writeFrames,
} from '../../src/publish/entries.ts';
import { laneOf } from '../../src/publish/frame-walk.ts';
import { bodySuffix, CBOR_ENTRIES, closeEntries } from '../../src/publish/kinesis/body.ts';
import { ShardQueues } from '../../src/publish/shard-queues.ts';
import { Skew } from '../../src/publish/skew.ts';
import { shardsWithin } from '../../src/record/hash-range.ts';
import { codecs } from './codecs.ts';
import { anyRecords, framesOf, record, type TestRecord } from './frames.ts';
import { portablePut } from './kinesis/put-codecs.ts';
import { evenShards, HASH_KEYS } from './publishing.ts';

const STREAM = `arn:aws:kinesis:us-east-1:000000000000:stream/${'s'.repeat(128)}`;

describe.each(codecs)('entries by the $kind codec', (codec) => {
  function entriesOf(records: readonly TestRecord[]) {
    const pool = new BufferPool(1 << 26);
    const shards = shardsWithin(evenShards(1), { start: 0n, end: HASH_KEYS - 1n });
    const limits = { recordCountMax: 500, payloadBytesMax: 5 << 20 };
    const queues = new ShardQueues(shards, limits, pool, undefined, CBOR_ENTRIES);
    const lane = laneOf(framesOf(records));
    for (;;) {
      const { status, shardIndex, needBytes } = codec.drain(lane, queues.table);
      if (status === 'empty') break;
      expect(queues.makeRoom(shardIndex, needBytes, 0)).toBe(true);
    }
    queues.close(0);
    const batch = queues.shift(0);
    expect([batch.isEntries, queues.isEmpty]).toEqual([true, true]);
    return { batch, queues, pool };
  }

  it('are the body that is made of the same records as frames', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom(STREAM, 's'), (records, stream) => {
        const frames = framesOf(records);
        const out = new Uint8Array(portablePut.encodedBytesMax(frames, records.length, 'cbor'));
        const wanted = out.subarray(0, portablePut.encode(frames, records.length, 'cbor', stream, out));
        const { batch } = entriesOf(records);
        const suffix = bodySuffix('cbor', stream);
        // A second time, as when the request goes again.
        for (let time = 0; time < 2; time++) {
          const bytes = closeEntries(batch.buffer, batch.bytes, batch.count, suffix);
          expect(Buffer.compare(batch.buffer.subarray(0, bytes), wanted)).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('become the frames that they were made of, wherever they were moved to', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const { batch } = entriesOf(records);
        const frames = framesOf(records);
        expect(framesBytesOf(batch)).toBe(frames.length);
        const larger = { ...batch, buffer: new Uint8Array(2 * batch.buffer.length) };
        moveEntries(batch.buffer, batch.bytes, batch.count, larger.buffer);
        for (const one of [batch, larger]) {
          const out = new Uint8Array(frames.length).fill(0xee); // as the padding of frames in tests
          writeFrames(one, CBOR_ENTRIES, out);
          expect(Buffer.compare(out, frames)).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('are acknowledged as their frames are', () => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const { batch } = entriesOf(records);
        const [one, other] = [0, 1].map(() => {
          const acknowledged = new Int32Array(16);
          for (const { slice } of records) if (slice % 2 === 0) acknowledged[slice]!--;
          return { acknowledged, settled: new Int32Array(1) };
        });
        const verdicts = new Uint8Array(records.length);
        const settled = codec.acknowledge(framesOf(records), records.length, verdicts, 0, one!);
        expect(codec.acknowledgeEntries(batch.buffer, batch.count, other!)).toBe(settled);
        expect(other).toEqual(one);
      }),
      { numRuns: 60 },
    );
  });

  it('leave room for the longest stream behind them, also where they fill their memory', () => {
    const { batch } = entriesOf(Array.from({ length: 500 }, (_, i) => record({ data: Buffer.alloc(i) })));
    expect(entriesExtent(batch, CBOR_ENTRIES)).toBeLessThanOrEqual(batch.buffer.length);
    const headers = headerStart(batch.buffer, batch.count - 1);
    expect(
      closeEntries(batch.buffer, batch.bytes, batch.count, bodySuffix('cbor', 's'.repeat(2048))),
    ).toBeLessThan(headers);
  });

  it('are looked at for hot keys as frames are', () => {
    const records = Array.from({ length: 500 }, (_, i) => record({ key: i % 2 ? `k${i}` : 'hot' }));
    const { batch, queues } = entriesOf(records);
    const [ofEntries, ofFrames] = [batch, { ...batch }].map((one, i) => {
      if (i === 1) Object.assign(one, { buffer: queues.framesOf(batch), isEntries: false });
      const skew = new Skew('shown');
      skew.look('s', one);
      return skew.counts();
    });
    expect(ofEntries).toEqual(ofFrames);
    expect(ofEntries!.keys[0]!.key).toBe('hot');
  });

  it('give their memory back when they have become frames, and go on filling as frames where a retry joined them', () => {
    const { batch, queues, pool } = entriesOf([record({ lineOffset: 1 })]);
    const lane = laneOf(framesOf([record({ lineOffset: 2 })]));
    const { shardIndex, needBytes } = codec.drain(lane, queues.table);
    queues.makeRoom(shardIndex, needBytes, 0);
    codec.drain(lane, queues.table);
    expect(queues.mergeIntoOpen(0, batch)).toBe(true);
    expect(codec.drain(laneOf(framesOf([record({ lineOffset: 3 })])), queues.table).status).toBe('empty');
    queues.close(0);
    const joined = queues.shift(0);
    const wanted = framesOf([2, 1, 3].map((lineOffset) => record({ lineOffset })));
    expect([joined.isEntries, joined.count, joined.bytes]).toEqual([false, 3, wanted.length]);
    expect(queues.framesOf(joined).filter((_, i) => wanted[i] !== 0xee)).toEqual(
      wanted.filter((byte) => byte !== 0xee),
    );
    queues.release(0, joined);
    expect(pool.outBytes).toBe(0);
  });
});
