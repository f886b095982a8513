/** CRC: the sums of S3, by their published check values, in pieces, without the addon, and put together of parts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CrcName, combineCrcs, crc, crcPortable, crcToBase64 } from '../../src/native/crc.ts';
import { loadAddon } from '../../src/native/load.ts';

// "123456789" is what the catalogues of CRC algorithms take.
describe.each<{ name: CrcName; check: bigint; base64: string }>([
  { name: 'CRC32', check: 0xcbf43926n, base64: 'y/Q5Jg==' },
  { name: 'CRC32C', check: 0xe3069283n, base64: '4waSgw==' },
  { name: 'CRC64NVME', check: 0xae8b14860a799888n, base64: 'rosUhgp5mIg=' },
])('$name', ({ name, check, base64 }) => {
  it('has the check value of the catalogue, written as S3 writes it', () => {
    const sum = crc(name, Buffer.from('123456789'), 0n);
    expect([sum, crcToBase64(name, sum)]).toEqual([check, base64]);
    expect(crcToBase64(name, 1n).length).toBe(base64.length);
  });

  it('is the same in pieces, in parts that are put together, and without the addon', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (one, other) => {
        const whole = crc(name, Buffer.concat([one, other]), 0n);
        const first = crc(name, one, 0n);
        expect(crc(name, other, first)).toBe(whole);
        expect(combineCrcs(name, first, crc(name, other, 0n), other.length)).toBe(whole);
        if (name !== 'CRC32') expect(crcPortable(name, other, crcPortable(name, one, 0n))).toBe(whole);
      }),
    );
  });

  it('is put together of parts of any size', () => {
    const part = Buffer.alloc(3 << 20, 'part');
    const sum = crc(name, part, 0n);
    const twice = combineCrcs(name, sum, sum, part.length);
    expect(twice).toBe(crc(name, part, sum));
  });
});

type NativeSum = (is64: number, before: bigint, bytes: Uint8Array) => bigint;
const { addon, reason } = loadAddon();

it.skipIf(addon === null)(
  `is the same by the processor's instructions and by tables, whatever the length and the place in memory${addon === null ? ` (not run: no addon, ${reason})` : ''}`,
  () => {
    const [fast, plain] = [addon!.crc, addon!.crcPlain] as unknown as NativeSum[];
    const memory = Uint8Array.from({ length: 1300 }, (_, i) => (i * 167) ^ (i >> 3));
    for (const is64 of [0, 1]) {
      const before = is64 === 1 ? 0x0123456789abcdefn : 0x89abcdefn;
      // Up to four chains, each of one chunk or four, and a rest of each length.
      for (let length = 0; length <= 1200; length++) {
        const bytes = memory.subarray(length % 17, (length % 17) + length);
        expect(fast!(is64, before, bytes)).toBe(plain!(is64, before, bytes));
      }
    }
    const long = Buffer.alloc((1 << 20) + 7, 'a long object');
    expect(fast!(1, 0n, long)).toBe(plain!(1, 0n, long));
    expect(fast!(0, 0n, long)).toBe(plain!(0, 0n, long));
  },
);
