import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../src/aws/cbor.ts';
import { MillraceError } from '../../src/base/errors.ts';
import { loadAddon } from '../../src/native/load.ts';
import { Aggregate } from '../../src/record/aggregate.ts';
import { PARTS } from '../../src/stream/answer.ts';
import { PortableAnswer } from '../../src/stream/answer-portable.ts';
import { createAnswer } from '../../src/stream/open-answer.ts';
import { answerBody, readAll, type TestEntry } from './answers.ts';

const { addon, reason } = loadAddon();
const hasNative = addon !== null;
/** Says in the name why a case is not run where there is no addon. */
const itNative = (name: string, test: () => void) =>
  it.skipIf(!hasNative)(hasNative ? name : `${name} (not run: ${reason})`, test);

const READERS = [
  ...(hasNative
    ? [{ name: 'native, CBOR', wire: 'cbor' as const, make: () => createAnswer('cbor', 'native') }]
    : []),
  { name: 'portable, CBOR', wire: 'cbor', make: () => createAnswer('cbor', 'portable') },
  { name: 'portable, JSON', wire: 'json', make: () => createAnswer('json') },
] as const;

function entry(data: Uint8Array | string, i = 0, partitionKey = `key-${i}`): TestEntry {
  return {
    sequenceNumber: `495${i}`,
    partitionKey,
    data: Buffer.from(data),
    arrivalMs: 1_700_000_000_000 + i,
  };
}

function aggregate(parts: readonly { key: string; data: string; explicitHashKey?: string | null }[]): Buffer {
  const made = new Aggregate();
  for (const part of parts) {
    made.tryAdd(Buffer.from(part.key), part.explicitHashKey ?? null, Buffer.from(part.data), 1e9);
  }
  return made.encode();
}

/** Magic, any message, and its right checksum. */
function sealed(message: Uint8Array): Buffer {
  const checksum = createHash('md5').update(message).digest();
  return Buffer.concat([Buffer.from('f3899ac2', 'hex'), message, checksum]);
}

describe.each(READERS)('the reader ($name)', ({ wire, make }) => {
  const read = (entries: readonly TestEntry[]) => readAll(make(), answerBody(wire, entries));

  it('gives plain records as they are', () => {
    expect(read([entry('one', 1), entry('', 2, 'ü')]).records).toEqual([
      { id: '4951/0', key: 'key-1', data: 'one', arrivalMs: 1_700_000_000_001, parts: 0, hash: '0' },
      { id: '4952/0', key: 'ü', data: '', arrivalMs: 1_700_000_000_002, parts: 0, hash: '0' },
    ]);
  });

  it('gives what else the answer says', () => {
    const body = answerBody(wire, [entry('x')], { next: 'n', millis: 17 });
    expect(make().open(body, null)).toEqual({
      recordCount: 1,
      nextIterator: 'n',
      millisBehindLatest: 17,
      childShards: [],
    });
    const last = make().open(answerBody(wire, [], { childIds: ['a', 'b'] }), null);
    expect(last.nextIterator).toBeNull();
    expect(last.childShards).toEqual(
      ['a', 'b'].map((shardId) => ({ shardId, parentIds: ['p'], startingHashKey: '0', endingHashKey: '9' })),
    );
  });

  it('takes aggregates apart, between plain records', () => {
    const parts = [
      { key: 'a', data: 'A' },
      { key: 'b', data: 'B', explicitHashKey: '123' },
      { key: 'a', data: '' },
    ];
    const { records } = read([entry('before', 1), entry(aggregate(parts), 2), entry('after', 3)]);
    expect(records.map(({ id, key, data, parts, hash }) => [id, key, data, parts, hash])).toEqual([
      ['4951/0', 'key-1', 'before', 0, '0'],
      ['4952/0', 'a', 'A', 3, '0'],
      ['4952/1', 'b', 'B', 3, 'explicit 123'],
      ['4952/2', 'a', '', 3, '0'],
      ['4953/0', 'key-3', 'after', 0, '0'],
    ]);
  });

  it("takes the reference library's aggregates apart", () => {
    const { RecordAggregator } = createRequire(import.meta.url)('aws-kinesis-agg');
    const made = new RecordAggregator();
    for (let i = 0; i < 100; i++)
      made.addUserRecord({ partitionKey: `k${i % 7}`, data: Buffer.from(`data ${i}`) });
    const { data } = made.build() as { data: Buffer };
    const { records } = read([entry(data)]);
    expect(records.map(({ key, data }) => [key, data])).toEqual(
      Array.from({ length: 100 }, (_, i) => [`k${i % 7}`, `data ${i}`]),
    );
  });

  it.each([
    { where: 'first', outside: [0] },
    { where: 'in the middle', outside: [2] },
    { where: 'last', outside: [4] },
    { where: 'several', outside: [1, 3] },
    { where: 'none', outside: [] },
  ])('calls all of an aggregate dropped of which a hash key is not the shard’s: $where', ({ outside }) => {
    const parts = Array.from({ length: 5 }, (_, i) => ({
      key: 'a',
      data: `${i}`,
      explicitHashKey: outside.includes(i) ? String(i % 2 ? 99 : 201) : String(i % 2 ? 100 : 200),
    }));
    const safe = aggregate([{ key: 'a', data: 'safe', explicitHashKey: '150' }]);
    const body = answerBody(wire, [
      entry(safe, 0),
      entry(aggregate(parts), 1),
      entry('plain', 2),
      entry(safe, 3),
    ]);
    const { outsideCount, records } = readAll(make(), body, BigUint64Array.of(0n, 100n, 0n, 200n));
    const dropped = records.filter(({ hash }) => hash.startsWith('dropped')).map(({ id }) => id);
    expect(dropped).toEqual(outside.length > 0 ? [0, 1, 2, 3, 4].map((part) => `4951/${part}`) : []);
    expect([outsideCount, records.length]).toEqual([dropped.length, 8]);
    expect(readAll(make(), body).outsideCount).toBe(0);
  });

  it('takes the MD5 of the partition key for the hash key of a part without one', () => {
    const body = answerBody(wire, [entry(aggregate([{ key: 'a', data: '5' }]))]);
    const hash = BigInt('0x0cc175b9c0f1b6a831c399e269772661');
    const ranged = (from: bigint, to: bigint) => {
      const halves = [from >> 64n, BigInt.asUintN(64, from), to >> 64n, BigInt.asUintN(64, to)];
      return readAll(make(), body, BigUint64Array.from(halves)).records[0]!.hash;
    };
    expect(ranged(hash, hash)).toBe(`${hash}`);
    expect([ranged(0n, hash - 1n), ranged(hash + 1n, 1n << 127n)]).toEqual([
      `dropped ${hash}`,
      `dropped ${hash}`,
    ]);
  });

  const whole = aggregate([{ key: 'k', data: 'x'.repeat(40) }]);
  it.each([
    {
      name: 'a wrong checksum',
      data: whole.map((byte, i) => (i === whole.length - 1 ? byte ^ 1 : byte)),
      parts: PARTS.BAD_CHECKSUM,
    },
    {
      name: 'a changed message',
      data: whole.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
      parts: PARTS.BAD_CHECKSUM,
    },
    { name: 'magic and no more than a checksum', data: sealed(new Uint8Array(0)), parts: 0, records: 0 },
    { name: 'magic and less than a checksum', data: whole.subarray(0, 19), parts: 0 },
    { name: 'a message that is none', data: sealed(Buffer.from('hello')), parts: PARTS.MALFORMED },
    {
      name: 'a key that is not in the table',
      data: sealed(Buffer.from('0a016b1a0508011a0178', 'hex')),
      parts: PARTS.MALFORMED,
    },
    {
      name: 'a record without data',
      data: sealed(Buffer.from('0a016b1a020800', 'hex')),
      parts: PARTS.MALFORMED,
    },
    { name: 'a length beyond the end', data: sealed(Buffer.from('0aff016b', 'hex')), parts: PARTS.MALFORMED },
    {
      name: 'an endless number',
      data: sealed(Buffer.from('08ffffffffffffffffff01', 'hex')),
      parts: PARTS.MALFORMED,
    },
  ])('passes $name on as it is, and says so', ({ data, parts, records = 1 }) => {
    const result = read([entry(data, 1)]).records;
    expect(result).toHaveLength(records);
    for (const record of result) {
      expect([record.key, record.parts, record.data]).toEqual([
        'key-1',
        parts,
        Buffer.from(data).toString('latin1'),
      ]);
    }
  });

  it('gives the bytes of a key in an aggregate that is no UTF-8, and hashes them', () => {
    const made = new Aggregate();
    const key = Buffer.from('ff00c3', 'hex');
    made.tryAdd(key, null, Buffer.from('one'), 1e9);
    const range = BigUint64Array.of(0n, 0n, 2n ** 64n - 1n, 2n ** 64n - 1n);
    const { records } = readAll(make(), answerBody(wire, [entry(made.encode())]), range);
    const hash = BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
    expect(records).toMatchObject([{ key: '0xff00c3', data: 'one', hash: `${hash}` }]);
  });

  it('gives records that are larger than its buffer', () => {
    const sizes = [600_000, 10, 3_000_000];
    const { records } = read(sizes.map((size, i) => entry(Buffer.alloc(size, i + 1), i)));
    expect(records.map(({ data }) => data.length)).toEqual(sizes);
  });

  it('gives an aggregate that fills its buffer several times', () => {
    const parts = Array.from({ length: 30_000 }, (_, i) => ({ key: `${i}`, data: `data of ${i}` }));
    const { records } = read([entry('x', 0), entry(aggregate(parts), 1), entry('y', 2)]);
    expect(records.slice(1, -1).map(({ key, data }) => ({ key, data }))).toEqual(parts);
    expect(records.at(-2)!.id).toBe('4951/29999');
    // One part lies outside, the last: every run before it says so already.
    const range = BigUint64Array.of(0n, 0n, 2n ** 64n - 1n, 2n ** 64n - 1n);
    const last = aggregate([...parts, { key: 'z', data: 'z', explicitHashKey: '0' }]);
    range[1] = 1n;
    const body = answerBody(wire, [entry('x', 0), entry(last, 1), entry('y', 2)]);
    expect(readAll(make(), body, range).outsideCount).toBe(30_001);
  });
});

const keys = fc.string({ unit: 'grapheme', maxLength: 40 });
const plain = fc.uint8Array({ maxLength: 300 });
const packed = fc
  .array(
    fc.record({ key: keys, data: fc.string(), explicitHashKey: fc.option(fc.maxSafeNat().map(String)) }),
    { minLength: 1, maxLength: 40 },
  )
  .map(aggregate);

itNative('reads any answer alike, natively and portably', () => {
  const entries = fc.array(fc.tuple(keys, fc.oneof(plain, packed)), { maxLength: 40 });
  fc.assert(
    fc.property(entries, (list) => {
      const body = answerBody(
        'cbor',
        list.map(([key, data], i) => entry(data, i, key)),
      );
      const range = BigUint64Array.of(1n << 60n, 0n, 3n << 62n, 5n);
      expect(readAll(createAnswer('cbor', 'native'), body, range)).toEqual(
        readAll(new PortableAnswer('cbor'), body, range),
      );
    }),
  );
});

itNative('takes the last of two members named Records, alone, as the portable reader does', () => {
  const [one, other] = [[entry('a')], [entry('b', 1), entry('c', 2)]].map((list) => answerBody('cbor', list));
  // Both are maps without a length, which end with a byte of their own: one map of all their members.
  const body = Buffer.concat([one!.subarray(0, -1), other!.subarray(1)]);
  const native = readAll(createAnswer('cbor', 'native'), body);
  expect(native).toEqual(readAll(new PortableAnswer('cbor'), body));
  expect(JSON.stringify(native)).toContain('4952');
});

itNative('reads any damaged aggregate alike, natively and portably', () => {
  const message = aggregate([
    { key: 'one', data: 'first', explicitHashKey: '77' },
    { key: 'two', data: 'second' },
  ]).subarray(4, -16);
  const change = fc.tuple(fc.nat(message.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const damaged = Buffer.from(message);
      for (const [at, byte] of changes) damaged[at] = byte;
      const body = answerBody('cbor', [entry(sealed(damaged))]);
      const range = BigUint64Array.of(0n, 0n, 1n << 63n, 0n);
      for (const of of [null, range])
        expect(readAll(createAnswer('cbor', 'native'), body, of)).toEqual(
          readAll(new PortableAnswer('cbor'), body, of),
        );
    }),
    { numRuns: 500 },
  );
});

it.each(READERS.filter(({ wire }) => wire === 'cbor'))(
  'the reader ($name) gives the bytes of a partition key that is no UTF-8',
  ({ make }) => {
    const body = answerBody('cbor', [entry('one', 1, 'key-1')]);
    body[body.indexOf('key-1')] = 0xff;
    expect(readAll(make(), body).records).toMatchObject([{ key: '0xff65792d31', data: 'one' }]);
  },
);

it('takes no JSON answer for one whose partition key is half a character, or no UTF-8 at all', () => {
  const body = answerBody('json', [entry('one', 1, 'key-1')]);
  const half = Buffer.from(body.toString().replace('key-1', '\\ud800'));
  expect(() => new PortableAnswer('json').open(half, null)).toThrow(
    /a partition key is no text.*--wire cbor/,
  );
  body[body.indexOf('key-1')] = 0xff;
  expect(() => new PortableAnswer('json').open(body, null)).toThrow(TypeError);
});

itNative('never reads beyond a cut or damaged answer', () => {
  const body = answerBody('cbor', [entry('one', 1), entry(aggregate([{ key: 'k', data: 'd' }]), 2)], {
    next: 'n',
  });
  const change = fc.tuple(fc.nat(body.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 3 }), fc.nat(body.length), (changes, length) => {
      const damaged = Buffer.from(body);
      for (const [at, byte] of changes) damaged[at] = byte;
      // An exact copy, so that a read beyond its end would be one beyond the allocation.
      const cut = new Uint8Array(damaged.subarray(0, length));
      const outcome = (answer: ReturnType<typeof createAnswer>) => {
        try {
          return readAll(answer, cut).records.length;
        } catch (error) {
          return error instanceof Error ? 'refused' : 'thrown something else';
        }
      };
      const native = outcome(createAnswer('cbor', 'native'));
      expect(native === 'refused' || typeof native === 'number').toBe(true);
    }),
    { numRuns: 1000 },
  );
});

itNative('falls back to the portable reader for strings in chunks', () => {
  const body = answerBody('cbor', [entry('chunked', 1)]);
  // The data string 0x47 "chunked" becomes 0x5f 0x47 "chunked" 0xff.
  const at = body.indexOf('chunked') - 1;
  const chunked = Buffer.concat([
    body.subarray(0, at),
    Buffer.of(0x5f),
    body.subarray(at, at + 8),
    Buffer.of(0xff),
    body.subarray(at + 8),
  ]);
  expect(readAll(createAnswer('cbor', 'native'), chunked)).toEqual(readAll(new PortableAnswer('cbor'), body));
});

itNative('falls back to the portable reader for data in base64, as kinesis-local writes it', () => {
  const records = [
    { SequenceNumber: '4951', PartitionKey: 'key-1', Data: 'b25l', ApproximateArrivalTimestamp: 7 },
  ];
  const body = encodeCbor({ Records: records });
  expect(readAll(createAnswer('cbor', 'native'), body).records).toEqual([
    { id: '4951/0', key: 'key-1', data: 'one', arrivalMs: 7, parts: 0, hash: '0' },
  ]);
});

/** As kinesalite keeps what was put as CBOR, and gives it to everybody. */
const KEPT_AS_OBJECT = { type: 'Buffer', data: [111, 110, 101] };

it.each([
  { name: 'a JavaScript object', data: KEPT_AS_OBJECT },
  { name: 'a number', data: 7 },
  { name: 'text that is no base64', data: 'b25l!' },
  { name: 'base64 that was cut', data: 'b25lb' },
])('takes no data for bytes that are not: $name is an error, in JSON the last one', ({ data }) => {
  const answer = { Records: [{ SequenceNumber: '4951', PartitionKey: 'key-1', Data: data }] };
  const inCbor = () => readAll(createAnswer('cbor', 'native'), encodeCbor(answer));
  expect(inCbor).toThrow(RangeError);
  const inJson = () => readAll(new PortableAnswer('json'), Buffer.from(JSON.stringify(answer)));
  expect(inJson).toThrow(MillraceError);
  expect(inJson).toThrow(/data is not base64.*--wire json/);
});
