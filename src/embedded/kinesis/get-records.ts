/**
 * GetShardIterator and GetRecords: reading a shard back.
 * Takes  positions: an iterator is a stream, a shard, a counter and the time it was given out.
 * Gives  the bytes of the GetRecords answer, written without an object per record.
 * Never  holds a record beyond the call: answers are copies.
 */

import { cborHead, encodeCbor } from '../../aws/cbor.ts';
import { KINESIS } from '../../base/limits.ts';
import { findShard } from './lineage.ts';
import type { Wire } from './put-request.ts';
import { invalidArgument, ServiceError, validationError } from './service-error.ts';
import type { KinesisState } from './state.ts';
import { COLUMN, type Run, type Shard, type Stream } from './stream-store.ts';

export type Input = Record<string, unknown>;

function writeIterator(stream: Stream, shard: Shard, counter: number, nowMs: number): string {
  const fields = [stream.name, stream.createdAtMs, shard.ordinal, counter, nowMs];
  return Buffer.from(`millrace-iterator ${fields.join(' ')}`).toString('base64');
}

function readIterator(state: KinesisState, text: unknown): { stream: Stream; shard: Shard; counter: number } {
  const fields = Buffer.from(String(text), 'base64').toString('latin1').split(' ');
  const [magic, name, createdAt, ordinal, counter, issuedAt] = fields;
  const stream =
    magic === 'millrace-iterator' && fields.length === 6 ? state.find(name, undefined) : undefined;
  const shard = stream?.createdAtMs === Number(createdAt) ? stream?.shards[Number(ordinal)] : undefined;
  if (stream === undefined || shard === undefined) throw invalidArgument('Invalid ShardIterator.');
  const nowMs = state.now();
  if (nowMs - Number(issuedAt) > KINESIS.iteratorLifeMs) {
    throw new ServiceError(
      'ExpiredIteratorException',
      `Iterator expired. The iterator was created at time ${new Date(Number(issuedAt)).toUTCString()} while right now it is ${new Date(nowMs).toUTCString()} which is further in the future than the tolerated delay of ${KINESIS.iteratorLifeMs} milliseconds.`,
    );
  }
  return { stream, shard, counter: Number(counter) };
}

/** Timestamps of a request: a Date from CBOR, epoch seconds from JSON. @returns milliseconds. */
export function timestampMs(value: unknown): number | undefined {
  if (value instanceof Date) return value.getTime();
  return typeof value === 'number' ? value * 1000 : undefined;
}

function startOf(state: KinesisState, stream: Stream, shard: Shard, input: Input): number {
  const type = input.ShardIteratorType;
  if (type === 'TRIM_HORIZON') return shard.firstCounter;
  if (type === 'LATEST') return shard.lastCounter + 1;
  if (type === 'AT_TIMESTAMP') {
    const timeMs = timestampMs(input.Timestamp);
    if (timeMs === undefined)
      throw invalidArgument('Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP.');
    if (timeMs > state.now()) {
      throw invalidArgument(
        `The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: ${timeMs}, currentTimestampInMillis: ${state.now()}`,
      );
    }
    return shard.counterAt(timeMs);
  }
  if (type !== 'AT_SEQUENCE_NUMBER' && type !== 'AFTER_SEQUENCE_NUMBER') {
    throw validationError(
      `'${String(type)}'`,
      'shardIteratorType',
      'Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]',
    );
  }
  const sequenceNumber = input.StartingSequenceNumber;
  if (typeof sequenceNumber !== 'string') {
    throw invalidArgument(
      `Must either specify (1) ${type} and StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber.`,
    );
  }
  const counter = shard.counterOf(sequenceNumber);
  if (counter === undefined || counter > shard.lastCounter + 1) {
    throw invalidArgument(
      `StartingSequenceNumber ${sequenceNumber} used in GetShardIterator on shard ${shard.shardId} in ${state.where(stream)} is invalid.`,
    );
  }
  return type === 'AT_SEQUENCE_NUMBER' ? counter : counter + 1;
}

export function getShardIterator(state: KinesisState, input: Input): { ShardIterator: string } {
  const stream = state.find(input.StreamName as string | undefined, input.StreamARN as string | undefined);
  const nowMs = state.now();
  stream.trim(Number.POSITIVE_INFINITY, nowMs);
  const shard = findShard(state, stream, input.ShardId);
  return { ShardIterator: writeIterator(stream, shard, startOf(state, stream, shard, input), nowMs) };
}

interface Page {
  readonly pieces: { readonly run: Run; readonly from: number; readonly count: number }[];
  count: number;
  bytes: number;
  nextCounter: number;
  lastArrivedAtMs: number;
}

/** What one call may return: the first record always, then up to both limits. */
function readPage(shard: Shard, counter: number, limit: number): Page {
  const first = Math.max(counter, shard.firstCounter);
  const page: Page = { pieces: [], count: 0, bytes: 0, nextCounter: first, lastArrivedAtMs: 0 };
  for (const run of shard.runsFrom(first)) {
    const from = Math.max(0, first - run.firstCounter);
    let taken = 0;
    for (let i = from; i < run.count; i++, taken++) {
      const row = (run.from + i) * COLUMN.COUNT;
      const bytes = run.index[row + COLUMN.DATA_BYTES]! + run.index[row + COLUMN.KEY_BYTES]!;
      const isFull =
        page.count === limit || (page.count > 0 && page.bytes + bytes > KINESIS.getRecordsBytesMax);
      if (isFull) break;
      page.count++;
      page.bytes += bytes;
    }
    if (taken > 0) {
      page.pieces.push({ run, from, count: taken });
      page.nextCounter = run.firstCounter + from + taken;
      page.lastArrivedAtMs = run.arrivedAtMs;
    }
    if (from + taken < run.count) break;
  }
  return page;
}

const NAMES = {
  sequence: encodeCbor('SequenceNumber'),
  arrival: Buffer.concat([encodeCbor('ApproximateArrivalTimestamp'), Buffer.of(0xc1)]),
  data: encodeCbor('Data'),
  key: encodeCbor('PartitionKey'),
};
/** Bytes of a record's CBOR map beyond data and key: four names, 56 digits, a timestamp, heads. */
const RECORD_OVERHEAD_BYTES = 160;

function cborRecords(shard: Shard, page: Page): Buffer {
  const out = Buffer.allocUnsafe(page.count * RECORD_OVERHEAD_BYTES + page.bytes + 16);
  let at = 0;
  const put = (part: Uint8Array) => {
    out.set(part, at);
    at += part.length;
  };
  put(cborHead(4, page.count));
  for (const { run, from, count } of page.pieces) {
    const arrival = cborHead(0, run.arrivedAtMs);
    for (let i = from; i < from + count; i++) {
      const row = (run.from + i) * COLUMN.COUNT;
      const [dataAt, dataBytes, keyAt, keyBytes] = run.index.subarray(row, row + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      out[at++] = 0xa4;
      put(NAMES.sequence);
      const sequenceNumber = shard.sequenceNumber(run.firstCounter + i);
      put(cborHead(3, sequenceNumber.length));
      at += out.write(sequenceNumber, at, 'latin1');
      put(NAMES.arrival);
      put(arrival);
      put(NAMES.data);
      put(cborHead(2, dataBytes));
      at += run.body.copy(out, at, dataAt, dataAt + dataBytes);
      put(NAMES.key);
      put(cborHead(3, keyBytes));
      at += run.body.copy(out, at, keyAt, keyAt + keyBytes);
    }
  }
  return out.subarray(0, at);
}

function jsonRecords(shard: Shard, page: Page): string {
  const records: string[] = [];
  for (const { run, from, count } of page.pieces) {
    for (let i = from; i < from + count; i++) {
      const row = (run.from + i) * COLUMN.COUNT;
      const [dataAt, dataBytes, keyAt, keyBytes] = run.index.subarray(row, row + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const key = JSON.stringify(run.body.toString('utf8', keyAt, keyAt + keyBytes));
      const data = run.body.toString('base64', dataAt, dataAt + dataBytes);
      const sequenceNumber = shard.sequenceNumber(run.firstCounter + i);
      records.push(
        `{"SequenceNumber":"${sequenceNumber}","ApproximateArrivalTimestamp":${run.arrivedAtMs / 1000},"Data":"${data}","PartitionKey":${key}}`,
      );
    }
  }
  return `[${records.join(',')}]`;
}

function checkReadLimits(state: KinesisState, stream: Stream, shard: Shard, nowMs: number): void {
  if (state.limits === null) return;
  const { reads, readBytes } = state.bucketsOf(shard, nowMs);
  // A read may overdraw the byte bucket; the next ones wait until it is out of debt, as after a 10 MB read of the service.
  if (!reads.has(1, nowMs) || !readBytes.has(1, nowMs)) {
    throw new ServiceError(
      'ProvisionedThroughputExceededException',
      `Rate exceeded for shard ${shard.shardId} in ${state.where(stream)}.`,
    );
  }
  reads.take(1);
}

/** @returns The encoded answer. */
export function getRecords(state: KinesisState, input: Input, wire: Wire): Buffer {
  const limit = input.Limit ?? KINESIS.getRecordsCountMax;
  if (typeof limit !== 'number' || limit < 1 || limit > KINESIS.getRecordsCountMax) {
    const edge =
      Number(limit) < 1
        ? 'greater than or equal to 1'
        : `less than or equal to ${KINESIS.getRecordsCountMax}`;
    throw validationError(`'${String(limit)}'`, 'limit', `Member must have value ${edge}`);
  }
  const { stream, shard, counter } = readIterator(state, input.ShardIterator);
  const nowMs = state.now();
  stream.trim(Number.POSITIVE_INFINITY, nowMs);
  checkReadLimits(state, stream, shard, nowMs);
  const page = readPage(shard, counter, limit);
  if (state.limits !== null) state.bucketsOf(shard, nowMs).readBytes.take(page.bytes);
  state.counters.recordsRead += page.count;
  const atTip = page.nextCounter > shard.lastCounter;
  const isOver = atTip && shard.closedAtMs !== null;
  const rest = {
    NextShardIterator: isOver ? null : writeIterator(stream, shard, page.nextCounter, nowMs),
    MillisBehindLatest: atTip ? 0 : Math.max(1, nowMs - page.lastArrivedAtMs),
    ChildShards: isOver
      ? shard.children.map((child) => ({
          ShardId: child.shardId,
          ParentShards: child.parents,
          HashKeyRange: { StartingHashKey: String(child.startKey), EndingHashKey: String(child.endKey) },
        }))
      : undefined,
  };
  if (wire === 'json') {
    return Buffer.from(`{"Records":${jsonRecords(shard, page)},${JSON.stringify(rest).slice(1)}`);
  }
  const members = encodeCbor(rest);
  // A map head of up to 23 members is one byte: it is raised by one for Records.
  members[0]!++;
  return Buffer.concat([
    members.subarray(0, 1),
    encodeCbor('Records'),
    cborRecords(shard, page),
    members.subarray(1),
  ]);
}
