/**
 * Hash: HalfSipHash-2-4 with 64 bits out, which says where in a lookup table a key lies.
 * Takes  a key of two words, which is secret and another one for each table: who chooses rows cannot choose them to collide.
 * Gives  two words.
 * @see Aumasson, Bernstein: SipHash (2012), and halfsiphash.c of its reference implementation, whose vectors the test has.
 */

/** The last hash: two words of 32 bits. */
export const hashWords = new Uint32Array(2);

/** Hashes bytes [from, from + length) into `hashWords`. */
export function halfSipHash(
  key0: number,
  key1: number,
  bytes: Uint8Array,
  from: number,
  length: number,
): void {
  let v0 = key0;
  let v1 = key1 ^ 0xee;
  let v2 = 0x6c796765 ^ key0;
  let v3 = 0x74656462 ^ key1;
  const end = from + length;
  const steps = (length >> 2) + 3;
  for (let step = 0, at = from; step < steps; step++, at += 4) {
    let word = 0;
    let rounds = 2;
    if (step < steps - 3)
      word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    else if (step === steps - 3) {
      word = length << 24;
      for (let shift = 0; at + (shift >> 3) < end; shift += 8) word |= bytes[at + (shift >> 3)]! << shift;
    } else {
      rounds = 4;
      if (step === steps - 2) v2 ^= 0xee;
      else {
        hashWords[0] = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    v3 ^= word;
    for (; rounds > 0; rounds--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    if (rounds === 0) v0 ^= word;
  }
  hashWords[1] = v1 ^ v3;
}
