/**
 * Portable codec: the byte work of a publisher in JavaScript, for machines where the addon cannot be built. Same results as
 * codec-native.ts, byte for byte; slower.
 * Takes, gives, never: see codec.ts.
 */

import { KINESIS } from '../base/limits.ts';
import { AGGREGATE_KEY, Aggregate } from '../record/aggregate.ts';
import { FRAME, FRAME_FLAG, FRAME_KIND } from '../record/frame.ts';
import { LaneConsumer } from '../ring/consumer.ts';
import { addAcknowledged, SLICE_MASK, type SliceCounters } from '../ring/slices.ts';
import { bodySuffix, bodyWriter, encodedBytesMax } from './body.ts';
import { type Codec, type DrainResult, SHARD_ROW, type ShardTable, type Wire } from './codec.ts';
import { readPutResult } from './kinesis/put-result.ts';

/** @returns The codec that needs no addon. */
export function createPortableCodec(): Codec {
  return {
    kind: 'portable',
    drain,
    encodedBytesMax,
    encode,
    encodeAggregated,
    readPutResult,
    acknowledge,
    select,
  };
}

/** A cursor over the RECORD frames of a batch. */
class FrameCursor {
  at = 0;
  readonly #frames: Uint8Array;
  readonly #view: DataView;
  constructor(frames: Uint8Array) {
    this.#frames = frames;
    this.#view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  }
  get frameBytes(): number {
    return this.#view.getUint32(this.at + FRAME.FRAME_BYTES, true);
  }
  get keyBytes(): number {
    return this.#view.getUint16(this.at + FRAME.KEY_BYTES, true);
  }
  get dataBytes(): number {
    return this.#view.getUint32(this.at + FRAME.DATA_BYTES, true);
  }
  get slice(): number {
    return this.#view.getUint32(this.at + FRAME.SLICE, true);
  }
  get key(): Uint8Array {
    const start = this.at + FRAME.HEADER_BYTES;
    return this.#frames.subarray(start, start + this.keyBytes);
  }
  get data(): Uint8Array {
    const start = this.at + FRAME.HEADER_BYTES + this.keyBytes;
    return this.#frames.subarray(start, start + this.dataBytes);
  }
  /** In decimal, or null when the hash key follows from the partition key. */
  get explicitHashKey(): string | null {
    if ((this.#view.getUint8(this.at + FRAME.FLAGS) & FRAME_FLAG.EXPLICIT_HASH_KEY) === 0) return null;
    const high = this.#view.getBigUint64(this.at + FRAME.HASH_HIGH, true);
    return ((high << 64n) | this.#view.getBigUint64(this.at + FRAME.HASH_LOW, true)).toString();
  }
  next(): void {
    this.at += this.frameBytes;
  }
}

function drain(lane: SharedArrayBuffer, table: ShardTable): DrainResult {
  const consumer = new LaneConsumer(lane);
  const hashes = new DataView(consumer.bytes.buffer, consumer.bytes.byteOffset);
  let records = 0;
  let result: Omit<DrainResult, 'records'> = { status: 'empty', shardIndex: 0, frameBytes: 0, sequence: 0 };
  while (result.status === 'empty' && consumer.next()) {
    if (consumer.kind === FRAME_KIND.RECORD) {
      const shardIndex = shardOf(table.starts, hashes, consumer.frameStart);
      if (place(consumer, table, shardIndex)) {
        records++;
      } else {
        consumer.putBack();
        result = { status: 'shard-full', shardIndex, frameBytes: consumer.frameBytes, sequence: 0 };
      }
    } else {
      const status = consumer.kind === FRAME_KIND.BEGIN ? 'begin' : 'end';
      result = { status, shardIndex: 0, frameBytes: 0, sequence: consumer.lineOffset };
    }
  }
  consumer.release();
  return { ...result, records };
}

/** @returns Whether the frame went into its shard's batch. */
function place(consumer: LaneConsumer, table: ShardTable, shardIndex: number): boolean {
  const { rows } = table;
  const row = shardIndex * SHARD_ROW.COLUMNS;
  const buffer = table.buffers[shardIndex] ?? null;
  const usedBytes = rows[row + SHARD_ROW.USED_BYTES]!;
  const count = rows[row + SHARD_ROW.COUNT]!;
  const payloadBytes = rows[row + SHARD_ROW.PAYLOAD_BYTES]! + consumer.keyBytes + consumer.dataBytes;
  if (
    buffer === null ||
    usedBytes + consumer.frameBytes > rows[row + SHARD_ROW.CAPACITY_BYTES]! ||
    count >= rows[row + SHARD_ROW.COUNT_MAX]! ||
    (count > 0 && payloadBytes > rows[row + SHARD_ROW.PAYLOAD_BYTES_MAX]!)
  ) {
    return false;
  }
  const start = consumer.frameStart;
  buffer.set(consumer.bytes.subarray(start, start + consumer.frameBytes), usedBytes);
  rows[row + SHARD_ROW.USED_BYTES] = usedBytes + consumer.frameBytes;
  rows[row + SHARD_ROW.COUNT] = count + 1;
  rows[row + SHARD_ROW.PAYLOAD_BYTES] = payloadBytes;
  return true;
}

/** The last shard that starts at or before the frame's hash key. Compared as four u32, because a bigint is an allocation. */
function shardOf(starts: BigUint64Array, frames: DataView, frameStart: number): number {
  const words = new Uint32Array(starts.buffer, starts.byteOffset, starts.length * 2);
  const highHigh = frames.getUint32(frameStart + FRAME.HASH_HIGH + 4, true);
  const highLow = frames.getUint32(frameStart + FRAME.HASH_HIGH, true);
  const lowHigh = frames.getUint32(frameStart + FRAME.HASH_LOW + 4, true);
  const lowLow = frames.getUint32(frameStart + FRAME.HASH_LOW, true);
  let low = 0;
  let left = starts.length / 2;
  while (left > 1) {
    const half = left >> 1;
    const at = 4 * (low + half);
    const order =
      highHigh - words[at + 1]! ||
      highLow - words[at]! ||
      lowHigh - words[at + 3]! ||
      lowLow - words[at + 2]!;
    if (order >= 0) low += half;
    left -= half;
  }
  return low;
}

function encode(frames: Uint8Array, count: number, wire: Wire, stream: string, out: Uint8Array): number {
  const cursor = new FrameCursor(frames);
  const body = bodyWriter(wire, out);
  body.open();
  for (let i = 0; i < count; i++, cursor.next()) body.entry(cursor);
  return body.close(bodySuffix(wire, stream));
}

function encodeAggregated(
  frames: Uint8Array,
  count: number,
  wire: Wire,
  stream: string,
  explicitHashKey: string,
  aggregateBytesMax: number,
  requestBytesMax: number,
  out: Uint8Array,
  entryCounts: Uint32Array,
): { bytes: number; entries: number; frames: number; framesBytes: number } {
  const body = bodyWriter(wire, out);
  body.open();
  const payloadBytesMax = Math.min(aggregateBytesMax, requestBytesMax);
  const cursor = new FrameCursor(frames);
  let entries = 0;
  let framesDone = 0;
  let framesBytes = 0;
  let requestBytes = 0;
  const entriesMax = Math.min(entryCounts.length, KINESIS.putRecordsCountMax);
  while (framesDone < count && entries < entriesMax) {
    const aggregate = new Aggregate();
    const first = { key: cursor.key, explicitHashKey: cursor.explicitHashKey, data: cursor.data };
    while (
      framesDone + aggregate.count < count &&
      aggregate.tryAdd(cursor.key, cursor.explicitHashKey, cursor.data, payloadBytesMax)
    ) {
      cursor.next();
    }
    const isAlone = aggregate.count === 1;
    const entryBytes = isAlone ? first.data.length + first.key.length : aggregate.payloadBytes;
    if (entries > 0 && requestBytes + entryBytes > requestBytesMax) break;
    body.entry(isAlone ? first : { key: AGGREGATE_KEY, explicitHashKey, data: aggregate.encode() });
    entryCounts[entries++] = aggregate.count;
    requestBytes += entryBytes;
    framesDone += aggregate.count;
    framesBytes = cursor.at;
  }
  const bytes = body.close(bodySuffix(wire, stream));
  return { bytes, entries, frames: framesDone, framesBytes };
}

function acknowledge(
  frames: Uint8Array,
  count: number,
  frameVerdicts: Uint8Array,
  verdict: number,
  counters: Pick<SliceCounters, 'acknowledged' | 'settled'>,
): number {
  const cursor = new FrameCursor(frames);
  let runSlice = 0;
  let runCount = 0;
  let settledCount = 0;
  const flush = () => {
    if (runCount > 0 && addAcknowledged(counters, runSlice, runCount)) settledCount++;
  };
  for (let i = 0; i < count; i++, cursor.next()) {
    if (frameVerdicts[i] !== verdict) continue;
    const slice = cursor.slice & SLICE_MASK;
    if (slice !== runSlice) {
      flush();
      runSlice = slice;
      runCount = 0;
    }
    runCount++;
  }
  flush();
  return settledCount;
}

function select(
  frames: Uint8Array,
  count: number,
  frameVerdicts: Uint8Array,
  verdict: number,
  out: Uint8Array,
): { bytes: number; count: number; payloadBytes: number } {
  const cursor = new FrameCursor(frames);
  const selected = { bytes: 0, count: 0, payloadBytes: 0 };
  for (let i = 0; i < count; i++, cursor.next()) {
    if (frameVerdicts[i] !== verdict) continue;
    out.set(frames.subarray(cursor.at, cursor.at + cursor.frameBytes), selected.bytes);
    selected.bytes += cursor.frameBytes;
    selected.count++;
    selected.payloadBytes += cursor.keyBytes + cursor.dataBytes;
  }
  return selected;
}
