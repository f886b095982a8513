/**
 * Open batches: the batch of each shard that is being filled.
 * Takes  buffers. Gives  batches that are no longer filled.
 * Owns   the codec's ShardTable: it fills the batches, this says what stands in them.
 * Never  asks for memory or gives it back: see shard-queues.ts.
 */
import { type OwnedShard, packStarts } from '../record/hash-range.ts';
import type { Batch, BatchLimits } from './batch.ts';
import { SHARD_ROW, type ShardTable } from './codec.ts';
import { BATCH_FORM, type EntryForm, moveEntries } from './entries.ts';

export class OpenBatches {
  readonly table: ShardTable;
  readonly #form: EntryForm | null;

  constructor(shards: readonly OwnedShard[], limits: BatchLimits, form: EntryForm | null) {
    this.#form = form;
    const rows = new Uint32Array(shards.length * SHARD_ROW.COLUMNS);
    for (let i = 0; i < shards.length; i++) {
      rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.COUNT_MAX] = limits.recordCountMax;
      rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.PAYLOAD_BYTES_MAX] = limits.payloadBytesMax;
      rows[i * SHARD_ROW.COLUMNS + SHARD_ROW.FORM] = form === null ? BATCH_FORM.FRAMES : BATCH_FORM.ENTRIES;
    }
    this.table = { starts: packStarts(shards), rows, buffers: shards.map(() => null), form };
  }

  buffer(shardIndex: number): Uint8Array | null {
    return this.table.buffers[shardIndex]!;
  }

  column(shardIndex: number, column: number): number {
    return this.table.rows[shardIndex * SHARD_ROW.COLUMNS + column]!;
  }

  isEntries(shardIndex: number): boolean {
    return this.column(shardIndex, SHARD_ROW.FORM) === BATCH_FORM.ENTRIES;
  }

  /** Bounds the payload of batches that are filled from now on. */
  limitPayload(bytesMax: number): void {
    for (let i = 0; i < this.table.buffers.length; i++) this.#set(i, SHARD_ROW.PAYLOAD_BYTES_MAX, bytesMax);
  }

  /** Whether a shard's batch may hold this as well, as far as counts and payload go. */
  mayAdd(shardIndex: number, count: number, payloadBytes: number): boolean {
    return (
      this.column(shardIndex, SHARD_ROW.COUNT) + count <= this.column(shardIndex, SHARD_ROW.COUNT_MAX) &&
      this.column(shardIndex, SHARD_ROW.PAYLOAD_BYTES) + payloadBytes <=
        this.column(shardIndex, SHARD_ROW.PAYLOAD_BYTES_MAX)
    );
  }

  /** Opens a batch of the sink's own form, or of frames where it has none or those are asked for. */
  install(shardIndex: number, buffer: Uint8Array, asFrames = false): void {
    const isEntries = this.#form !== null && !asFrames;
    this.table.buffers[shardIndex] = buffer;
    this.#set(shardIndex, SHARD_ROW.FORM, isEntries ? BATCH_FORM.ENTRIES : BATCH_FORM.FRAMES);
    this.#set(shardIndex, SHARD_ROW.CAPACITY_BYTES, buffer.byteLength);
    this.#set(shardIndex, SHARD_ROW.USED_BYTES, isEntries ? this.#form!.openingBytes : 0);
    this.#set(shardIndex, SHARD_ROW.COUNT, 0);
    this.#set(shardIndex, SHARD_ROW.PAYLOAD_BYTES, 0);
  }

  /** Moves a batch to a larger buffer. @returns The one that it had. */
  move(shardIndex: number, larger: Uint8Array): Uint8Array {
    const old = this.buffer(shardIndex)!;
    const usedBytes = this.column(shardIndex, SHARD_ROW.USED_BYTES);
    if (this.isEntries(shardIndex))
      moveEntries(old, usedBytes, this.column(shardIndex, SHARD_ROW.COUNT), larger);
    else larger.set(old.subarray(0, usedBytes));
    this.table.buffers[shardIndex] = larger;
    this.#set(shardIndex, SHARD_ROW.CAPACITY_BYTES, larger.byteLength);
    return old;
  }

  /** The same records stand in another buffer, as frames. */
  replace(shardIndex: number, { buffer, bytes }: Batch): void {
    this.table.buffers[shardIndex] = buffer;
    this.#set(shardIndex, SHARD_ROW.FORM, BATCH_FORM.FRAMES);
    this.#set(shardIndex, SHARD_ROW.CAPACITY_BYTES, buffer.byteLength);
    this.#set(shardIndex, SHARD_ROW.USED_BYTES, bytes);
  }

  /** Copies the frames of another batch behind those of a batch of frames, which has room for them. */
  append(shardIndex: number, { buffer, bytes, count, payloadBytes }: Batch): void {
    const usedBytes = this.column(shardIndex, SHARD_ROW.USED_BYTES);
    this.buffer(shardIndex)!.set(buffer.subarray(0, bytes), usedBytes);
    this.#set(shardIndex, SHARD_ROW.USED_BYTES, usedBytes + bytes);
    this.#set(shardIndex, SHARD_ROW.COUNT, this.column(shardIndex, SHARD_ROW.COUNT) + count);
    const payload = this.column(shardIndex, SHARD_ROW.PAYLOAD_BYTES) + payloadBytes;
    this.#set(shardIndex, SHARD_ROW.PAYLOAD_BYTES, payload);
  }

  /** What stands in a shard's batch, or null where that is nothing. */
  peek(shardIndex: number): Batch | null {
    const count = this.column(shardIndex, SHARD_ROW.COUNT);
    if (count === 0) return null;
    return {
      buffer: this.buffer(shardIndex)!,
      bytes: this.column(shardIndex, SHARD_ROW.USED_BYTES),
      isEntries: this.isEntries(shardIndex),
      count,
      payloadBytes: this.column(shardIndex, SHARD_ROW.PAYLOAD_BYTES),
      failures: 0,
      isRetry: false,
    };
  }

  /** The shard has no batch any more. */
  clear(shardIndex: number): void {
    this.table.buffers[shardIndex] = null;
    for (const column of [
      SHARD_ROW.CAPACITY_BYTES,
      SHARD_ROW.USED_BYTES,
      SHARD_ROW.COUNT,
      SHARD_ROW.PAYLOAD_BYTES,
    ])
      this.#set(shardIndex, column, 0);
  }

  #set(shardIndex: number, column: number, value: number): void {
    this.table.rows[shardIndex * SHARD_ROW.COLUMNS + column] = value;
  }
}
