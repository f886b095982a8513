import { describe, expect, it } from 'vitest';
import type { Wire } from '../../../src/aws/wire.ts';
import { loadAddon } from '../../../src/native/load.ts';
import { readPutResult } from '../../../src/publish/kinesis/put-result.ts';
import { VERDICT } from '../../../src/publish/sink.ts';
import { type AnswerRecord, answerBody, encodeCbor } from './answers.ts';
import { putCodecs } from './put-codecs.ts';

const RECORDS: readonly AnswerRecord[] = [
  { SequenceNumber: '1', ShardId: 'shardId-000000000001' },
  { ErrorCode: 'ProvisionedThroughputExceededException', ErrorMessage: 'Rate exceeded' },
  { ErrorCode: 'InternalFailure', ErrorMessage: 'Internal service failure' },
  { ErrorCode: 'SomethingNew', ErrorMessage: 'later' },
  { SequenceNumber: '2', ShardId: 'shardId-000000000009' },
  { SequenceNumber: '3', ShardId: 'shardId-000000000008', ErrorCode: null },
  { ErrorCode: 'KMSThrottlingException' },
];

describe.each(putCodecs)('readPutResult of the $kind put codec', (codec) => {
  it.each([
    { wire: 'cbor' as Wire, isIndefinite: false },
    { wire: 'cbor' as Wire, isIndefinite: true },
    { wire: 'json' as Wire, isIndefinite: false },
  ])('judges each record of $wire (indefinite: $isIndefinite)', ({ wire, isIndefinite }) => {
    const body = answerBody({ wire, isIndefinite, records: RECORDS, extra: { FailedRecordCount: 4 } });
    const verdicts = new Uint8Array(7).fill(99);
    const result = codec.readPutResult(body, wire, 7, 'shardId-000000000001', verdicts);
    const { STORED, THROTTLED, FAILED, MISROUTED } = VERDICT;
    expect([...verdicts]).toEqual([STORED, THROTTLED, FAILED, FAILED, MISROUTED, MISROUTED, THROTTLED]);
    expect(result).toEqual({
      counts: [1, 2, 2, 2],
      misroutedShardIds: ['shardId-000000000009', 'shardId-000000000008'],
      failedCode: 'InternalFailure',
      failedMessage: 'Internal service failure',
    });
  });

  it('finds no strays where the shard cannot be known', () => {
    const body = encodeCbor({ Records: RECORDS.slice(4, 6) });
    const result = codec.readPutResult(body, 'cbor', 2, null, new Uint8Array(2));
    expect(result).toEqual({
      counts: [2, 0, 0, 0],
      misroutedShardIds: [],
      failedCode: null,
      failedMessage: null,
    });
  });

  it.each([
    { name: 'too few records', value: { Records: RECORDS.slice(0, 2) } },
    { name: 'too many records', value: { Records: RECORDS.slice(0, 4) } },
    { name: 'no Records', value: { FailedRecordCount: 3 } },
    { name: 'Records that are text', value: { Records: 'abc' } },
    { name: 'a record without ShardId and ErrorCode', value: { Records: [{}, RECORDS[0], RECORDS[0]] } },
    { name: 'a record that is a number', value: { Records: [1, RECORDS[0], RECORDS[0]] } },
    { name: 'a record that is a list', value: { Records: [[], RECORDS[0], RECORDS[0]] } },
    { name: 'a ShardId that is a number', value: { Records: [{ ShardId: 1 }, RECORDS[0], RECORDS[0]] } },
    { name: 'a list', value: [RECORDS[0], RECORDS[0], RECORDS[0]] },
    { name: 'null', value: null },
  ])('refuses $name', ({ value }) => {
    const json = Buffer.from(JSON.stringify(value));
    expect(() => codec.readPutResult(json, 'json', 3, null, new Uint8Array(3))).toThrow(RangeError);
    expect(() => codec.readPutResult(encodeCbor(value), 'cbor', 3, null, new Uint8Array(3))).toThrow(
      RangeError,
    );
  });

  it('refuses an answer cut anywhere', () => {
    const cbor = encodeCbor({ Records: RECORDS });
    const json = Buffer.from(JSON.stringify({ Records: RECORDS }));
    for (const [body, wire] of [
      [cbor, 'cbor'],
      [json, 'json'],
    ] as const) {
      for (let end = 0; end < body.length; end++) {
        const cut = Uint8Array.from(body.subarray(0, end));
        expect(() => codec.readPutResult(cut, wire, RECORDS.length, null, new Uint8Array(7))).toThrow(
          RangeError,
        );
      }
    }
  });

  it('reads texts in chunks, escapes and non-ASCII messages', () => {
    const chunked = Buffer.concat([
      Buffer.from('a1675265636f726473 81 a1 67 53686172644964 7f 61'.replaceAll(' ', ''), 'hex'),
      Buffer.from('s'),
      Buffer.of(0x62),
      Buffer.from('ha'),
      Buffer.of(0xff),
    ]);
    expect(codec.readPutResult(chunked, 'cbor', 1, 'sha', new Uint8Array(1)).counts).toEqual([1, 0, 0, 0]);
    const json = Buffer.from('{"Records":[{"ErrorCode":"\\u0041","ErrorMessage":"\\ud83d\\ude00 \\ud800"}]}');
    const result = codec.readPutResult(json, 'json', 1, null, new Uint8Array(1));
    expect([result.failedCode, result.failedMessage]).toEqual(['A', '😀 \ud800']);
  });

  it('takes the last of equal fields, as JavaScript does', () => {
    const json = Buffer.from(
      '{"Records":[{"ErrorCode":"X","ErrorCode":null,"ShardId":"s"},1],"Records":[{"ShardId":"q","ShardId":"s"}]}',
    );
    const twice = Buffer.from('{"Records":[{"ShardId":"q"}],"Records":[{"ShardId":"q","ShardId":"s"}]}');
    for (const body of [json, twice]) {
      expect(codec.readPutResult(body, 'json', 1, 's', new Uint8Array(1)).counts).toEqual([1, 0, 0, 0]);
    }
  });
});

describe.skipIf(!loadAddon().addon)('the native reader (skipped where there is no addon)', () => {
  it.each([false, true])('reads well-formed answers itself (indefinite: %s)', (isIndefinite) => {
    const read = loadAddon().addon!.readPutResult as unknown as (...args: unknown[]) => boolean;
    const counts = new Float64Array(4);
    const body = encodeCbor({ Records: RECORDS, EncryptionType: 'KMS' }, isIndefinite);
    expect(read(body, 0, 7, new Uint8Array(0), new Uint8Array(7), counts, [])).toBe(true);
    const json = Buffer.from(JSON.stringify({ Records: RECORDS, EncryptionType: 'KMS' }));
    expect(read(json, 1, 7, new Uint8Array(0), new Uint8Array(7), counts, [])).toBe(true);
    expect([...counts]).toEqual([3, 2, 2, 0]);
  });
});

it('words what is wrong without repeating the body', () => {
  const body = Buffer.from('<html>secret</html>');
  expect(() => readPutResult(body, 'json', 1, null, new Uint8Array(1))).toThrow(
    'Cannot read a PutRecords answer: 19 bytes that are not JSON',
  );
});
