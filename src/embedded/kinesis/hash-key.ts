/**
 * HashKey: from a partition key or an explicit hash key to a place in the ring of 2^128 hash keys, and from there to a shard.
 * Owns  an MD5 for short messages. `crypto.hash('md5')` costs 400 to 900 ns a key on Node 24, this one about 150 ns: at 300,000
 *       records a second that is the difference between a tenth and a third of a core.
 * Never  keeps anything between calls but the four words of the last hash.
 */
import { hash } from 'node:crypto';
import { RECORD } from '../../base/limits.ts';

/** The 128 bits of the hash key found last, most significant word first. Read it before the next call. */
export const words = new Uint32Array(4);

const SHIFTS = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21];
const SINES = Int32Array.from({ length: 64 }, (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0);
const block = new Int32Array(16);
const blockBytes = new Uint8Array(block.buffer);
/** Longest message that one MD5 block holds with its padding. RFC 1321, section 3.1. */
const SHORT_BYTES_MAX = 55;

/** The bytes of a word in reverse: MD5 is little-endian, hash keys are read as big-endian numbers. */
function swap(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

const ROUND_SOURCE = (() => {
  // Unrolled once at load: constants in the text let the compiler keep the four words in registers.
  const lines: string[] = [];
  for (let i = 0; i < 64; i++) {
    const round = i >> 4;
    const mix = ['(b&c|~b&d)', '(d&b|~d&c)', '(b^c^d)', '(c^(b|~d))'][round]!;
    const word = [i, (5 * i + 1) & 15, (3 * i + 5) & 15, (7 * i) & 15][round]!;
    const shift = SHIFTS[round * 4 + (i & 3)]!;
    lines.push(`t=(a+${mix}+m[${word}]+${SINES[i]})|0;a=d;d=c;c=b;b=(b+(t<<${shift}|t>>>${32 - shift}))|0;`);
  }
  return `let a=0x67452301,b=-271733879,c=-1732584194,d=0x10325476,t=0;${lines.join('')}
    m[0]=a+0x67452301|0;m[1]=b-271733879|0;m[2]=c-1732584194|0;m[3]=d+0x10325476|0;`;
})();
const compress = new Function('m', ROUND_SOURCE) as (m: Int32Array) => void;

/** Sets `words` to the MD5 of `bytes[from, from + length)`. */
export function hashPartitionKey(bytes: Uint8Array, from: number, length: number): void {
  if (length > SHORT_BYTES_MAX) {
    const digest = hash('md5', bytes.subarray(from, from + length), 'buffer');
    for (let i = 0; i < 4; i++) words[i] = digest.readUInt32BE(i * 4);
    return;
  }
  block.fill(0);
  for (let i = 0; i < length; i++) blockBytes[i] = bytes[from + i]!;
  blockBytes[length] = 0x80;
  block[14] = length * 8;
  compress(block);
  for (let i = 0; i < 4; i++) words[i] = swap(block[i]!);
}

/** The four words of a hash key. */
export function toWords(key: bigint): Uint32Array {
  return Uint32Array.from([96n, 64n, 32n, 0n], (shift) => Number((key >> shift) & 0xffffffffn));
}

/**
 * A decimal hash key as a number.
 * @returns `undefined` where the text is not a decimal number from 0 to 2^128 - 1 without sign or leading zeros.
 */
export function parseHashKey(text: string): bigint | undefined {
  if (!/^(0|[1-9]\d{0,38})$/.test(text)) return undefined;
  const key = BigInt(text);
  return key <= RECORD.hashKeyMax ? key : undefined;
}

/**
 * Which range holds the hash key in `words`.
 * @param starts Four words per range, ascending; the first range starts at 0.
 */
export function findRange(starts: Uint32Array): number {
  let low = 0;
  let high = starts.length / 4 - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (atOrAfter(starts, middle * 4)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function atOrAfter(starts: Uint32Array, at: number): boolean {
  for (let i = 0; i < 3; i++) if (words[i] !== starts[at + i]) return words[i]! > starts[at + i]!;
  return words[3]! >= starts[at + 3]!;
}
