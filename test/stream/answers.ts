/**
 * Answers: GetRecords answers for tests, in CBOR as the service writes it and in JSON; and what readers made of them.
 */
import { isUtf8 } from 'node:buffer';
import { encodeCbor } from '../../src/aws/cbor.ts';
import { FRAME, FRAME_FLAG } from '../../src/record/frame.ts';
import type { Answer, HashRange } from '../../src/stream/answer.ts';

export interface TestEntry {
  readonly sequenceNumber: string;
  readonly partitionKey: string;
  readonly data: Uint8Array;
  readonly arrivalMs: number;
}

export interface TestMembers {
  readonly next?: string | null;
  readonly millis?: number;
  readonly childIds?: readonly string[];
}

export function answerBody(
  wire: 'cbor' | 'json',
  entries: readonly TestEntry[],
  members: TestMembers = {},
): Buffer {
  const rest = {
    NextShardIterator: members.next ?? null,
    MillisBehindLatest: members.millis ?? 0,
    ChildShards: members.childIds?.map((ShardId) => ({
      ShardId,
      ParentShards: ['p'],
      HashKeyRange: { StartingHashKey: '0', EndingHashKey: '9' },
    })),
  };
  if (wire === 'json') {
    const Records = entries.map((entry) => ({
      SequenceNumber: entry.sequenceNumber,
      ApproximateArrivalTimestamp: entry.arrivalMs / 1000,
      Data: Buffer.from(entry.data).toString('base64'),
      PartitionKey: entry.partitionKey,
      EncryptionType: 'NONE',
    }));
    return Buffer.from(JSON.stringify({ Records, ...rest }));
  }
  const records = entries.map((entry) =>
    Buffer.concat([
      Buffer.of(0xa5),
      ...[encodeCbor('SequenceNumber'), encodeCbor(entry.sequenceNumber)],
      ...[encodeCbor('ApproximateArrivalTimestamp'), Buffer.of(0xc1), encodeCbor(entry.arrivalMs)],
      ...[encodeCbor('Data'), encodeCbor(entry.data)],
      ...[encodeCbor('PartitionKey'), encodeCbor(entry.partitionKey)],
      ...[encodeCbor('EncryptionType'), encodeCbor(null)],
    ]),
  );
  // Containers of indefinite length, as the service's own encoder writes them.
  const tail = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [encodeCbor(name), encodeCbor(value)],
  );
  return Buffer.concat([
    Buffer.of(0xbf),
    encodeCbor('Records'),
    Buffer.of(0x9f),
    ...records,
    Buffer.of(0xff),
    ...tail,
    Buffer.of(0xff),
  ]);
}

export interface ReadBack {
  readonly id: string;
  readonly key: string;
  readonly data: string;
  readonly arrivalMs: number;
  readonly parts: number;
  /** `dropped`, `explicit`, and the number. */
  readonly hash: string;
}

/** Bytes that are no UTF-8 stay to be seen. */
function textOf(bytes: Buffer): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : `0x${bytes.toString('hex')}`;
}

/** Everything that a reader says about an answer, in values that can be compared. */
export function readAll(answer: Answer, body: Uint8Array, range: HashRange | null = null) {
  const outline = answer.open(body, range);
  const records: ReadBack[] = [];
  for (let run = answer.next(); run; run = answer.next()) {
    const bytes = Buffer.from(run.buffer, run.byteOffset, run.byteLength);
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at)) {
      const keyBytes = bytes.readUInt16LE(at + FRAME.KEY_BYTES);
      const dataAt = at + FRAME.HEADER_BYTES + keyBytes;
      const ordinal = bytes.readUInt32LE(at + FRAME.SLICE);
      const flags = bytes.readUInt8(at + FRAME.FLAGS);
      const marks = [
        ...((flags & FRAME_FLAG.DROPPED) !== 0 ? ['dropped'] : []),
        ...((flags & FRAME_FLAG.EXPLICIT_HASH_KEY) !== 0 ? ['explicit'] : []),
      ];
      const hash =
        (bytes.readBigUInt64LE(at + FRAME.HASH_HIGH) << 64n) + bytes.readBigUInt64LE(at + FRAME.HASH_LOW);
      records.push({
        id: `${answer.sequenceNumber(ordinal)}/${bytes.readBigUInt64LE(at + FRAME.LINE_OFFSET)}`,
        key: textOf(bytes.subarray(dataAt - keyBytes, dataAt)),
        data: bytes.toString('latin1', dataAt, dataAt + bytes.readUInt32LE(at + FRAME.DATA_BYTES)),
        arrivalMs: answer.arrivalMs(ordinal),
        parts: answer.parts(ordinal),
        hash: [...marks, hash].join(' '),
      });
    }
  }
  return { outline, records, outsideCount: answer.outsideCount };
}
