/**
 * Portable codec: the byte work of a publisher in JavaScript, for machines where the addon cannot be built. Same results as
 * codec-native.ts, byte for byte; slower.
 * Takes, gives, never: see codec.ts.
 */
import { FRAME, FRAME_KIND } from '../record/frame.ts';
import { LaneConsumer } from '../ring/consumer.ts';
import { addAcknowledged, SLICE_MASK, type SliceCounters } from '../ring/slices.ts';
import { type Codec, type DrainResult, SHARD_ROW, type ShardTable } from './codec.ts';
import { BATCH_FORM, type EntryForm, entryRoom, headerStart } from './entries.ts';
import { FrameCursor } from './frame-cursor.ts';

/** @returns The codec that needs no addon. */
export function createPortableCodec(): Codec {
  return { kind: 'portable', drain, acknowledge, acknowledgeEntries, select };
}

function drain(lane: SharedArrayBuffer, table: ShardTable): DrainResult {
  const consumer = new LaneConsumer(lane);
  const hashes = new DataView(consumer.bytes.buffer, consumer.bytes.byteOffset);
  let records = 0;
  let result: Omit<DrainResult, 'records'> = { status: 'empty', shardIndex: 0, needBytes: 0, sequence: 0 };
  while (result.status === 'empty' && consumer.next()) {
    if (consumer.kind === FRAME_KIND.RECORD) {
      const shardIndex = shardOf(table.starts, hashes, consumer.frameStart);
      if (place(consumer, table, shardIndex)) {
        records++;
      } else {
        consumer.putBack();
        const needBytes = needBytesOf(consumer, table, shardIndex);
        result = { status: 'shard-full', shardIndex, needBytes, sequence: 0 };
      }
    } else {
      const status = consumer.kind === FRAME_KIND.BEGIN ? 'begin' : 'end';
      result = { status, shardIndex: 0, needBytes: 0, sequence: consumer.lineOffset };
    }
  }
  consumer.release();
  return { ...result, records };
}

/** What a record needs of its shard's batch, beside what is used of it. */
function needBytesOf(
  { keyBytes, dataBytes, frameBytes }: LaneConsumer,
  { rows, form }: ShardTable,
  shardIndex: number,
): number {
  const row = shardIndex * SHARD_ROW.COLUMNS;
  if (rows[row + SHARD_ROW.FORM] === BATCH_FORM.FRAMES) return frameBytes;
  return entryRoom(form!, rows[row + SHARD_ROW.COUNT]!, keyBytes, dataBytes);
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
    usedBytes + needBytesOf(consumer, table, shardIndex) > rows[row + SHARD_ROW.CAPACITY_BYTES]! ||
    count >= rows[row + SHARD_ROW.COUNT_MAX]! ||
    (count > 0 && payloadBytes > rows[row + SHARD_ROW.PAYLOAD_BYTES_MAX]!)
  ) {
    return false;
  }
  const start = consumer.frameStart;
  const frame = consumer.bytes.subarray(start, start + consumer.frameBytes);
  if (rows[row + SHARD_ROW.FORM] === BATCH_FORM.FRAMES) {
    buffer.set(frame, usedBytes);
    rows[row + SHARD_ROW.USED_BYTES] = usedBytes + consumer.frameBytes;
  } else {
    rows[row + SHARD_ROW.USED_BYTES] = placeEntry(buffer, usedBytes, count, frame, table.form!);
  }
  rows[row + SHARD_ROW.COUNT] = count + 1;
  rows[row + SHARD_ROW.PAYLOAD_BYTES] = payloadBytes;
  return true;
}

/** Writes a record as an entry, and its header. @returns Where the entry ends. */
function placeEntry(
  buffer: Uint8Array,
  at: number,
  index: number,
  frame: Uint8Array,
  form: EntryForm,
): number {
  const { key, data, explicitHashKey } = new FrameCursor(frame);
  const { keyStart, end } = form.write(buffer, at, { key, data, explicitHashKey });
  const header = headerStart(buffer, index);
  buffer.set(frame.subarray(0, FRAME.HEADER_BYTES), header);
  new DataView(buffer.buffer, buffer.byteOffset + header).setUint32(FRAME.FRAME_BYTES, keyStart, true);
  return end;
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

/** Counts records in their slices, a run of neighbours of one slice at once. */
class Counting {
  readonly #counters: Pick<SliceCounters, 'acknowledged' | 'settled'>;
  #runSlice = 0;
  #runCount = 0;
  #settledCount = 0;
  constructor(counters: Pick<SliceCounters, 'acknowledged' | 'settled'>) {
    this.#counters = counters;
  }
  add(word: number): void {
    const slice = word & SLICE_MASK;
    if (slice !== this.#runSlice) {
      this.#flush();
      this.#runSlice = slice;
    }
    this.#runCount++;
  }
  /** @returns How many slices were settled. */
  end(): number {
    this.#flush();
    return this.#settledCount;
  }
  #flush(): void {
    if (this.#runCount > 0 && addAcknowledged(this.#counters, this.#runSlice, this.#runCount))
      this.#settledCount++;
    this.#runCount = 0;
  }
}

function acknowledge(
  frames: Uint8Array,
  count: number,
  frameVerdicts: Uint8Array,
  verdict: number,
  counters: Pick<SliceCounters, 'acknowledged' | 'settled'>,
): number {
  const cursor = new FrameCursor(frames);
  const counting = new Counting(counters);
  for (let i = 0; i < count; i++, cursor.next()) {
    if (frameVerdicts[i] === verdict) counting.add(cursor.slice);
  }
  return counting.end();
}

function acknowledgeEntries(
  buffer: Uint8Array,
  count: number,
  counters: Pick<SliceCounters, 'acknowledged' | 'settled'>,
): number {
  const view = new DataView(buffer.buffer, buffer.byteOffset);
  const counting = new Counting(counters);
  for (let i = 0; i < count; i++) counting.add(view.getUint32(headerStart(buffer, i) + FRAME.SLICE, true));
  return counting.end();
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
