import { expect, it } from 'vitest';
import { hashKeyOf, parseHashKey } from '../../src/record/hash-key.ts';

const ALL_ONES = 0xffff_ffff_ffff_ffffn;

it.each([
  // The test suite of RFC 1321, appendix A.5.
  { key: '', hash: 0xd41d8cd98f00b204e9800998ecf8427en },
  { key: 'a', hash: 0x0cc175b9c0f1b6a831c399e269772661n },
  { key: 'message digest', hash: 0xf96b697d7cb7938d525a2f31aaf161d0n },
])('hashes "$key" as RFC 1321 does', ({ key, hash }) => {
  const { high, low } = hashKeyOf(Buffer.from(key));
  expect((high << 64n) | low).toBe(hash);
});

it.each([
  { text: '0', key: { high: 0n, low: 0n } },
  { text: '18446744073709551616', key: { high: 1n, low: 0n } },
  { text: '340282366920938463463374607431768211455', key: { high: ALL_ONES, low: ALL_ONES } },
  { text: '340282366920938463463374607431768211456', key: undefined },
  { text: '00', key: undefined },
  { text: '01', key: undefined },
  { text: '', key: undefined },
  { text: '-1', key: undefined },
  { text: '1.0', key: undefined },
  { text: '1e1', key: undefined },
  { text: '١', key: undefined },
])('reads "$text"', ({ text, key }) => {
  expect(parseHashKey(text)).toEqual(key);
});
