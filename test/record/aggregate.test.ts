import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KPL } from '../../src/base/limits.ts';
import { Aggregate, deaggregate } from '../../src/record/aggregate.ts';

const text = (value: string) => Buffer.from(value, 'utf8');

/** Any bytes as the protobuf of an aggregate, with a right magic and checksum. */
function sealed(proto: Uint8Array): Buffer {
  return Buffer.concat([KPL.magic, proto, createHash('md5').update(proto).digest()]);
}

function aggregateOf(records: readonly { key: string; explicit: string | null; data: Uint8Array }[]): Buffer {
  const aggregate = new Aggregate();
  for (const { key, explicit, data } of records) aggregate.tryAdd(text(key), explicit, data, Infinity);
  const bytes = aggregate.encode();
  expect(bytes.length + 1).toBe(aggregate.payloadBytes);
  return bytes;
}

describe('deaggregate', () => {
  it('gives back what Aggregate put together', () => {
    const anyRecord = fc.record({
      key: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 })),
      explicit: fc.option(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(String)),
      data: fc.uint8Array({ maxLength: 400 }),
    });
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 200 }), (records) => {
        const got = deaggregate(aggregateOf(records))?.map((sub) => ({
          key: sub.partitionKey,
          explicit: sub.explicitHashKey,
          data: Uint8Array.from(sub.data),
        }));
        expect(got).toEqual(records);
      }),
    );
  });

  it('takes apart what the reference library puts together', async () => {
    const reference = createRequire(import.meta.url)('aws-kinesis-agg') as {
      aggregate(
        records: readonly { partitionKey: string; explicitHashKey?: string; data: Buffer }[],
        onEncoded: (encoded: { data: Buffer }, done: () => void) => void,
        onDone: () => void,
        onError: (error: Error) => void,
      ): void;
    };
    const records = Array.from({ length: 300 }, (_, i) => ({
      partitionKey: `user-${i % 7}`,
      data: text(`{"i":${i}}`),
    }));
    const got: string[] = [];
    await new Promise<void>((resolve, reject) => {
      reference.aggregate(
        records,
        (encoded, done) => {
          for (const sub of deaggregate(encoded.data)!)
            got.push(`${sub.partitionKey} ${Buffer.from(sub.data)}`);
          done();
        },
        resolve,
        reject,
      );
    });
    expect(got).toEqual(records.map(({ partitionKey, data }) => `${partitionKey} ${data}`));
  });

  it('refuses an aggregate with any byte flipped or cut, because it is then a plain record', () => {
    const whole = aggregateOf([
      { key: 'a', explicit: null, data: text('{"a":1}') },
      { key: 'b', explicit: '7', data: text('{"b":2}') },
    ]);
    for (let at = 0; at < whole.length; at++) {
      const flipped = Buffer.from(whole);
      flipped[at]! ^= 1;
      expect(deaggregate(flipped)).toBeNull();
      expect(deaggregate(whole.subarray(0, at))).toBeNull();
    }
    expect(deaggregate(Buffer.concat([whole, Buffer.of(0)]))).toBeNull();
  });

  it.each([
    { name: 'an empty message', proto: '', count: 0 },
    { name: 'an unknown field', proto: '0a0161 2a0178 1a05 0800 1a0178', count: 1 },
    { name: 'tags of a record', proto: '0a0161 1a0b 0800 1a0178 2204 0a026b6b', count: 1 },
    { name: 'records before tables', proto: '1a05 0800 1a0178 0a0161', count: 1 },
    { name: 'a key index out of the table', proto: '0a0161 1a05 0801 1a0178', count: null },
    { name: 'an explicit index out of the table', proto: '0a0161 1a07 0800 1000 1a0178', count: null },
    { name: 'a record without data', proto: '0a0161 1a02 0800', count: null },
    { name: 'a record without key', proto: '0a0161 1a03 1a0178', count: null },
    { name: 'a length past the end', proto: '0a0561', count: null },
    { name: 'a number that does not end', proto: '08ffffff', count: null },
    { name: 'a group', proto: '0b', count: null },
  ])('with a right checksum, $name gives $count', ({ proto, count }) => {
    const bytes = Buffer.from(proto.replaceAll(' ', ''), 'hex');
    expect(deaggregate(sealed(bytes))?.length ?? null).toBe(count);
  });

  it('answers random messages with records or null, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (proto) => {
        const got = deaggregate(sealed(proto));
        expect(got === null || Array.isArray(got)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
