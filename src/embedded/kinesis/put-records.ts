/**
 * PutRecords and PutRecord: check, route, limit, store, answer.
 * Takes  a request as put-request.ts found it.
 * Gives  the bytes of the answer; records appended to their shards.
 * Owns   the decision on each record. Scratch arrays are reused: nothing here lets go of the thread.
 */
import { KINESIS } from '../../base/limits.ts';
import { findRange, hashPartitionKey, parseHashKey, toWords, words } from './hash-key.ts';
import { type Failure, PutAnswer } from './put-answer.ts';
import type { PutRequest, Wire } from './put-request.ts';
import { invalidArgument, ServiceError, validationError } from './service-error.ts';
import { type KinesisState, RECORD_FAULTS } from './state.ts';
import { COLUMN, type Shard, type Stream } from './stream-store.ts';

const { putRecordsCountMax, putRecordsBytesMax, partitionKeyCharsMax, recordBytesMax } = KINESIS;
/** Where readPutRecords may write: one row for each record that a request may hold. */
export const scratchIndex = new Uint32Array(putRecordsCountMax * COLUMN.COUNT);
const routes = new Uint32Array(putRecordsCountMax);
const failures: (Failure | null)[] = new Array(putRecordsCountMax).fill(null);
let turn = 0;

/** Throws what the service would for a request that breaks a limit. @returns data plus key bytes of all records. */
function check(request: PutRequest, stream: Stream): number {
  const { index, count } = request;
  let totalBytes = 0;
  for (let i = 0, row = 0; i < count; i++, row += COLUMN.COUNT) {
    const keyBytes = index[row + COLUMN.KEY_BYTES]!;
    const member = () => `records.${i + 1}.member`;
    if (index[row + COLUMN.DATA_AT] === 0)
      throw validationError('null', `${member()}.data`, 'Member must not be null');
    if (keyBytes === 0 && stream.distribution !== 'AUTO') {
      if (index[row + COLUMN.KEY_AT] === 0) {
        throw validationError('null', `${member()}.partitionKey`, 'Member must not be null');
      }
      throw validationError(
        `''`,
        `${member()}.partitionKey`,
        'Member must have length greater than or equal to 1',
      );
    }
    if (
      keyBytes > partitionKeyCharsMax &&
      [...textOf(request, row, COLUMN.KEY_AT)].length > partitionKeyCharsMax
    ) {
      const key = textOf(request, row, COLUMN.KEY_AT);
      throw validationError(
        `'${key}'`,
        `${member()}.partitionKey`,
        'Member must have length less than or equal to 256',
      );
    }
    const bytes = index[row + COLUMN.DATA_BYTES]! + keyBytes;
    if (index[row + COLUMN.DATA_BYTES]! > recordBytesMax) {
      throw validationError(
        '',
        `${member()}.data`,
        `Member must have length less than or equal to ${recordBytesMax}`,
      );
    }
    if (bytes > stream.recordBytesMax) {
      throw invalidArgument(
        `Record at index ${i} is ${bytes} bytes with its partition key, above the ${stream.recordBytesMax / 1024} KiB that stream ${stream.name} takes.`,
      );
    }
    totalBytes += bytes;
    if (index[row + COLUMN.HASH_AT] !== 0) explicitHashKey(request, row);
  }
  if (totalBytes > putRecordsBytesMax) throw invalidArgument('Records size exceeds 10 MB limit');
  return totalBytes;
}

function textOf(request: PutRequest, row: number, column: number): string {
  const at = request.index[row + column]!;
  return request.body.toString('utf8', at, at + request.index[row + column + 1]!);
}

function explicitHashKey(request: PutRequest, row: number): bigint {
  const text = textOf(request, row, COLUMN.HASH_AT);
  const key = parseHashKey(text);
  if (key === undefined) {
    throw invalidArgument(
      `Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was ${text}`,
    );
  }
  return key;
}

/** Sets routes[i] to the open shard of each record. */
function route(request: PutRequest, stream: Stream): void {
  const { index, count, body } = request;
  const { starts } = stream;
  if (stream.distribution === 'AUTO') {
    for (let i = 0; i < count; i++) routes[i] = turn++ % stream.openShards.length;
    return;
  }
  for (let i = 0, row = 0; i < count; i++, row += COLUMN.COUNT) {
    if (index[row + COLUMN.HASH_AT] !== 0) words.set(toWords(explicitHashKey(request, row)));
    else if (starts.length > 4)
      hashPartitionKey(body, index[row + COLUMN.KEY_AT]!, index[row + COLUMN.KEY_BYTES]!);
    routes[i] = starts.length > 4 ? findRange(starts) : 0;
  }
}

function rateExceeded(state: KinesisState, stream: Stream, shard: Shard): Failure {
  shard.throttled++;
  return {
    code: 'ProvisionedThroughputExceededException',
    message: `Rate exceeded for shard ${shard.shardId} in ${state.where(stream)}.`,
  };
}

/** What refuses one record: a scripted fault, or the shard's limits. */
function refuse(
  state: KinesisState,
  stream: Stream,
  shard: Shard,
  bytes: number,
  nowMs: number,
): Failure | null {
  const fault = state.faults.fire(
    RECORD_FAULTS,
    { operation: 'PutRecords', target: stream.name, shardId: shard.shardId },
    nowMs,
  );
  if (fault?.kind === 'throttle') return rateExceeded(state, stream, shard);
  if (fault !== undefined) {
    return { code: fault.code ?? 'InternalFailure', message: fault.message ?? 'Internal Service Failure' };
  }
  if (state.limits === null) return null;
  const buckets = state.bucketsOf(shard, nowMs);
  // Both are asked before either is taken from: a refused record costs nothing.
  if (!buckets.records.has(1, nowMs) || !buckets.bytes.has(bytes, nowMs))
    return rateExceeded(state, stream, shard);
  buckets.records.take(1);
  buckets.bytes.take(bytes);
  return null;
}

/** Fills `failures`. @returns how many records are refused, and their bytes. */
function judge(
  request: PutRequest,
  state: KinesisState,
  stream: Stream,
  nowMs: number,
): { count: number; bytes: number } {
  const refused = { count: 0, bytes: 0 };
  if (state.limits === null && !state.faults.has(RECORD_FAULTS)) {
    failures.fill(null, 0, request.count);
    return refused;
  }
  const { index } = request;
  for (let i = 0, row = 0; i < request.count; i++, row += COLUMN.COUNT) {
    const bytes = index[row + COLUMN.DATA_BYTES]! + index[row + COLUMN.KEY_BYTES]!;
    const failure = refuse(state, stream, stream.openShards[routes[i]!]!, bytes, nowMs);
    failures[i] = failure;
    if (failure === null) continue;
    refused.count++;
    refused.bytes += bytes;
    state.countRefused(failure.code);
  }
  return refused;
}

/** Answers in the order of the request, giving out counters shard by shard. */
function answer(request: PutRequest, stream: Stream, wire: Wire, failedCount: number): Buffer {
  const out = new PutAnswer(wire, request.count, failedCount);
  const { index } = request;
  for (let i = 0, row = 0; i < request.count; i++, row += COLUMN.COUNT) {
    const failure = failures[i]!;
    if (failure !== null) {
      out.failed(failure);
      continue;
    }
    const shard = stream.openShards[routes[i]!]!;
    shard.bytes += index[row + COLUMN.DATA_BYTES]! + index[row + COLUMN.KEY_BYTES]!;
    out.stored(shard, ++shard.lastCounter);
  }
  return out.end();
}

/** Appends what was not refused: one index for the request, sorted by shard, and one run per shard over it. */
function store(
  request: PutRequest,
  stream: Stream,
  storedCount: number,
  heldBytes: number,
  nowMs: number,
): void {
  const { openShards } = stream;
  const ends = new Uint32Array(openShards.length + 1);
  for (let i = 0; i < request.count; i++) if (failures[i] === null) ends[routes[i]! + 1]!++;
  for (let i = 1; i < ends.length; i++) ends[i]! += ends[i - 1]!;
  const cursors = ends.slice();
  const index = new Uint32Array(storedCount * COLUMN.COUNT);
  const scratch = request.index;
  for (let i = 0, row = 0; i < request.count; i++, row += COLUMN.COUNT) {
    if (failures[i] !== null) continue;
    const to = cursors[routes[i]!]!++ * COLUMN.COUNT;
    for (let column = 0; column < COLUMN.COUNT; column++) index[to + column] = scratch[row + column]!;
  }
  const { body } = request;
  const shards: Shard[] = [];
  for (const [i, shard] of openShards.entries()) {
    const count = ends[i + 1]! - ends[i]!;
    if (count === 0) continue;
    shards.push(shard);
    const firstCounter = shard.lastCounter - count + 1;
    shard.append({ body, index, from: ends[i]!, count, firstCounter, arrivedAtMs: nowMs });
  }
  stream.hold({ body, bytes: heldBytes, records: storedCount, arrivedAtMs: nowMs, shards });
}

function requireRecords(count: number): void {
  if (count < 0) throw validationError('null', 'records', 'Member must not be null');
  if (count === 0)
    throw validationError(`'[]'`, 'records', 'Member must have length greater than or equal to 1');
  if (count > putRecordsCountMax) {
    throw validationError(
      `'[]'`,
      'records',
      `Member must have length less than or equal to ${putRecordsCountMax}`,
    );
  }
}

/**
 * @returns The answer; `isKept` where the stream now refers to `request.body`, which must not be reused before it is freed;
 * `freed`, bodies that were trimmed and may be reused.
 * @throws {ServiceError} Where the request as a whole is refused; nothing is stored then.
 */
export function putRecords(
  state: KinesisState,
  request: PutRequest,
  wire: Wire,
): { answer: Buffer; isKept: boolean; freed: Buffer[] } {
  requireRecords(request.count);
  const stream = state.find(request.streamName, request.streamArn);
  if (stream.status === 'CREATING' || stream.status === 'DELETING') throw state.notFound(stream.name);
  const totalBytes = check(request, stream);
  if (request.dryRun) {
    throw new ServiceError(
      'DryRunOperationException',
      'Request would have succeeded, but DryRun flag is set.',
    );
  }
  const nowMs = state.now();
  route(request, stream);
  const refused = judge(request, state, stream, nowMs);
  const bytes = answer(request, stream, wire, refused.count);
  const storedCount = request.count - refused.count;
  state.counters.recordsStored += storedCount;
  state.counters.bytesStored += totalBytes - refused.bytes;
  if (state.options.discard || storedCount === 0) return { answer: bytes, isKept: false, freed: [] };
  store(request, stream, storedCount, request.body.byteLength, nowMs);
  return { answer: bytes, isKept: true, freed: stream.trim(state.options.heldBytesMax, nowMs) };
}
