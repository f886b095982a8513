/**
 * Shard queues: the records that wait for their shard, sorted into batches.
 * Takes  frames out of lanes (through the codec), and refused batches back.
 * Gives  the next batch of a shard.
 * Owns   the open batch of each shard (the codec's ShardTable), the closed ones behind it, and their memory.
 * Never  sends, paces or reads a clock: see publisher.ts. A shard that may hold no more memory stops the lane, not its neighbours'
 *        batches.
 */

import { type OwnedShard, packStarts } from '../record/hash-range.ts';
import type { Batch, BatchLimits } from './batch.ts';
import type { BufferPool } from './buffer-pool.ts';
import { type Codec, SHARD_ROW, type ShardTable } from './codec.ts';

const OPEN_BYTES_MIN = 64 * 1024;
/** One full shard ends up with two thirds of the memory, two with two fifths each: something is always left for the others. */
const FREE_PART = 2;
/** Frames are longer than their payload by header, padding and key; a batch of tiny records may need this much more. */
const FRAMES_BYTES_MAX = 16 * 1024 * 1024;

export class ShardQueues {
  readonly shards: readonly OwnedShard[];
  readonly table: ShardTable;
  readonly #ready: Batch[][];
  readonly #heldBytes: number[];
  readonly #typicalBytes: number[];
  readonly #openedAtMs: number[];
  readonly #pool: BufferPool;
  readonly #shareBytes: number;
  readonly #onClosed: (shardId: string, batch: Batch) => void;

  /** @param onClosed Told each batch when it is filled, before it is sent: records that are sent again are not told again, as a rule. */
  constructor(
    shards: readonly OwnedShard[],
    limits: BatchLimits,
    pool: BufferPool,
    onClosed: (shardId: string, batch: Batch) => void = () => {},
  ) {
    this.shards = shards;
    this.#onClosed = onClosed;
    this.#pool = pool;
    this.#shareBytes = pool.budgetBytes / shards.length;
    this.#ready = shards.map(() => []);
    this.#heldBytes = shards.map(() => 0);
    this.#typicalBytes = shards.map(() => OPEN_BYTES_MIN);
    this.#openedAtMs = shards.map(() => 0);
    const rows = new Uint32Array(shards.length * SHARD_ROW.COLUMNS);
    for (let i = 0; i < shards.length; i++) {
      rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.COUNT_MAX] = limits.recordCountMax;
      rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.PAYLOAD_BYTES_MAX] = limits.payloadBytesMax;
    }
    this.table = { starts: packStarts(shards), rows, buffers: shards.map(() => null) };
  }

  /** True when no record waits for any shard. */
  get isEmpty(): boolean {
    return this.shards.every((_, i) => this.#ready[i]!.length === 0 && this.openCount(i) === 0);
  }

  /** Records in the open batch of a shard. */
  openCount(shardIndex: number): number {
    return this.#column(shardIndex, SHARD_ROW.COUNT);
  }

  /** Closed batches of a shard. */
  closedCount(shardIndex: number): number {
    return this.#ready[shardIndex]!.length;
  }

  /** When the open batch of a shard got its buffer. Meaningless when `openCount` is 0. */
  openedAtMs(shardIndex: number): number {
    return this.#openedAtMs[shardIndex]!;
  }

  /**
   * Makes room for a frame that the codec could not place: grows the open batch or closes it and opens the next.
   * @returns False when the shard has its share of the memory, or all memory is lent out: wait until a batch is acknowledged.
   */
  makeRoom(shardIndex: number, frameBytes: number, nowMs: number): boolean {
    const buffer = this.table.buffers[shardIndex];
    const isAtLimit =
      this.#column(shardIndex, SHARD_ROW.COUNT) >= this.#column(shardIndex, SHARD_ROW.COUNT_MAX) ||
      this.#column(shardIndex, SHARD_ROW.USED_BYTES) + frameBytes <=
        this.#column(shardIndex, SHARD_ROW.CAPACITY_BYTES);
    if (buffer && !isAtLimit && this.#grow(shardIndex, frameBytes)) return true;
    if (buffer) this.#retire(shardIndex);
    const wantedBytes = Math.max(frameBytes, this.#typicalBytes[shardIndex]!);
    if (!this.#mayHold(shardIndex, wantedBytes)) return false;
    const next = this.#pool.take(wantedBytes);
    if (!next) return false;
    this.#install(shardIndex, next);
    this.#openedAtMs[shardIndex] = nowMs;
    return true;
  }

  /** Moves the open batch, if it holds a record, behind the closed ones. */
  close(shardIndex: number): void {
    const batch = this.#takeOpen(shardIndex);
    if (!batch) return;
    this.#typicalBytes[shardIndex] = Math.max(OPEN_BYTES_MIN, Math.min(batch.bytes, this.#shareBytes / 2));
    this.#ready[shardIndex]!.push(batch);
    this.#onClosed(this.shards[shardIndex]!.shardId, batch);
  }

  /** Bounds the payload of batches that are filled from now on. */
  limitPayload(bytesMax: number): void {
    for (let i = 0; i < this.shards.length; i++)
      this.table.rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.PAYLOAD_BYTES_MAX] = bytesMax;
  }

  /** The batch that is next for a shard, which stays in the queue; null when none is closed. */
  peek(shardIndex: number): Batch | null {
    return this.#ready[shardIndex]![0] ?? null;
  }

  /** Takes the next batch out. Its memory still counts as the shard's until `release`. */
  shift(shardIndex: number): Batch {
    return this.#ready[shardIndex]!.shift()!;
  }

  /** Puts a batch back at the head of its shard's queue. */
  unshift(shardIndex: number, batch: Batch): void {
    this.#ready[shardIndex]!.unshift(batch);
  }

  /**
   * Adds the records of a small refused batch to the open one where they fit, so that retries travel with fresh records.
   * @returns False when they do not fit: `unshift` it then.
   */
  mergeIntoOpen(shardIndex: number, batch: Batch): boolean {
    const open = this.table.buffers[shardIndex];
    const used = this.#column(shardIndex, SHARD_ROW.USED_BYTES);
    const fits =
      open &&
      used + batch.bytes <= open.byteLength &&
      this.openCount(shardIndex) + batch.count <= this.#column(shardIndex, SHARD_ROW.COUNT_MAX) &&
      this.#column(shardIndex, SHARD_ROW.PAYLOAD_BYTES) + batch.payloadBytes <=
        this.#column(shardIndex, SHARD_ROW.PAYLOAD_BYTES_MAX);
    if (!fits) return false;
    open.set(batch.buffer.subarray(0, batch.bytes), used);
    this.#add(shardIndex, batch);
    this.release(shardIndex, batch);
    return true;
  }

  /**
   * Adds the records of a refused batch to the first one that waits where they fit, so that a storm of refusals does not leave a
   * queue of ever smaller requests. @returns False when they do not fit: `unshift` it then.
   */
  mergeIntoFirst(shardIndex: number, batch: Batch): boolean {
    const first = this.peek(shardIndex);
    const fits =
      first &&
      // Records of a refused request travel with no others, or the next refusal would say nothing.
      !first.suspicion &&
      first.failures === batch.failures &&
      first.bytes + batch.bytes <= first.buffer.byteLength &&
      first.count + batch.count <= this.#column(shardIndex, SHARD_ROW.COUNT_MAX) &&
      first.payloadBytes + batch.payloadBytes <= this.#column(shardIndex, SHARD_ROW.PAYLOAD_BYTES_MAX);
    if (!fits) return false;
    first.buffer.set(batch.buffer.subarray(0, batch.bytes), first.bytes);
    first.bytes += batch.bytes;
    first.count += batch.count;
    first.payloadBytes += batch.payloadBytes;
    first.isRetry ||= batch.isRetry;
    this.release(shardIndex, batch);
    return true;
  }

  /** Gives the memory of a batch back: its records are acknowledged, moved or dead-lettered. */
  release(shardIndex: number, batch: Batch): void {
    this.#heldBytes[shardIndex]! -= batch.buffer.byteLength;
    this.#pool.give(batch.buffer);
  }

  /** Takes a batch off its shard's share: it waits elsewhere until it is adopted. Its memory stays out of the pool. */
  disown(shardIndex: number, batch: Batch): void {
    this.#heldBytes[shardIndex]! -= batch.buffer.byteLength;
  }

  /** A batch of its own for records taken out of another one. Passes the budget: it exists only while its request does. */
  fork(shardIndex: number, bytes: number, from: Batch): Batch {
    const buffer = this.#pool.take(bytes, true)!;
    this.#heldBytes[shardIndex]! += buffer.byteLength;
    return { ...from, buffer, bytes: 0, count: 0, payloadBytes: 0 };
  }

  /** Takes every waiting batch out, oldest first per shard: for a rebuild after a reshard. */
  takeAll(): Batch[] {
    const all: Batch[] = [];
    for (let i = 0; i < this.shards.length; i++) {
      if (this.table.buffers[i]) this.#retire(i);
      all.push(...this.#ready[i]!.splice(0));
      this.#heldBytes[i] = 0;
    }
    return all;
  }

  /**
   * Sorts frames that waited for other shards into these queues, keeping their order, past every limit of memory: they had it
   * before.
   * @param lane Holds the frames and nothing else.
   * @param bytes Size of all of them.
   */
  adopt(lane: SharedArrayBuffer, bytes: number, codec: Codec, nowMs: number): void {
    for (;;) {
      const result = codec.drain(lane, this.table);
      if (result.status !== 'shard-full') return;
      if (this.table.buffers[result.shardIndex]) this.#retire(result.shardIndex);
      this.#install(result.shardIndex, this.#pool.take(Math.max(result.frameBytes, bytes), true)!);
      this.#openedAtMs[result.shardIndex] = nowMs;
    }
  }

  #column(shardIndex: number, column: number): number {
    return this.table.rows[shardIndex * SHARD_ROW.COLUMNS + column]!;
  }

  #install(shardIndex: number, buffer: Uint8Array): void {
    this.table.buffers[shardIndex] = buffer;
    this.#heldBytes[shardIndex]! += buffer.byteLength;
    const row = shardIndex * SHARD_ROW.COLUMNS;
    this.table.rows[row + SHARD_ROW.CAPACITY_BYTES] = buffer.byteLength;
    this.table.rows[row + SHARD_ROW.USED_BYTES] = 0;
    this.table.rows[row + SHARD_ROW.COUNT] = 0;
    this.table.rows[row + SHARD_ROW.PAYLOAD_BYTES] = 0;
  }

  /** Closes the open batch, or gives its buffer back when it holds nothing. */
  #retire(shardIndex: number): void {
    if (this.openCount(shardIndex) > 0) {
      this.close(shardIndex);
      return;
    }
    const buffer = this.table.buffers[shardIndex]!;
    this.table.buffers[shardIndex] = null;
    this.#heldBytes[shardIndex]! -= buffer.byteLength;
    this.#pool.give(buffer);
  }

  #add(shardIndex: number, batch: Batch): void {
    const row = shardIndex * SHARD_ROW.COLUMNS;
    this.table.rows[row + SHARD_ROW.USED_BYTES]! += batch.bytes;
    this.table.rows[row + SHARD_ROW.COUNT]! += batch.count;
    this.table.rows[row + SHARD_ROW.PAYLOAD_BYTES]! += batch.payloadBytes;
  }

  /**
   * A shard may hold its share of the memory, and beyond it twice what is free: where the lines of a key lie together, one shard after
   * the other gets most of them, and one that fills its share stops the lane for all (bench/clustered.ts).
   */
  #mayHold(shardIndex: number, moreBytes: number): boolean {
    const held = this.#heldBytes[shardIndex]!;
    const freeBytes = this.#pool.budgetBytes - this.#pool.outBytes - moreBytes;
    return held === 0 || held + moreBytes <= Math.max(this.#shareBytes, FREE_PART * freeBytes);
  }

  #grow(shardIndex: number, frameBytes: number): boolean {
    const old = this.table.buffers[shardIndex]!;
    const used = this.#column(shardIndex, SHARD_ROW.USED_BYTES);
    if (used + frameBytes > FRAMES_BYTES_MAX) return false;
    if (!this.#mayHold(shardIndex, old.byteLength)) return false;
    const larger = this.#pool.take(Math.max(old.byteLength * 2, used + frameBytes));
    if (!larger) return false;
    larger.set(old.subarray(0, used));
    this.#heldBytes[shardIndex]! += larger.byteLength - old.byteLength;
    this.table.buffers[shardIndex] = larger;
    this.table.rows[shardIndex * SHARD_ROW.COLUMNS + SHARD_ROW.CAPACITY_BYTES] = larger.byteLength;
    this.#pool.give(old);
    return true;
  }

  #takeOpen(shardIndex: number): Batch | null {
    const buffer = this.table.buffers[shardIndex];
    if (!buffer) return null;
    const batch: Batch = {
      buffer,
      bytes: this.#column(shardIndex, SHARD_ROW.USED_BYTES),
      count: this.#column(shardIndex, SHARD_ROW.COUNT),
      payloadBytes: this.#column(shardIndex, SHARD_ROW.PAYLOAD_BYTES),
      failures: 0,
      isRetry: false,
    };
    if (batch.count === 0) return null;
    this.table.buffers[shardIndex] = null;
    for (const column of [
      SHARD_ROW.CAPACITY_BYTES,
      SHARD_ROW.USED_BYTES,
      SHARD_ROW.COUNT,
      SHARD_ROW.PAYLOAD_BYTES,
    ]) {
      this.table.rows[shardIndex * SHARD_ROW.COLUMNS + column] = 0;
    }
    return batch;
  }
}
