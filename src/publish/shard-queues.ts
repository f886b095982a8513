/**
 * Shard queues: the records that wait for their shard, sorted into batches.
 * Takes  frames out of lanes (through the codec), and refused batches back.
 * Gives  the next batch of a shard.
 * Owns   the closed batches of each shard behind its open one (open-batches.ts), and the memory of all.
 * Never  sends, paces or reads a clock: see publisher.ts. A shard that may hold no more memory stops the lane, not its neighbours'
 *        batches.
 */

import type { OwnedShard } from '../record/hash-range.ts';
import type { Batch, BatchLimits } from './batch.ts';
import type { BufferPool } from './buffer-pool.ts';
import { type Codec, SHARD_ROW, type ShardTable } from './codec.ts';
import { type EntryForm, entriesExtent, framesBytesOf, writeFrames } from './entries.ts';
import { OpenBatches } from './open-batches.ts';

const OPEN_BYTES_MIN = 64 * 1024;
/** One full shard ends up with two thirds of the memory, two with two fifths each: something is always left for the others. */
const FREE_PART = 2;
/** Frames are longer than their payload by header, padding and key; a batch of tiny records may need this much more. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

export class ShardQueues {
  readonly shards: readonly OwnedShard[];
  readonly #open: OpenBatches;
  readonly #form: EntryForm | null;
  readonly #ready: Batch[][];
  readonly #heldBytes: number[];
  readonly #typicalBytes: number[];
  readonly #openedAtMs: number[];
  readonly #pool: BufferPool;
  readonly #shareBytes: number;
  readonly #onClosed: (shardId: string, batch: Batch) => void;

  /**
   * @param onClosed Told each batch when it is filled, before it is sent: records that are sent again are not told again, as a rule.
   * @param form In which batches are filled; null: frames.
   */
  constructor(
    shards: readonly OwnedShard[],
    limits: BatchLimits,
    pool: BufferPool,
    onClosed: (shardId: string, batch: Batch) => void = () => {},
    form: EntryForm | null = null,
  ) {
    this.shards = shards;
    this.#onClosed = onClosed;
    this.#pool = pool;
    this.#shareBytes = pool.budgetBytes / shards.length;
    this.#ready = shards.map(() => []);
    this.#heldBytes = shards.map(() => 0);
    this.#typicalBytes = shards.map(() => OPEN_BYTES_MIN);
    this.#openedAtMs = shards.map(() => 0);
    this.#form = form;
    this.#open = new OpenBatches(shards, limits, form);
  }

  /** What the codec fills. */
  get table(): ShardTable {
    return this.#open.table;
  }

  /** True when no record waits for any shard. */
  get isEmpty(): boolean {
    return this.shards.every((_, i) => this.#ready[i]!.length === 0 && this.openCount(i) === 0);
  }

  /** Records in the open batch of a shard. */
  openCount(shardIndex: number): number {
    return this.#open.column(shardIndex, SHARD_ROW.COUNT);
  }

  /** Closed batches of a shard. */
  closedCount(shardIndex: number): number {
    return this.#ready[shardIndex]!.length;
  }

  /** The closed batches of a shard, the next one first. They stay in the queue. */
  closed(shardIndex: number): readonly Batch[] {
    return this.#ready[shardIndex]!;
  }

  /** When the open batch of a shard got its buffer. Meaningless when `openCount` is 0. */
  openedAtMs(shardIndex: number): number {
    return this.#openedAtMs[shardIndex]!;
  }

  /**
   * Makes room for a frame that the codec could not place: grows the open batch or closes it and opens the next.
   * @returns False when the shard has its share of the memory, or all memory is lent out: wait until a batch is acknowledged.
   */
  makeRoom(shardIndex: number, needBytes: number, nowMs: number): boolean {
    const buffer = this.#open.buffer(shardIndex);
    const isAtLimit =
      this.#open.column(shardIndex, SHARD_ROW.COUNT) >= this.#open.column(shardIndex, SHARD_ROW.COUNT_MAX) ||
      this.#open.column(shardIndex, SHARD_ROW.USED_BYTES) + needBytes <=
        this.#open.column(shardIndex, SHARD_ROW.CAPACITY_BYTES);
    if (buffer && !isAtLimit && this.#grow(shardIndex, needBytes)) return true;
    if (buffer) this.#retire(shardIndex);
    const wantedBytes = Math.max(needBytes, this.#typicalBytes[shardIndex]!);
    if (!this.#mayHold(shardIndex, wantedBytes)) return false;
    const next = this.#pool.take(wantedBytes);
    if (!next) return false;
    this.#install(shardIndex, next);
    this.#openedAtMs[shardIndex] = nowMs;
    return true;
  }

  /** Moves the open batch, if it holds a record, behind the closed ones. */
  close(shardIndex: number): void {
    const batch = this.#open.peek(shardIndex);
    if (!batch) return;
    this.#open.clear(shardIndex);
    const bytes = batch.isEntries ? entriesExtent(batch, this.#form!) : batch.bytes;
    this.#typicalBytes[shardIndex] = Math.max(OPEN_BYTES_MIN, Math.min(bytes, this.#shareBytes / 2));
    this.#ready[shardIndex]!.push(batch);
    this.#onClosed(this.shards[shardIndex]!.shardId, batch);
  }

  /** Bounds the payload of batches that are filled from now on. */
  limitPayload(bytesMax: number): void {
    this.#open.limitPayload(bytesMax);
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
    if (!this.#open.buffer(shardIndex) || !this.#open.mayAdd(shardIndex, batch.count, batch.payloadBytes))
      return false;
    this.toFrames(shardIndex, batch);
    if (!this.#openFrames(shardIndex, batch.bytes)) return false;
    this.#open.append(shardIndex, batch);
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
      first.count + batch.count <= this.#open.column(shardIndex, SHARD_ROW.COUNT_MAX) &&
      first.payloadBytes + batch.payloadBytes <= this.#open.column(shardIndex, SHARD_ROW.PAYLOAD_BYTES_MAX);
    if (!fits) return false;
    this.toFrames(shardIndex, batch);
    this.toFrames(shardIndex, first);
    if (first.bytes + batch.bytes > first.buffer.byteLength) return false;
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
    return { ...from, buffer, bytes: 0, isEntries: false, prepared: null, count: 0, payloadBytes: 0 };
  }

  /** The frames of a batch, which stays as it is. They may be a copy. */
  framesOf(batch: Batch): Uint8Array {
    if (!batch.isEntries) return batch.buffer.subarray(0, batch.bytes);
    const frames = new Uint8Array(framesBytesOf(batch));
    writeFrames(batch, this.#form!, frames);
    return frames;
  }

  /** Makes a batch one of frames, past the budget: for retries in part, refusals and reshards. Nothing of it may be on its way. */
  toFrames(shardIndex: number, batch: Batch, roomBytes = 0): void {
    if (!batch.isEntries) return;
    const bytes = framesBytesOf(batch);
    const frames = this.#pool.take(bytes + roomBytes, true)!;
    writeFrames(batch, this.#form!, frames);
    this.#heldBytes[shardIndex]! += frames.byteLength;
    this.release(shardIndex, batch);
    Object.assign(batch, { buffer: frames, bytes, isEntries: false, prepared: null });
  }

  /** Takes every waiting batch out, oldest first per shard: for a rebuild after a reshard. */
  takeAll(): Batch[] {
    const all: Batch[] = [];
    for (let i = 0; i < this.shards.length; i++) {
      if (this.#open.buffer(i)) this.#retire(i);
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
      const { shardIndex, needBytes } = result;
      if (this.#open.buffer(shardIndex)) this.#retire(shardIndex);
      this.#install(shardIndex, this.#pool.take(Math.max(needBytes, bytes), true)!);
      this.#openedAtMs[shardIndex] = nowMs;
    }
  }

  #install(shardIndex: number, buffer: Uint8Array): void {
    this.#open.install(shardIndex, buffer);
    this.#heldBytes[shardIndex]! += buffer.byteLength;
  }

  /** Closes the open batch, or gives its buffer back when it holds nothing. */
  #retire(shardIndex: number): void {
    if (this.openCount(shardIndex) > 0) {
      this.close(shardIndex);
      return;
    }
    const buffer = this.#open.buffer(shardIndex)!;
    this.#open.clear(shardIndex);
    this.#heldBytes[shardIndex]! -= buffer.byteLength;
    this.#pool.give(buffer);
  }

  /** Makes the open batch one of frames with room for more of them. @returns False where there is no room. */
  #openFrames(shardIndex: number, moreBytes: number): boolean {
    const batch = this.#open.peek(shardIndex);
    if (batch?.isEntries) {
      this.toFrames(shardIndex, batch, moreBytes);
      this.#open.replace(shardIndex, batch);
    }
    if (batch === null) this.#open.install(shardIndex, this.#open.buffer(shardIndex)!, true);
    const usedBytes = this.#open.column(shardIndex, SHARD_ROW.USED_BYTES);
    return usedBytes + moreBytes <= this.#open.column(shardIndex, SHARD_ROW.CAPACITY_BYTES);
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

  #grow(shardIndex: number, needBytes: number): boolean {
    const oldBytes = this.#open.buffer(shardIndex)!.byteLength;
    const used = this.#open.column(shardIndex, SHARD_ROW.USED_BYTES);
    if (used + needBytes > BATCH_BYTES_MAX) return false;
    if (!this.#mayHold(shardIndex, oldBytes)) return false;
    const larger = this.#pool.take(Math.max(oldBytes * 2, used + needBytes));
    if (!larger) return false;
    this.#heldBytes[shardIndex]! += larger.byteLength - oldBytes;
    this.#pool.give(this.#open.move(shardIndex, larger));
    return true;
  }
}
