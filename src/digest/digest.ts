/**
 * Digest: a fingerprint of a multiset of records that does not depend on their order. A record is (partition key, data).
 * Takes  RECORD frames (src/record/frame.ts), or single records; a secret key of 16 bytes that a run draws and keeps.
 * Gives  count, bytes and two sums modulo 2^64. Multisets with equal sums are equal, except with a probability that docs/VERIFY.md bounds.
 * Owns   the choice between native code and its portable twin, and the memory that both work in.
 * Never  keeps a record: memory is 2 KiB, plus 24 bytes a bucket where buckets are wanted.
 */
import { createCipheriv } from 'node:crypto';
import { loadAddon } from '../native/load.ts';
import * as portable from './digest-portable.ts';
import { BUCKET_BYTES, DIGEST_STATE } from './digest-portable.ts';

/** What the native code and its twin offer. `state` is the memory that `createDigestState` made. */
export interface DigestKernel {
  digestFrames(state: Uint8Array, frames: Uint8Array, buckets?: Uint8Array, bucketBits?: number): void;
  digestRecord(state: Uint8Array, key: Uint8Array, data: Uint8Array): void;
  hashFrames(state: Uint8Array, frames: Uint8Array, out: Uint8Array): number;
}

export interface DigestSums {
  /** Records. */
  readonly count: number;
  /** Partition keys plus data. */
  readonly bytes: number;
  readonly sumA: bigint;
  readonly sumB: bigint;
}

export interface DigesterOptions {
  /** Default: native where it is built. */
  readonly kind?: 'native' | 'portable';
  /** 2^bucketBits buckets are kept beside the sums, 1 to 24; 0, the default, keeps none. */
  readonly bucketBits?: number;
  /** Memory for the buckets, `bucketTableBytes(bucketBits)` zeroed bytes on an 8-byte boundary; shared with another thread or not. */
  readonly buckets?: Uint8Array;
}

export interface Digester {
  readonly kind: 'native' | 'portable';
  /** Memory of the sums and keys, for native code that adds records on its own (src/native/record-digest.h). */
  readonly state: Uint8Array;
  /** Three u64 a bucket: count, sumA, sumB. Empty without buckets. */
  readonly buckets: Uint8Array;
  /** Adds every RECORD frame of a run of frames; other frames are skipped. */
  addFrames(frames: Uint8Array): void;
  /** Adds one record, to the sums only: it refuses a digester with buckets. @throws {TypeError} Then. */
  addRecord(key: Uint8Array, data: Uint8Array): void;
  /** Writes 16 bytes per RECORD frame, the two halves of its hash. Adds nothing. @returns How many. */
  hashFrames(frames: Uint8Array, out: Uint8Array): number;
  sums(): DigestSums;
  /** Forgets the records, keeps the key. */
  reset(): void;
}

export const DIGEST_KEY_BYTES = 16;

/** Bytes of a table of 2^bits buckets. */
export function bucketTableBytes(bits: number): number {
  return bits === 0 ? 0 : BUCKET_BYTES * 2 ** bits;
}

/** How many bits choose a bucket of this table. */
export function bucketBitsOf(table: Uint8Array): number {
  return Math.log2(table.byteLength / BUCKET_BYTES);
}

/**
 * A digester's memory, with the keys of its two hashes drawn from `key` by AES-128 in counter mode.
 * @param key Or what this has made of one: a thread that is given that need not load Node's cryptography.
 */
export function createDigestState(key: Uint8Array): Uint8Array {
  if (key.byteLength === DIGEST_STATE.BYTES) {
    const drawn = new Uint8Array(key);
    drawn.fill(0, 0, DIGEST_STATE.SIP_KEY);
    return drawn;
  }
  if (key.byteLength !== DIGEST_KEY_BYTES) {
    throw new RangeError(
      `Expected a digest key of ${DIGEST_KEY_BYTES} bytes, but received ${key.byteLength}`,
    );
  }
  const state = new Uint8Array(DIGEST_STATE.BYTES);
  const stream = createCipheriv('aes-128-ctr', key, new Uint8Array(16)).update(state);
  state.set(stream.subarray(0, 16), DIGEST_STATE.SIP_KEY);
  state.set(stream.subarray(16, 16 + DIGEST_STATE.BYTES - DIGEST_STATE.NH_KEY), DIGEST_STATE.NH_KEY);
  return state;
}

function chooseKernel(kind: DigesterOptions['kind']): { kernel: DigestKernel; kind: 'native' | 'portable' } {
  if (kind !== 'portable') {
    const { addon, reason } = loadAddon();
    // An addon of an older build may lack the functions: it counts as none.
    if (addon && 'hashFrames' in addon) return { kernel: addon as unknown as DigestKernel, kind: 'native' };
    if (kind === 'native')
      throw new Error(`Cannot digest natively: ${reason ?? 'the addon is of an older build'}`);
  }
  return { kernel: portable, kind: 'portable' };
}

/** @param key 16 secret random bytes, or a state made of them; the same key gives the same sums for the same records, on every machine. */
export function createDigester(key: Uint8Array, options: DigesterOptions = {}): Digester {
  const { kernel, kind } = chooseKernel(options.kind);
  const state = createDigestState(key);
  const bucketBits = options.bucketBits ?? 0;
  const buckets = options.buckets ?? new Uint8Array(bucketTableBytes(bucketBits));
  const cells = new DataView(state.buffer);
  return {
    kind,
    state,
    buckets,
    addFrames: (frames) =>
      bucketBits === 0
        ? kernel.digestFrames(state, frames)
        : kernel.digestFrames(state, frames, buckets, bucketBits),
    addRecord(recordKey, data) {
      if (bucketBits !== 0) throw new TypeError('Single records have no way into buckets: use addFrames');
      kernel.digestRecord(state, recordKey, data);
    },
    hashFrames: (frames, out) => kernel.hashFrames(state, frames, out),
    sums: () => ({
      count: Number(cells.getBigUint64(DIGEST_STATE.COUNT, true)),
      bytes: Number(cells.getBigUint64(DIGEST_STATE.PAYLOAD, true)),
      sumA: cells.getBigUint64(DIGEST_STATE.SUM_A, true),
      sumB: cells.getBigUint64(DIGEST_STATE.SUM_B, true),
    }),
    reset() {
      state.fill(0, 0, DIGEST_STATE.SIP_KEY);
      buckets.fill(0);
    },
  };
}

/** The sums of two disjoint parts of one multiset, taken with the same key. */
export function addSums(one: DigestSums, other: DigestSums): DigestSums {
  return {
    count: one.count + other.count,
    bytes: one.bytes + other.bytes,
    sumA: BigInt.asUintN(64, one.sumA + other.sumA),
    sumB: BigInt.asUintN(64, one.sumB + other.sumB),
  };
}

/** Whether two multisets, digested with the same key, are equal (see docs/VERIFY.md for how surely). */
export function sumsEqual(one: DigestSums, other: DigestSums): boolean {
  return (
    one.count === other.count &&
    one.bytes === other.bytes &&
    one.sumA === other.sumA &&
    one.sumB === other.sumB
  );
}
