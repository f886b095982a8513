/**
 * Put result: what a PutRecords answer says about each record, read in JavaScript. Also words the error when the body is not an answer.
 * Takes  the body of a response with status 200.
 * Gives  one verdict byte per record and a summary.
 * Never  trusts the body: every field is checked. The native twin is src/native/result.cc.
 */

import { decodeCbor } from '../../aws/cbor.ts';
import type { Wire } from '../../aws/wire.ts';
import { VERDICT } from '../sink.ts';
import type { PutVerdict } from './put-codec.ts';

/** Codes of a record that will be taken later. PutRecords, Kinesis Data Streams API reference. */
const THROTTLE_CODES: ReadonlySet<string> = new Set([
  'ProvisionedThroughputExceededException',
  'KMSThrottlingException',
]);

/** See `PutCodec.readPutResult`. @throws {RangeError} When the body is not a PutRecords answer for `entries` entries. */
export function readPutResult(
  body: Uint8Array,
  wire: Wire,
  entries: number,
  expectedShardId: string | null,
  verdicts: Uint8Array,
): PutVerdict {
  const answer = wire === 'cbor' ? decodeCbor(body) : parseJson(body);
  const records = isFields(answer) ? answer.Records : undefined;
  if (!Array.isArray(records)) throw new RangeError('Cannot read a PutRecords answer: it has no Records');
  if (records.length !== entries) {
    throw new RangeError(
      `Cannot read a PutRecords answer: it has ${records.length} records for ${entries} sent`,
    );
  }
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  const misroutedShardIds: string[] = [];
  let failedCode: string | null = null;
  let failedMessage: string | null = null;
  for (const [index, record] of records.entries()) {
    const { code, shardId, message } = readRecord(record, index);
    let verdict: number = VERDICT.STORED;
    if (code !== null) {
      verdict = THROTTLE_CODES.has(code) ? VERDICT.THROTTLED : VERDICT.FAILED;
      if (verdict === VERDICT.FAILED && failedCode === null) {
        failedCode = code;
        failedMessage = message;
      }
    } else if (expectedShardId !== null && shardId !== expectedShardId) {
      verdict = VERDICT.MISROUTED;
      misroutedShardIds.push(shardId!);
    }
    verdicts[index] = verdict;
    counts[verdict]!++;
  }
  return { counts, misroutedShardIds, failedCode, failedMessage };
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch (cause) {
    throw new RangeError(`Cannot read a PutRecords answer: ${body.byteLength} bytes that are not JSON`, {
      cause,
    });
  }
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readRecord(
  record: unknown,
  index: number,
): { code: string | null; shardId: string | null; message: string | null } {
  if (!isFields(record)) {
    throw new RangeError(`Cannot read a PutRecords answer: record ${index} is not an object`);
  }
  const code = optionalText(record, 'ErrorCode', index);
  const shardId = optionalText(record, 'ShardId', index);
  if (code === null && shardId === null) {
    throw new RangeError(
      `Cannot read a PutRecords answer: record ${index} has neither ShardId nor ErrorCode`,
    );
  }
  return { code, shardId, message: optionalText(record, 'ErrorMessage', index) };
}

function optionalText(record: Readonly<Record<string, unknown>>, name: string, index: number): string | null {
  const value = record[name];
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  throw new RangeError(`Cannot read a PutRecords answer: ${name} of record ${index} is not text`);
}
