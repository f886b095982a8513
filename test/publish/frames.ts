/** Frames for tests: batches built field by field from the table in src/record/frame.ts, independent of producer and codec. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { FRAME, FRAME_FLAG, FRAME_KIND, frameBytes } from '../../src/record/frame.ts';

export interface TestRecord {
  readonly key: string;
  readonly data: Uint8Array;
  readonly slice: number;
  readonly lineOffset: number;
  /** Null: the MD5 of the key is the hash key. */
  readonly explicitHashKey: bigint | null;
}

export function hashKeyOf(record: TestRecord): bigint {
  if (record.explicitHashKey !== null) return record.explicitHashKey;
  return BigInt(`0x${createHash('md5').update(record.key).digest('hex')}`);
}

/** One frame of each record, one behind the other. */
export function framesOf(records: readonly TestRecord[]): Uint8Array {
  const keys = records.map((record) => Buffer.from(record.key, 'utf8'));
  const sizes = records.map((record, i) => frameBytes(keys[i]!.length, record.data.length));
  const bytes = Buffer.alloc(
    sizes.reduce((sum, size) => sum + size, 0),
    0xee,
  );
  let at = 0;
  for (const [i, record] of records.entries()) {
    const key = keys[i]!;
    const hashKey = hashKeyOf(record);
    bytes.writeUInt32LE(sizes[i]!, at + FRAME.FRAME_BYTES);
    bytes.writeUInt8(FRAME_KIND.RECORD, at + FRAME.KIND);
    bytes.writeUInt8(record.explicitHashKey === null ? 0 : FRAME_FLAG.EXPLICIT_HASH_KEY, at + FRAME.FLAGS);
    bytes.writeUInt16LE(key.length, at + FRAME.KEY_BYTES);
    bytes.writeUInt32LE(record.data.length, at + FRAME.DATA_BYTES);
    bytes.writeUInt32LE(record.slice, at + FRAME.SLICE);
    bytes.writeBigUInt64LE(BigInt(record.lineOffset), at + FRAME.LINE_OFFSET);
    bytes.writeBigUInt64LE(hashKey >> 64n, at + FRAME.HASH_HIGH);
    bytes.writeBigUInt64LE(hashKey & 0xffff_ffff_ffff_ffffn, at + FRAME.HASH_LOW);
    bytes.set(key, at + FRAME.HEADER_BYTES);
    bytes.set(record.data, at + FRAME.HEADER_BYTES + key.length);
    at += sizes[i]!;
  }
  return bytes;
}

/** A record with plain defaults. */
export function record(fields: Partial<TestRecord> = {}): TestRecord {
  return {
    key: 'k',
    data: Buffer.from('{}'),
    slice: 0,
    lineOffset: 0,
    explicitHashKey: null,
    ...fields,
  };
}

const HASH_KEY_MAX = (1n << 128n) - 1n;

/** Keys repeat, differ in one byte, need escapes in JSON, hold several bytes a character. */
const anyKey = fc.oneof(
  fc.constantFrom(
    'a',
    'user-000000000000000001',
    'user-000000000000000002',
    '"\\\b\f\n\r\t\u0000\u001f\u007f',
  ),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((key) => key.isWellFormed()),
  fc.string({ minLength: 1, maxLength: 256 }),
);

export const anyRecord: fc.Arbitrary<TestRecord> = fc.record({
  key: anyKey,
  data: fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ minLength: 0, maxLength: 120 }) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 0, maxLength: 3000, size: 'max' }) },
  ),
  slice: fc.integer({ min: 0, max: 15 }),
  lineOffset: fc.maxSafeNat(),
  explicitHashKey: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom(0n, 1n, HASH_KEY_MAX, 1n << 64n, (1n << 64n) - 1n, 10n ** 19n) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: HASH_KEY_MAX }) },
  ),
});

export const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 60 });
