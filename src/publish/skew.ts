/**
 * Skew: how the records of one publisher spread over its shards, and which keys most of them have.
 * Takes  batches, once each when they are closed; what each shard has acknowledged.
 * Gives  sums by shard, and a sketch of the most frequent hash keys.
 * Owns   the sketch: of one record in 64 the hash key is counted, in so many counters, and no other key is kept. Where all counters are
 *        taken every one of them loses one (Misra and Gries), so a count is too low by no more than 1/KEYS of what was looked at.
 * Never  walks a batch to its end: the records looked at are the first of a batch, as many as its size demands.
 */
import { FRAME } from '../ring/layout.ts';
import type { Batch } from './shard-queues.ts';

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
  /** The upper 64 bits of its hash key, in hexadecimal: of an MD5 the first half. */
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

interface Counter {
  readonly hash: bigint;
  readonly key: string | null;
  readonly shardId: string;
  count: number;
  seen: number;
  bytes: number;
}

const RECORDS_PER_LOOK = 64;
const KEYS = 256;
const KEYS_TOLD = 8;

export class Skew {
  readonly #watch: KeyWatch;
  readonly #shards = new Map<string, ShardTaken>();
  readonly #counters = new Map<number, Counter>();
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
  look(shardId: string, { buffer, count }: Batch): void {
    if (this.#watch === 'none') return;
    this.#due += count;
    if (this.#due < RECORDS_PER_LOOK) return;
    const looks = Math.min(count, Math.floor(this.#due / RECORDS_PER_LOOK));
    this.#due %= RECORDS_PER_LOOK;
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    let at = 0;
    for (let i = 0; i < looks; i++) {
      this.#count(shardId, bytes, at);
      at += bytes.readUInt32LE(at + FRAME.FRAME_BYTES);
    }
  }

  counts(): SkewCounts {
    const all = [...this.#counters.values()].sort((a, b) => b.count - a.count);
    const keys = all.slice(0, KEYS_TOLD).map(({ hash, key, shardId, count, seen, bytes }) => ({
      hash: hash.toString(16).padStart(16, '0'),
      key,
      shardId,
      count,
      recordBytes: bytes / seen,
    }));
    const shards = [...this.#shards.values()];
    return { shards, lookedAt: this.#lookedAt, lookedAtBytes: this.#lookedAtBytes, keys };
  }

  #count(shardId: string, bytes: Buffer, at: number): void {
    const keyBytes = bytes.readUInt16LE(at + FRAME.KEY_BYTES);
    const payloadBytes = keyBytes + bytes.readUInt32LE(at + FRAME.DATA_BYTES);
    // The upper 48 bits of the hash tell the keys of a run apart, and are a number.
    const short = bytes.readUIntLE(at + FRAME.HASH_HIGH + 2, 6);
    this.#lookedAt++;
    this.#lookedAtBytes += payloadBytes;
    const counter = this.#counters.get(short);
    if (counter !== undefined) {
      counter.count++;
      counter.seen++;
      counter.bytes += payloadBytes;
    } else if (this.#counters.size < KEYS) {
      const keyStart = at + FRAME.HEADER_BYTES;
      this.#counters.set(short, {
        hash: bytes.readBigUInt64LE(at + FRAME.HASH_HIGH),
        key: this.#watch === 'shown' ? bytes.toString('utf8', keyStart, keyStart + keyBytes) : null,
        shardId,
        count: 1,
        seen: 1,
        bytes: payloadBytes,
      });
    } else {
      for (const [key, other] of this.#counters) if (--other.count === 0) this.#counters.delete(key);
    }
  }
}
