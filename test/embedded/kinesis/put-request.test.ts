import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cborHead, encodeCbor } from '../../../src/aws/cbor.ts';
import { readPutRecords, type Wire } from '../../../src/embedded/kinesis/put-request.ts';
import { COLUMN } from '../../../src/embedded/kinesis/stream-store.ts';
import { encode } from './ask.ts';

function recordsOf(body: Buffer, wire: Wire) {
  const request = readPutRecords(body, wire, new Uint32Array(500 * COLUMN.COUNT));
  const records = Array.from({ length: request.count }, (_, i) => {
    const slice = (column: number) => {
      const [at, length] = request.index.subarray(i * COLUMN.COUNT + column) as unknown as [number, number];
      return at === 0 ? undefined : request.body.subarray(at, at + length).toString('latin1');
    };
    return { data: slice(COLUMN.DATA_AT), key: slice(COLUMN.KEY_AT), hash: slice(COLUMN.HASH_AT) };
  });
  return { ...request, records };
}

const entry = fc.record(
  {
    Data: fc.uint8Array({ maxLength: 400 }).map((a) => Buffer.from(a)),
    PartitionKey: fc.string({ unit: 'grapheme' }),
    ExplicitHashKey: fc.string(),
  },
  { requiredKeys: [] },
);

/** Every way in which an encoder may write lengths: definite, indefinite, and strings in chunks. */
function written(records: readonly object[], style: 'definite' | 'indefinite' | 'chunked'): Buffer {
  if (style === 'definite') return encodeCbor({ Records: records, StreamName: 's' });
  const end = Buffer.of(0xff);
  const string = (value: unknown) => {
    if (style === 'indefinite') return encodeCbor(value);
    const bytes = Buffer.from(value as string);
    const major = Buffer.isBuffer(value) ? 2 : 3;
    const middle = Buffer.isBuffer(value) ? bytes.length >> 1 : 0;
    const chunk = (part: Buffer) => Buffer.concat([cborHead(major, part.length), part]);
    return Buffer.concat([
      Buffer.of((major << 5) | 31),
      chunk(bytes.subarray(0, middle)),
      chunk(bytes.subarray(middle)),
      end,
    ]);
  };
  const maps = records.map((record) =>
    Buffer.concat([
      Buffer.of(0xbf),
      ...Object.entries(record).flatMap(([k, v]) => [encodeCbor(k), string(v)]),
      end,
    ]),
  );
  return Buffer.concat([
    Buffer.of(0xbf),
    encodeCbor('StreamName'),
    encodeCbor('s'),
    encodeCbor('Records'),
    Buffer.of(0x9f),
    ...maps,
    end,
    end,
  ]);
}

it('finds the same records in CBOR of every style and in JSON', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (records) => {
      const expected = records.map((record) => ({
        data: record.Data?.toString('latin1'),
        key:
          record.PartitionKey === undefined ? undefined : Buffer.from(record.PartitionKey).toString('latin1'),
        hash:
          record.ExplicitHashKey === undefined
            ? undefined
            : Buffer.from(record.ExplicitHashKey).toString('latin1'),
      }));
      for (const style of ['definite', 'indefinite', 'chunked'] as const) {
        expect(recordsOf(written(records, style), 'cbor').records).toEqual(expected);
      }
      expect(recordsOf(encode({ Records: records, StreamName: 's' }, 'json'), 'json').records).toEqual(
        expected,
      );
    }),
    { numRuns: 200 },
  );
});

it('reads the stream, by name and by ARN, and DryRun', () => {
  const input = { StreamARN: 'arn:x', DryRun: true, Records: [], StreamName: 'é' };
  for (const wire of ['cbor', 'json'] as const) {
    expect(recordsOf(encode(input, wire), wire)).toMatchObject({
      streamArn: 'arn:x',
      streamName: 'é',
      dryRun: true,
      count: 0,
    });
  }
});

it('counts records beyond its rows without keeping them, and tells absent from empty', () => {
  const Records = Array.from({ length: 501 }, () => ({ Data: Buffer.from('x'), PartitionKey: 'k' }));
  for (const wire of ['cbor', 'json'] as const) {
    expect(readPutRecords(encode({ Records }, wire), wire, new Uint32Array(500 * COLUMN.COUNT)).count).toBe(
      501,
    );
    expect(readPutRecords(encode({}, wire), wire, new Uint32Array(6)).count).toBe(-1);
  }
});

it.each([
  {
    name: 'cut CBOR',
    wire: 'cbor' as const,
    body: encodeCbor({ Records: [{ Data: Buffer.from('xy') }] }).subarray(0, -1),
  },
  {
    name: 'CBOR with more behind it',
    wire: 'cbor' as const,
    body: Buffer.concat([encodeCbor({ Records: [] }), Buffer.of(1)]),
  },
  { name: 'a CBOR array', wire: 'cbor' as const, body: encodeCbor([1]).subarray(1) },
  { name: 'records that are text', wire: 'cbor' as const, body: encodeCbor({ Records: 'x' }) },
  { name: 'a record that is a number', wire: 'json' as const, body: Buffer.from('{"Records":[1]}') },
  {
    name: 'a key that is a number',
    wire: 'cbor' as const,
    body: encodeCbor({ Records: [{ PartitionKey: 1 }] }),
  },
  { name: 'cut JSON', wire: 'json' as const, body: Buffer.from('{"Records":[') },
])('refuses $name', ({ wire, body }) => {
  expect(() => readPutRecords(body, wire, new Uint32Array(6))).toThrow(
    expect.objectContaining({ code: 'SerializationException' }),
  );
});
