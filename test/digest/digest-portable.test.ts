import { expect, it } from 'vitest';
import { bucketOf, sipHash128 } from '../../src/digest/digest-portable.ts';

/** Messages 00 01 02 ... of n bytes (a multiple of 8) under the key 00 01 ... 0f. */
function sipOf(messageBytes: number): string {
  const key = new Uint32Array(Uint8Array.from({ length: 16 }, (_, i) => i).buffer);
  const words = new Uint32Array(messageBytes / 4 + 2);
  new Uint8Array(words.buffer).set(Uint8Array.from({ length: messageBytes }, (_, i) => i));
  words[words.length - 1] = messageBytes << 24;
  const out = new Uint32Array(4);
  sipHash128(key, words, words.length / 2, out);
  return Buffer.from(out.buffer).toString('hex');
}

it('agrees with the published vector of SipHash-2-4 with 128 bits for the empty message', () => {
  // First row of vectors_sip128 in the reference implementation (veorq/SipHash, vectors.h).
  expect(sipOf(0)).toBe('a3817f04ba25a8e66df67214c7550293');
});

it.each([
  { aHigh: 0xffffffff, bits: 1, bucket: 1 },
  { aHigh: 0x7fffffff, bits: 1, bucket: 0 },
  { aHigh: 0xffffffff, bits: 24, bucket: 2 ** 24 - 1 },
  { aHigh: 0x000000ff, bits: 24, bucket: 0 },
  { aHigh: 0x00000100, bits: 24, bucket: 1 },
])('puts hashes that start with $aHigh into bucket $bucket of 2^$bits', ({ aHigh, bits, bucket }) => {
  expect(bucketOf(aHigh, bits)).toBe(bucket);
});
