/**
 * Portable digest: the JavaScript twin of src/native/record-digest.h, with equal results and no BigInt on its way.
 * Takes  RECORD frames (src/record/frame.ts) and a digester's memory (DIGEST_STATE).
 * Gives  hashes of records, sums over them.
 * Owns   nothing: all state is in the memory that it is given.
 * Never  allocates per record. See docs/VERIFY.md for what is computed and why it is sound.
 */
import { FRAME, FRAME_KIND } from '../record/frame.ts';

/** Byte offsets in a digester's memory; `BYTES` is its size. Twin of RecordDigestState. */
export const DIGEST_STATE = {
  COUNT: 0,
  PAYLOAD: 8,
  SUM_A: 16,
  SUM_B: 24,
  SIP_KEY: 32,
  NH_KEY: 64,
  BYTES: 64 + 2080,
} as const;
/** Bytes of one bucket: three u64, count, sumA, sumB. */
export const BUCKET_BYTES = 24;

const BLOCK_BYTES = 1024;
const STRIPE_BYTES = 32;
const STRIPE_WORDS = 8;
/** Longest message of one record: two NH sums per KiB of the largest record, lengths and SipHash's own last word, as u32. */
const MESSAGE_WORDS_MAX = 4 * (64 * 1024) + 4;

const message = new Uint32Array(MESSAGE_WORDS_MAX);
/** The hash of the last record: a low, a high, b low, b high. */
const hash = new Uint32Array(4);

/**
 * SipHash-2-4 with 128 bits out, over words of 64 bits given as (low, high) pairs, the last of them the length word.
 * @param key Four u32.
 * @see Aumasson, Bernstein: SipHash, a fast short-input PRF (2012); vectors of the reference implementation.
 */
export function sipHash128(key: Uint32Array, words: Uint32Array, wordCount: number, out: Uint32Array): void {
  let v0l = key[0]! ^ 0x70736575;
  let v0h = key[1]! ^ 0x736f6d65;
  let v1l = key[2]! ^ 0x6e646f6d ^ 0xee;
  let v1h = key[3]! ^ 0x646f7261;
  let v2l = key[0]! ^ 0x6e657261;
  let v2h = key[1]! ^ 0x6c796765;
  let v3l = key[2]! ^ 0x79746573;
  let v3h = key[3]! ^ 0x74656462;
  for (let step = 0; step < wordCount + 2; step++) {
    const isWord = step < wordCount;
    if (isWord) {
      v3l ^= words[2 * step]!;
      v3h ^= words[2 * step + 1]!;
    } else if (step === wordCount) v2l ^= 0xee;
    else v1l ^= 0xdd;
    for (let round = isWord ? 2 : 4; round > 0; round--) {
      let low = (v0l >>> 0) + (v1l >>> 0);
      v0h = (v0h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      v0l = low | 0;
      let swap = (v1l << 13) | (v1h >>> 19);
      v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
      v1l = swap ^ v0l;
      swap = v0l;
      v0l = v0h;
      v0h = swap;
      low = (v2l >>> 0) + (v3l >>> 0);
      v2h = (v2h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v2l = low | 0;
      swap = (v3l << 16) | (v3h >>> 16);
      v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
      v3l = swap ^ v2l;
      low = (v0l >>> 0) + (v3l >>> 0);
      v0h = (v0h + v3h + (low > 0xffffffff ? 1 : 0)) | 0;
      v0l = low | 0;
      swap = (v3l << 21) | (v3h >>> 11);
      v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
      v3l = swap ^ v0l;
      low = (v2l >>> 0) + (v1l >>> 0);
      v2h = (v2h + v1h + (low > 0xffffffff ? 1 : 0)) | 0;
      v2l = low | 0;
      swap = (v1l << 17) | (v1h >>> 15);
      v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
      v1l = swap ^ v2l;
      swap = v2l;
      v2l = v2h;
      v2h = swap;
    }
    if (isWord) {
      v0l ^= words[2 * step]!;
      v0h ^= words[2 * step + 1]!;
    } else {
      const at = step === wordCount ? 0 : 2;
      out[at] = v0l ^ v1l ^ v2l ^ v3l;
      out[at + 1] = v0h ^ v1h ^ v2h ^ v3h;
    }
  }
}

/** Sums of NH over one piece, as doubles: products of 32 by 16 bits stay exact for 32 pairs, then they are folded. */
class NhSum {
  private low = 0;
  private high = 0;

  reset(): void {
    this.low = 0;
    this.high = 0;
  }

  /**
   * Adds the products of one piece, padded with zeros to whole stripes.
   * @param key NH's key; `keyWord` is the word of it that meets the piece's first.
   */
  add(bytes: DataView, start: number, byteCount: number, key: Uint32Array, keyWord: number): void {
    const end = start + byteCount;
    let word = keyWord;
    for (let at = start; at < end; at += STRIPE_BYTES) {
      let lower = 0;
      let upper = 0;
      const isWhole = at + STRIPE_BYTES <= end;
      for (let i = 0; i < STRIPE_WORDS; i += 2) {
        const from = at + 4 * i;
        const m0 = isWhole || from + 4 <= end ? bytes.getUint32(from, true) : lastWord(bytes, from, end);
        const m1 =
          isWhole || from + 8 <= end ? bytes.getUint32(from + 4, true) : lastWord(bytes, from + 4, end);
        const x = (m0 + key[word + i]!) >>> 0;
        const y = (m1 + key[word + i + 1]!) | 0;
        lower += x * (y & 0xffff);
        upper += x * (y >>> 16);
      }
      this.low += (lower % 0x100000000) + (upper % 0x10000) * 0x10000;
      this.high += Math.floor(lower / 0x100000000) + Math.floor(upper / 0x10000);
      word += STRIPE_WORDS;
    }
  }

  /** Writes the sum modulo 2^64 as (low, high). */
  store(out: Uint32Array, at: number): void {
    out[at] = this.low % 0x100000000;
    out[at + 1] = (this.high + Math.floor(this.low / 0x100000000)) % 0x100000000;
  }
}

/** The word at `from`, of which only bytes before `end` exist; the others are zero. */
function lastWord(bytes: DataView, from: number, end: number): number {
  let word = 0;
  for (let at = Math.min(end, from + 4) - 1; at >= from; at--) word = (word << 8) | bytes.getUint8(at);
  return word;
}

const sumA = new NhSum();
const sumB = new NhSum();

/** A digester's memory, seen as numbers. */
export class DigestMemory {
  readonly u32: Uint32Array;
  readonly sipKey: Uint32Array;
  readonly nhKey: Uint32Array;
  /** @param state DIGEST_STATE.BYTES bytes that start on a 4-byte boundary. */
  constructor(state: Uint8Array) {
    this.u32 = new Uint32Array(state.buffer, state.byteOffset, DIGEST_STATE.BYTES / 4);
    this.sipKey = this.u32.subarray(DIGEST_STATE.SIP_KEY / 4, DIGEST_STATE.SIP_KEY / 4 + 4);
    this.nhKey = this.u32.subarray(DIGEST_STATE.NH_KEY / 4);
  }
}

/** Leaves the record's hash in `hash`. `keyBytes` and `dataBytes` count from `keyAt` and `dataAt`. */
function hashRecord(
  memory: DigestMemory,
  keyView: DataView,
  keyAt: number,
  keyBytes: number,
  dataView: DataView,
  dataAt: number,
  dataBytes: number,
): void {
  const longestBytes = Math.max(keyBytes, dataBytes);
  let words = 0;
  let start = 0;
  do {
    const keyPiece = Math.min(Math.max(keyBytes - start, 0), BLOCK_BYTES);
    const dataPiece = Math.min(Math.max(dataBytes - start, 0), BLOCK_BYTES);
    for (const [sum, shift] of [[sumA, 0] as const, [sumB, STRIPE_WORDS] as const]) {
      sum.reset();
      sum.add(keyView, keyAt + start, keyPiece, memory.nhKey, shift);
      sum.add(dataView, dataAt + start, dataPiece, memory.nhKey, BLOCK_BYTES / 4 + shift);
    }
    sumA.store(message, 4 * words);
    sumB.store(message, 4 * words + 2);
    words += 1;
    start += BLOCK_BYTES;
  } while (start < longestBytes);
  const at = 4 * words;
  message[at] = keyBytes;
  message[at + 1] = dataBytes;
  message[at + 2] = 0;
  // SipHash's own last word holds the message's length in bytes, modulo 256, in its top byte.
  message[at + 3] = ((16 * words + 8) & 0xff) << 24;
  sipHash128(memory.sipKey, message, 2 * words + 2, hash);
}

/** Adds a 64-bit number (low, high) to the u64 that starts at u32 index `at`. */
function add64(cells: Uint32Array, at: number, low: number, high: number): void {
  const sum = cells[at]! + low;
  cells[at] = sum;
  cells[at + 1] = cells[at + 1]! + high + (sum > 0xffffffff ? 1 : 0);
}

/** Calls `each` for every RECORD frame, with the record's hash in `hash`. */
function forEachRecord(memory: DigestMemory, frames: Uint8Array, each: (payloadBytes: number) => void): void {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  for (let at = 0; at < frames.byteLength; at += view.getUint32(at + FRAME.FRAME_BYTES, true)) {
    if (view.getUint8(at + FRAME.KIND) !== FRAME_KIND.RECORD) continue;
    const keyBytes = view.getUint16(at + FRAME.KEY_BYTES, true);
    const dataBytes = view.getUint32(at + FRAME.DATA_BYTES, true);
    const keyAt = at + FRAME.HEADER_BYTES;
    hashRecord(memory, view, keyAt, keyBytes, view, keyAt + keyBytes, dataBytes);
    each(keyBytes + dataBytes);
  }
}

function addHash(cells: Uint32Array, payloadBytes: number): void {
  add64(cells, DIGEST_STATE.COUNT / 4, 1, 0);
  add64(cells, DIGEST_STATE.PAYLOAD / 4, payloadBytes, 0);
  add64(cells, DIGEST_STATE.SUM_A / 4, hash[0]!, hash[1]!);
  add64(cells, DIGEST_STATE.SUM_B / 4, hash[2]!, hash[3]!);
}

/** Index of a hash's bucket: its top bits. @param aHigh Upper 32 bits of the hash's first half. @param bits 1 to 24. */
export function bucketOf(aHigh: number, bits: number): number {
  return aHigh >>> (32 - bits);
}

const memories = new WeakMap<Uint8Array, DigestMemory>();
function memoryOf(state: Uint8Array): DigestMemory {
  let memory = memories.get(state);
  if (!memory) {
    memory = new DigestMemory(state);
    memories.set(state, memory);
  }
  return memory;
}

/** Adds the records of `frames` to the state and, where buckets are given, to their buckets. */
export function digestFrames(
  state: Uint8Array,
  frames: Uint8Array,
  buckets?: Uint8Array,
  bucketBits = 0,
): void {
  const memory = memoryOf(state);
  const cells = buckets
    ? new Uint32Array(buckets.buffer, buckets.byteOffset, buckets.byteLength / 4)
    : undefined;
  forEachRecord(memory, frames, (payloadBytes) => {
    addHash(memory.u32, payloadBytes);
    if (!cells) return;
    const at = bucketOf(hash[1]!, bucketBits) * (BUCKET_BYTES / 4);
    add64(cells, at, 1, 0);
    add64(cells, at + 2, hash[0]!, hash[1]!);
    add64(cells, at + 4, hash[2]!, hash[3]!);
  });
}

/** Adds one record. */
export function digestRecord(state: Uint8Array, key: Uint8Array, data: Uint8Array): void {
  const memory = memoryOf(state);
  const keyView = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const dataView = new DataView(data.buffer, data.byteOffset, data.byteLength);
  hashRecord(memory, keyView, 0, key.byteLength, dataView, 0, data.byteLength);
  addHash(memory.u32, key.byteLength + data.byteLength);
}

/** Writes 16 bytes (a, b) per RECORD frame to `out`, adds nothing. @returns How many records. */
export function hashFrames(state: Uint8Array, frames: Uint8Array, out: Uint8Array): number {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  let count = 0;
  forEachRecord(memoryOf(state), frames, () => {
    for (let i = 0; i < 4; i++) view.setUint32(16 * count + 4 * i, hash[i]!, true);
    count += 1;
  });
  return count;
}
