/**
 * Frame walk: the rare looks at single records of a batch in JavaScript: order mode, refusals, reshards.
 * Takes  a run of RECORD frames (src/record/frame.ts).
 * Gives  marks per frame (what goes, what stays), copies of refused records, a lane that holds the frames.
 * Pure. The hot path walks frames in the codec instead.
 */

import { FRAME, FRAME_FLAG } from '../record/frame.ts';
import type { ShardRange } from '../record/hash-range.ts';
import { LANE_CAPACITY_BYTES_MIN, LANE_CELL, LANE_DATA_BYTE, laneBytes } from '../ring/layout.ts';
import type { Batch } from './batch.ts';
import type { RefusedRecord } from './setup.ts';

export const GOES = 1;
export const STAYS = 0;

/** Calls `visit` with the start of each frame. */
function walk(
  frames: Uint8Array,
  count: number,
  visit: (bytes: Buffer, at: number, index: number) => void,
): void {
  const bytes = Buffer.from(frames.buffer, frames.byteOffset, frames.byteLength);
  let at = 0;
  for (let index = 0; index < count; index++) {
    visit(bytes, at, index);
    at += bytes.readUInt32LE(at + FRAME.FRAME_BYTES);
  }
}

/**
 * In order mode two records of one partition key never share a request, because a request may refuse one record and store the
 * next. @returns GOES for the first record of each key, STAYS for its later ones.
 */
export function markFirstOfEachKey(frames: Uint8Array, count: number): Uint8Array {
  const marks = new Uint8Array(count);
  const seen = new Set<string>();
  walk(frames, count, (bytes, at, index) => {
    const keyStart = at + FRAME.HEADER_BYTES;
    const key = bytes.toString('latin1', keyStart, keyStart + bytes.readUInt16LE(at + FRAME.KEY_BYTES));
    marks[index] = seen.has(key) ? STAYS : GOES;
    seen.add(key);
  });
  return marks;
}

/** Neighbouring frames that are one aggregated record in a shard. */
export interface StoredAggregate {
  readonly frames: number;
  readonly shardId: string;
}

/**
 * Consumers drop an aggregate as a whole as soon as one of its records lies outside the range of the shard that holds it (the
 * KPL's consumers do). @param aggregates What the frames are, one behind the other.
 * @returns GOES for all records of an aggregate that would be dropped, or whose shard is unknown; STAYS for all of one that is safe.
 */
export function markDropped(
  frames: Uint8Array,
  aggregates: readonly StoredAggregate[],
  shards: readonly ShardRange[],
): Uint8Array {
  const ranges = new Map(shards.map((shard) => [shard.shardId, shard]));
  // For each frame, the aggregate that it belongs to: an aggregate's fate is known only at its last record.
  const ends: number[] = [];
  for (const { frames: count } of aggregates) ends.push((ends.at(-1) ?? 0) + count);
  const marks = new Uint8Array(ends.at(-1) ?? 0);
  let current = 0;
  walk(frames, marks.length, (bytes, at, index) => {
    if (index === ends[current]) current++;
    const range = ranges.get(aggregates[current]!.shardId);
    const hash =
      (bytes.readBigUInt64LE(at + FRAME.HASH_HIGH) << 64n) | bytes.readBigUInt64LE(at + FRAME.HASH_LOW);
    const isInside = range !== undefined && hash >= range.start && hash <= range.end;
    if (!isInside) marks.fill(GOES, ends[current - 1] ?? 0, ends[current]);
  });
  return marks;
}

/** Copies of all records of a batch, for their dead letters. */
export function readRefused(batch: Batch, message: string): RefusedRecord[] {
  const records: RefusedRecord[] = [];
  walk(batch.buffer, batch.count, (bytes, at) => {
    const keyStart = at + FRAME.HEADER_BYTES;
    const dataStart = keyStart + bytes.readUInt16LE(at + FRAME.KEY_BYTES);
    records.push({
      slice: bytes.readUInt32LE(at + FRAME.SLICE),
      objectOffset: Number(bytes.readBigUInt64LE(at + FRAME.LINE_OFFSET)),
      key: Uint8Array.from(bytes.subarray(keyStart, dataStart)),
      data: Uint8Array.from(bytes.subarray(dataStart, dataStart + bytes.readUInt32LE(at + FRAME.DATA_BYTES))),
      isRaw: (bytes.readUInt8(at + FRAME.FLAGS) & FRAME_FLAG.RAW) !== 0,
      message,
    });
  });
  return records;
}

/** A lane that holds these frames and nothing else, so that the codec can sort them like any others. */
export function laneOf(frames: Uint8Array): SharedArrayBuffer {
  let capacityBytes = LANE_CAPACITY_BYTES_MIN;
  while (capacityBytes < frames.byteLength) capacityBytes *= 2;
  const lane = new SharedArrayBuffer(laneBytes(capacityBytes));
  new Uint8Array(lane, LANE_DATA_BYTE).set(frames);
  Atomics.store(new Int32Array(lane), LANE_CELL.HEAD, frames.byteLength);
  return lane;
}

/** A run of frames within others: bytes [start, end). */
export interface FrameRun {
  readonly start: number;
  readonly end: number;
  readonly count: number;
  readonly payloadBytes: number;
}

/** Cuts frames into `parts` runs of nearly equal counts, or fewer runs where there are fewer frames; in their order. */
export function cutFrames(frames: Uint8Array, count: number, parts: number): FrameRun[] {
  const runs: { start: number; end: number; count: number; payloadBytes: number }[] = [];
  let part = -1;
  walk(frames, count, (bytes, at, index) => {
    if (Math.floor((index * parts) / count) !== part) {
      part = Math.floor((index * parts) / count);
      runs.push({ start: at, end: at, count: 0, payloadBytes: 0 });
    }
    const run = runs.at(-1)!;
    run.end = at + bytes.readUInt32LE(at + FRAME.FRAME_BYTES);
    run.count++;
    run.payloadBytes += bytes.readUInt16LE(at + FRAME.KEY_BYTES) + bytes.readUInt32LE(at + FRAME.DATA_BYTES);
  });
  return runs;
}
