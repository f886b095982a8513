/** PutRecords answers for tests, written by a small CBOR writer of their own or by JSON.stringify. */
import fc from 'fast-check';
import type { Wire } from '../../../src/aws/wire.ts';

export type AnswerRecord = Readonly<Record<string, string | null | number | boolean>>;

export interface Answer {
  readonly wire: Wire;
  /** CBOR only: whether maps and arrays have no length but a break. */
  readonly isIndefinite: boolean;
  readonly records: readonly AnswerRecord[];
  /** Fields around Records. */
  readonly extra: Readonly<Record<string, unknown>>;
}

function head(major: number, length: number): Buffer {
  const type = major << 5;
  if (length < 24) return Buffer.of(type | length);
  if (length < 256) return Buffer.of(type | 24, length);
  return Buffer.of(type | 25, length >> 8, length & 255);
}

/** Any JSON-like value as CBOR; integers below 2^16, other numbers as float64. */
export function encodeCbor(value: unknown, isIndefinite = false): Buffer {
  if (value === null) return Buffer.of(0xf6);
  if (value === undefined) return Buffer.of(0xf7);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number') {
    if (Number.isInteger(value) && value >= 0 && value < 65_536) return head(0, value);
    const float = Buffer.of(0xfb, 0, 0, 0, 0, 0, 0, 0, 0);
    float.writeDoubleBE(value, 1);
    return float;
  }
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    return Buffer.concat([head(3, text.length), text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  const isArray = Array.isArray(value);
  const items = isArray
    ? value.map((item) => encodeCbor(item, isIndefinite))
    : Object.entries(value as object).flatMap(([key, item]) => [
        encodeCbor(key),
        encodeCbor(item, isIndefinite),
      ]);
  const major = isArray ? 4 : 5;
  return isIndefinite
    ? Buffer.concat([Buffer.of((major << 5) | 31), ...items, Buffer.of(0xff)])
    : Buffer.concat([head(major, isArray ? items.length : items.length / 2), ...items]);
}

export function answerBody(answer: Answer): Buffer {
  const value = { ...answer.extra, Records: answer.records };
  return answer.wire === 'cbor'
    ? encodeCbor(value, answer.isIndefinite)
    : Buffer.from(JSON.stringify(value), 'utf8');
}

const shardId = fc.constantFrom('shardId-000000000000', 'shardId-000000000001', 'shardId-000000000002');
const stored = fc.record({ SequenceNumber: fc.string({ maxLength: 56 }), ShardId: shardId });
const refused = fc.record(
  {
    ErrorCode: fc.constantFrom(
      'ProvisionedThroughputExceededException',
      'KMSThrottlingException',
      'InternalFailure',
      'Überraschung',
      '',
    ),
    ErrorMessage: fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme', maxLength: 200 })),
    ShardId: fc.constant(null),
    Other: fc.oneof(fc.boolean(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat(70_000)),
  },
  { requiredKeys: ['ErrorCode'] },
);

export const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  wire: fc.constantFrom<Wire>('cbor', 'json'),
  isIndefinite: fc.boolean(),
  records: fc.array(fc.oneof({ weight: 3, arbitrary: stored }, { weight: 1, arbitrary: refused }), {
    minLength: 1,
    maxLength: 40,
  }),
  extra: fc.constantFrom<Readonly<Record<string, unknown>>>(
    {},
    { FailedRecordCount: 3, EncryptionType: 'NONE' },
    { FailedRecordCount: 0, Nested: { Records: [1, 2, { Records: [] }], Deep: [[[[]]]] } },
  ),
});
