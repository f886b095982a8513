import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codecs } from './codecs.ts';
import { anyRecords, framesOf, hashKeyOf, record } from './frames.ts';

describe.each(codecs)('the $kind codec', (codec) => {
  it('adds to the slice of each frame with the verdict, and to no other, and says which slices that settles', () => {
    fc.assert(
      fc.property(anyRecords, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (records, stream) => {
        const verdicts = Uint8Array.from([...stream.take(records.length)]);
        const added = new Int32Array(16);
        for (const [i, { slice }] of records.entries()) if (verdicts[i] === 2) added[slice]!++;
        // Of every third slice all that is expected comes, of the next one record more is.
        const start = added.map((count, slice) =>
          slice % 3 === 0 ? -count : slice % 3 === 1 ? -count - 1 : 1,
        );
        const counters = {
          acknowledged: new Int32Array(new SharedArrayBuffer(64)),
          settled: new Int32Array(new SharedArrayBuffer(4)),
        };
        counters.acknowledged.set(start);
        const settledCount = codec.acknowledge(framesOf(records), records.length, verdicts, 2, counters);
        expect([...counters.acknowledged]).toEqual([...start.map((count, slice) => count + added[slice]!)]);
        const settled = [...added.keys()].filter((slice) => slice % 3 === 0 && added[slice]! > 0);
        expect(counters.settled[0]).toBe(settled.reduce((bits, slice) => bits | (1 << slice), 0));
        expect(settledCount).toBe(settled.length);
      }),
      { numRuns: 60 },
    );
  });

  it('selects the frames with the verdict, in order, as they are', () => {
    fc.assert(
      fc.property(anyRecords, fc.infiniteStream(fc.integer({ min: 0, max: 1 })), (records, stream) => {
        const verdicts = Uint8Array.from([...stream.take(records.length)]);
        const frames = framesOf(records);
        const out = new Uint8Array(frames.length);
        const result = codec.select(frames, records.length, verdicts, 1, out);
        const wanted = records.filter((_, i) => verdicts[i] === 1);
        expect(Buffer.from(out.subarray(0, result.bytes))).toEqual(Buffer.from(framesOf(wanted)));
        expect(result.count).toBe(wanted.length);
        expect(result.payloadBytes).toBe(
          wanted.reduce((sum, { key, data }) => sum + Buffer.byteLength(key) + data.length, 0),
        );
        expect([...out.subarray(result.bytes)].every((byte) => byte === 0)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

it('sees the hash key of a record as the MD5 of its key', () => {
  expect(hashKeyOf(record({ key: 'a' }))).toBe(0x0cc175b9c0f1b6a831c399e269772661n);
});
