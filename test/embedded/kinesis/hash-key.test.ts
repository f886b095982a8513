import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  findRange,
  hashPartitionKey,
  parseHashKey,
  toWords,
  words,
} from '../../../src/embedded/kinesis/hash-key.ts';

const ring = 1n << 128n;
const found = () => words.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
const md5 = (bytes: Uint8Array) => BigInt(`0x${createHash('md5').update(bytes).digest('hex')}`);

it('hashes as MD5 does, on both sides of what one block holds', () => {
  for (let length = 0; length <= 130; length++) {
    const key = Buffer.alloc(length, 'key-é ');
    hashPartitionKey(Buffer.concat([Buffer.from('before'), key, Buffer.from('after')]), 6, length);
    expect(found(), `${length} bytes`).toBe(md5(key));
  }
});

it('finds the range that a search over whole numbers finds', () => {
  const hashKey = fc.bigInt({ min: 0n, max: ring - 1n });
  fc.assert(
    fc.property(fc.uniqueArray(hashKey, { maxLength: 20 }), hashKey, fc.boolean(), (cuts, key, isOnEdge) => {
      const starts = [0n, ...cuts.filter((cut) => cut > 0n)].sort((a, b) => (a < b ? -1 : 1));
      const wanted = isOnEdge ? starts[starts.length - 1]! : key;
      words.set(toWords(wanted));
      const flat = new Uint32Array(starts.length * 4);
      for (const [i, start] of starts.entries()) flat.set(toWords(start), i * 4);
      expect(findRange(flat)).toBe(starts.findLastIndex((start) => start <= wanted));
    }),
    { numRuns: 500 },
  );
});

it.each([
  { text: '0', key: 0n },
  { text: String(ring - 1n), key: ring - 1n },
  { text: String(ring), key: undefined },
  { text: '-1', key: undefined },
  { text: '01', key: undefined },
  { text: '1.0', key: undefined },
  { text: '', key: undefined },
  { text: '9'.repeat(39), key: undefined },
])('reads $text as the hash key $key', ({ text, key }) => {
  expect(parseHashKey(text)).toBe(key);
});
