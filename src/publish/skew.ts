/**
 * Skew: how the records of one publisher spread over its shards, and which keys most of them have.
 * Takes  batches, once each when they are closed; what each shard has acknowledged.
 * Gives  sums by shard, and a sketch of the most frequent hash keys.
 * Owns   the sketch: of one record in 64 the hash key is counted, in one of 1,024 slots. A slot is for the key that has most of its
 *        records (the majority vote of Boyer and Moore): a key's count is too low by the others of its slot, and never too high.
 * Never  walks a batch to its end: the records looked at are the first of a batch, as many as its size demands.
 */
import { FRAME } from '../record/frame.ts';
import type { Batch } from './batch.ts';
import { headerStart } from './entries.ts';

/** Which keys are looked at: none, where every record has a key of its own. `shown` keeps the keys themselves, too. */
export type KeyWatch = 'none' | 'hashed' | 'shown';

export interface ShardTaken {
  readonly shardId: string;
  records: number;
  /** Data plus key bytes. */
  bytes: number;
}

/** A key that many records have. */
export interface FrequentKey {
  /** The upper 48 bits of its hash key, in hexadecimal: the beginning of its MD5. */
  readonly hash: string;
  /** The key itself, where it may be shown. */
  readonly key: string | null;
  readonly shardId: string;
  /** Of the records that were looked at. */
  readonly count: number;
  /** Mean of data plus key bytes. */
  readonly recordBytes: number;
}

export interface SkewCounts {
  readonly shards: readonly ShardTaken[];
  /** Records that were looked at, and their data plus key bytes. */
  readonly lookedAt: number;
  readonly lookedAtBytes: number;
  /** The most frequent first. */
  readonly keys: readonly FrequentKey[];
}

const RECORDS_PER_LOOK = 64;
const SLOTS = 1024;
const KEYS_TOLD = 8;

export class Skew {
  readonly #watch: KeyWatch;
  readonly #shards = new Map<string, ShardTaken>();
  /** By slot: the key's hash, its votes, and how many records were looked at since it has had the slot, with their bytes. */
  readonly #hashes = new Float64Array(SLOTS);
  readonly #votes = new Int32Array(SLOTS);
  readonly #seen = new Int32Array(SLOTS);
  readonly #bytes = new Float64Array(SLOTS);
  readonly #slotShards: string[] = [];
  readonly #slotKeys: string[] = [];
  /** Records that have passed since one was looked at. */
  #due = 0;
  #lookedAt = 0;
  #lookedAtBytes = 0;

  constructor(watch: KeyWatch) {
    this.#watch = watch;
  }

  /** Adds what a shard has acknowledged. */
  take(shardId: string, records: number, bytes: number): void {
    const taken = this.#shards.get(shardId);
    if (taken === undefined) {
      this.#shards.set(shardId, { shardId, records, bytes });
      return;
    }
    taken.records += records;
    taken.bytes += bytes;
  }

  /** Looks at the first records of a batch. */
  look(shardId: string, { buffer, count, isEntries = false }: Batch): void {
    if (this.#watch === 'none') return;
    this.#due += count;
    if (this.#due < RECORDS_PER_LOOK) return;
    const looks = Math.min(count, Math.floor(this.#due / RECORDS_PER_LOOK));
    this.#due %= RECORDS_PER_LOOK;
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    let at = 0;
    for (let i = 0; i < looks; i++) {
      if (isEntries) at = headerStart(buffer, i);
      const sizeOrKey = bytes.readUInt32LE(at + FRAME.FRAME_BYTES);
      this.#count(shardId, bytes, at, isEntries ? sizeOrKey : at + FRAME.HEADER_BYTES);
      if (!isEntries) at += sizeOrKey;
    }
  }

  counts(): SkewCounts {
    const taken = Array.from(this.#votes.keys()).filter((slot) => this.#votes[slot]! > 0);
    const frequent = taken.toSorted((a, b) => this.#votes[b]! - this.#votes[a]!).slice(0, KEYS_TOLD);
    return {
      shards: [...this.#shards.values()],
      lookedAt: this.#lookedAt,
      lookedAtBytes: this.#lookedAtBytes,
      keys: frequent.map((slot) => ({
        hash: this.#hashes[slot]!.toString(16).padStart(12, '0'),
        key: this.#slotKeys[slot] ?? null,
        shardId: this.#slotShards[slot]!,
        count: this.#votes[slot]!,
        recordBytes: this.#bytes[slot]! / this.#seen[slot]!,
      })),
    };
  }

  #count(shardId: string, bytes: Buffer, at: number, keyStart: number): void {
    const keyBytes = bytes.readUInt16LE(at + FRAME.KEY_BYTES);
    const payloadBytes = keyBytes + bytes.readUInt32LE(at + FRAME.DATA_BYTES);
    const hash = bytes.readUIntLE(at + FRAME.HASH_HIGH + 2, 6);
    const slot = hash % SLOTS;
    this.#lookedAt++;
    this.#lookedAtBytes += payloadBytes;
    if (this.#votes[slot] === 0) {
      this.#hashes[slot] = hash;
      this.#seen[slot] = 0;
      this.#bytes[slot] = 0;
      this.#slotShards[slot] = shardId;
      if (this.#watch === 'shown')
        this.#slotKeys[slot] = bytes.toString('utf8', keyStart, keyStart + keyBytes);
    } else if (this.#hashes[slot] !== hash) {
      this.#votes[slot]!--;
      return;
    }
    this.#votes[slot]!++;
    this.#seen[slot]!++;
    this.#bytes[slot]! += payloadBytes;
  }
}
