import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor } from '../../../src/aws/cbor.ts';
import type { Wire } from '../../../src/aws/wire.ts';
import { KINESIS } from '../../../src/base/limits.ts';
import { deaggregate } from '../../../src/record/aggregate.ts';
import { anyRecords, framesOf, record, type TestRecord } from '../frames.ts';
import { putCodecs } from './put-codecs.ts';

const ARN = 'arn:aws:kinesis:eu-central-1:123456789012:stream/rück-"fill"';
const WIRES: readonly Wire[] = ['cbor', 'json'];

interface Entry {
  Data: Uint8Array;
  PartitionKey: string;
  ExplicitHashKey?: string;
}

/** What a service would see in a body. */
function readBody(body: Uint8Array, wire: Wire): Entry[] {
  const value = (wire === 'cbor' ? decodeCbor(body) : JSON.parse(Buffer.from(body).toString('utf8'))) as {
    Records: Entry[];
    StreamARN: string;
  };
  expect(value.StreamARN).toBe(ARN);
  expect(Object.keys(value)).toEqual(['Records', 'StreamARN']);
  return value.Records.map((entry) => ({
    ...entry,
    Data: typeof entry.Data === 'string' ? Buffer.from(entry.Data, 'base64') : entry.Data,
  }));
}

function entryOf(source: TestRecord): Entry {
  const entry: Entry = { Data: Buffer.from(source.data), PartitionKey: source.key };
  if (source.explicitHashKey !== null) entry.ExplicitHashKey = source.explicitHashKey.toString();
  return entry;
}

const plain = (entries: readonly Entry[]) =>
  entries.map((entry) => ({ ...entry, Data: Buffer.from(entry.Data).toString('latin1') }));

interface SubRecord {
  partitionKey: string;
  explicitPartitionKey: string | undefined;
  data: string;
}
const reference = createRequire(import.meta.url)('aws-kinesis-agg') as {
  deaggregateSync(
    record: { data: string; partitionKey: string; sequenceNumber: string },
    checksums: boolean,
    done: (error: Error | null, records: SubRecord[]) => void,
  ): void;
};

/** Takes an entry apart with the reference library. */
function deaggregateByReference(entry: Entry): SubRecord[] {
  let result: SubRecord[] | undefined;
  const input = {
    data: Buffer.from(entry.Data).toString('base64'),
    partitionKey: entry.PartitionKey,
    sequenceNumber: '1',
  };
  reference.deaggregateSync(input, true, (error, records) => {
    if (error) throw error;
    result = records;
  });
  return result!;
}

describe.each(putCodecs)('the $kind put codec', (codec) => {
  const aggregated = (
    records: readonly TestRecord[],
    options: {
      wire?: Wire;
      aggregateBytesMax?: number;
      requestBytesMax?: number;
      runsMax?: number;
      sumsMax?: number;
    } = {},
  ) => {
    const wire = options.wire ?? 'cbor';
    const frames = framesOf(records);
    const out = new Uint8Array(codec.encodedBytesMax(frames, records.length, wire));
    const counts = new Uint32Array(KINESIS.putRecordsCountMax);
    const runs = new Uint32Array(2 * (options.runsMax ?? records.length));
    const sums = new Uint32Array(2 * (options.sumsMax ?? 0));
    const result = codec.encodeAggregated(
      frames,
      records.length,
      wire,
      ARN,
      '170141183460469231731687303715884105728',
      options.aggregateBytesMax ?? 51_200,
      options.requestBytesMax ?? KINESIS.putRecordsBytesMax,
      out,
      counts,
      runs,
      sums,
    );
    const body = out.subarray(0, result.bytes);
    const entries = readBody(body, wire);
    expect(entries).toHaveLength(result.entries);
    const slices = Array.from({ length: result.sliceRuns }, (_, i) => [runs[2 * i]!, runs[2 * i + 1]!]);
    return {
      ...result,
      body,
      lacks: sums.subarray(0, 2 * result.sums),
      list: entries,
      counts: [...counts.subarray(0, result.entries)],
      slices,
    };
  };

  it.each(WIRES)('writes %s bodies that hold exactly the records', (wire) => {
    fc.assert(
      fc.property(anyRecords, (records) => {
        const frames = framesOf(records);
        const out = new Uint8Array(codec.encodedBytesMax(frames, records.length, wire));
        const bytes = codec.encode(frames, records.length, wire, ARN, out);
        expect(plain(readBody(out.subarray(0, bytes), wire))).toEqual(plain(records.map(entryOf)));
      }),
      { numRuns: 60 },
    );
  });

  it('writes a body of no records and one of 500', () => {
    for (const count of [0, 500]) {
      const records = Array.from({ length: count }, (_, i) => record({ key: `key-${i}` }));
      const frames = framesOf(records);
      const out = new Uint8Array(codec.encodedBytesMax(frames, count, 'cbor'));
      const bytes = codec.encode(frames, count, 'cbor', ARN, out);
      expect(readBody(out.subarray(0, bytes), 'cbor')).toHaveLength(count);
    }
  });

  it('keeps within the bound when every byte of every key needs its longest escape', () => {
    const records = Array.from({ length: 20 }, () =>
      record({ key: '\u0001'.repeat(256), data: Buffer.alloc(0), explicitHashKey: (1n << 128n) - 1n }),
    );
    const frames = framesOf(records);
    const out = new Uint8Array(codec.encodedBytesMax(frames, records.length, 'json'));
    const bytes = codec.encode(frames, records.length, 'json', ARN, out);
    expect(plain(readBody(out.subarray(0, bytes), 'json'))).toEqual(plain(records.map(entryOf)));
  });

  it.each(WIRES)(
    'aggregates in %s so that the reference library gives back every record, in order',
    (wire) => {
      fc.assert(
        fc.property(anyRecords, fc.integer({ min: 100, max: 9000 }), (records, aggregateBytesMax) => {
          const { list, counts, frames } = aggregated(records, { wire, aggregateBytesMax });
          expect(frames).toBe(records.length);
          let next = 0;
          for (const [i, entry] of list.entries()) {
            const sources = records.slice(next, next + counts[i]!);
            next += counts[i]!;
            if (sources.length === 1) {
              expect(plain([entry])).toEqual(plain([entryOf(sources[0]!)]));
              continue;
            }
            expect(entry.PartitionKey).toBe('a');
            expect(entry.ExplicitHashKey).toBe('170141183460469231731687303715884105728');
            expect(entry.Data.length + 1).toBeLessThanOrEqual(aggregateBytesMax);
            const wanted = sources.map((source) => ({
              key: source.key,
              explicit: source.explicitHashKey?.toString(),
              data: Buffer.from(source.data).toString('base64'),
            }));
            // The reference library reads an absent index as 0, so it is believed only where the record has one.
            const byReference = deaggregateByReference(entry).map((sub, i) => ({
              key: sub.partitionKey,
              explicit: sources[i]?.explicitHashKey === null ? undefined : sub.explicitPartitionKey,
              data: sub.data,
            }));
            const byUs = deaggregate(entry.Data)?.map((sub) => ({
              key: sub.partitionKey,
              explicit: sub.explicitHashKey ?? undefined,
              data: Buffer.from(sub.data).toString('base64'),
            }));
            expect(byReference).toEqual(wanted);
            expect(byUs).toEqual(wanted);
          }
          expect(next).toBe(records.length);
        }),
        { numRuns: 40 },
      );
    },
  );

  it.each([
    { count: 1, dataBytes: 1 },
    { count: 1, dataBytes: 1 << 20 },
    { count: 2, dataBytes: 1 },
    { count: 2, dataBytes: 1 << 20 },
    { count: 10_000, dataBytes: 1 },
    { count: 10_000, dataBytes: 80 },
  ])('aggregates $count records of $dataBytes bytes without altering one', ({ count, dataBytes }) => {
    const records = Array.from({ length: count }, (_, i) =>
      record({ key: `user-${i % 5000}`, data: Buffer.alloc(dataBytes, i & 127) }),
    );
    const { list, counts } = aggregated(records, { aggregateBytesMax: 1 << 20 });
    const got = list.flatMap((entry, i) =>
      counts[i] === 1
        ? [{ key: entry.PartitionKey, data: Buffer.from(entry.Data).toString('base64') }]
        : deaggregateByReference(entry).map((sub) => ({ key: sub.partitionKey, data: sub.data })),
    );
    expect(got).toHaveLength(count);
    for (const [i, sub] of got.entries()) {
      if (sub.key !== records[i]!.key || sub.data !== Buffer.from(records[i]!.data).toString('base64')) {
        expect.fail(`record ${i} was altered`);
      }
    }
  });

  it('cuts an aggregate exactly at its limit', () => {
    // Magic 4, keys 3, two records of 7 + 20, checksum 16, own key 1.
    const records = [record({ data: Buffer.alloc(20) }), record({ data: Buffer.alloc(20) })];
    const bytesOfBoth = 4 + 3 + 2 * (2 + 2 + 2 + 20) + 16 + 1;
    expect(aggregated(records, { aggregateBytesMax: bytesOfBoth }).counts).toEqual([2]);
    expect(aggregated(records, { aggregateBytesMax: bytesOfBoth - 1 }).counts).toEqual([1, 1]);
  });

  it('stops at 500 entries and at the bytes of a request, and says how far it came', () => {
    const records = Array.from({ length: 1200 }, (_, i) =>
      record({ key: `k${i}`, data: Buffer.alloc(40, i) }),
    );
    const many = aggregated(records, { aggregateBytesMax: 170 });
    expect([many.entries, many.frames, many.framesBytes]).toEqual([
      500,
      1000,
      framesOf(records.slice(0, 1000)).length,
    ]);
    const few = aggregated(records, { aggregateBytesMax: 1000, requestBytesMax: 3000 });
    const sizes = few.list.map((entry) => entry.Data.length + entry.PartitionKey.length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(3000);
    expect(few.entries).toBe(3);
    expect(few.frames).toBe(few.counts.reduce((sum, count) => sum + count, 0));
  });

  it('tells the slices of the frames that went in, run by run, or nothing where there are more than it may', () => {
    const sliceOf = (i: number) => [7, 7, 7, 65_535, 65_535, 7][i % 6]!;
    // The other half of the word says which of its line's outputs a record is.
    const records = Array.from({ length: 15 }, (_, i) =>
      record({ data: Buffer.alloc(i % 4 === 0 ? 400 : 20), slice: sliceOf(i) + (i << 16) }),
    );
    const wanted = [
      [7, 3],
      [65_535, 2],
      [7, 4],
      [65_535, 2],
      [7, 4],
    ];
    for (const wire of WIRES) {
      const all = aggregated(records, { wire, aggregateBytesMax: 300, runsMax: 5 });
      expect(all.counts).toEqual(expect.arrayContaining([1, 3]));
      expect(all.slices).toEqual(wanted);
      expect(aggregated(records, { wire, aggregateBytesMax: 300, runsMax: 4 }).slices).toEqual([]);
      const some = aggregated(records, { wire, aggregateBytesMax: 300, requestBytesMax: 700 });
      expect(some.frames).toBeLessThan(records.length);
      expect(some.slices.reduce((sum, [, count]) => sum + count!, 0)).toBe(some.frames);
    }
  });

  it('leaves checksums out as far as it may, and writes those of two bodies at once', () => {
    const recordsOf = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        record({ key: `k${i % 7}`, data: Buffer.alloc(i % 5 === 0 ? 900 : 20, i) }),
      );
    for (const wire of WIRES) {
      const options = { wire, aggregateBytesMax: 400 };
      const whole = [30, 12].map((count) => aggregated(recordsOf(count), options));
      const bodies = [30, 12].map((count) => aggregated(recordsOf(count), { ...options, sumsMax: 4 }));
      // Base64 mixes a checksum with what stands beside it, so JSON has it from the start.
      const isLeftOut = codec.kind === 'native' && wire === 'cbor';
      expect(bodies.map(({ sums }) => sums)).toEqual(isLeftOut ? [4, 2] : [0, 0]);
      for (const [i, { body }] of bodies.entries())
        expect(Buffer.compare(body, whole[i]!.body) === 0).toBe(!isLeftOut);
      codec.sumAggregates(
        bodies.map(({ body }) => body),
        bodies.map(({ lacks }) => lacks),
      );
      for (const [i, { body }] of bodies.entries()) expect(Buffer.compare(body, whole[i]!.body)).toBe(0);
    }
  });

  it('sends a record alone that is larger than the request may be, so that a run cannot stand still', () => {
    const { frames, counts } = aggregated([record({ data: Buffer.alloc(5000) }), record()], {
      requestBytesMax: 1000,
    });
    expect([frames, counts]).toEqual([1, [1]]);
  });
});
