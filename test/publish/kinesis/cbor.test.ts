import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeCbor } from '../../../src/publish/kinesis/cbor.ts';
import { encodeCbor } from '../answers.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const fields = (entries: Record<string, unknown>) => Object.assign(Object.create(null), entries);

describe('decodeCbor', () => {
  it.each([
    // most of them from RFC 8949, appendix A
    { bytes: '00', value: 0 },
    { bytes: '17', value: 23 },
    { bytes: '1818', value: 24 },
    { bytes: '1903e8', value: 1000 },
    { bytes: '1a000f4240', value: 1_000_000 },
    { bytes: '1b000000e8d4a51000', value: 1_000_000_000_000 },
    { bytes: '3903e7', value: -1000 },
    { bytes: 'f90000', value: 0 },
    { bytes: 'f93c00', value: 1 },
    { bytes: 'f90001', value: 2 ** -24 },
    { bytes: 'f9c400', value: -4 },
    { bytes: 'f97c00', value: Number.POSITIVE_INFINITY },
    { bytes: 'f97e00', value: Number.NaN },
    { bytes: 'fa47c35000', value: 100_000 },
    { bytes: 'fb3ff199999999999a', value: 1.1 },
    { bytes: 'f4', value: false },
    { bytes: 'f5', value: true },
    { bytes: 'f6', value: null },
    { bytes: 'f7', value: undefined },
    { bytes: 'f8ff', value: undefined },
    { bytes: 'c11a514b67b0', value: 1_363_896_240 },
    { bytes: '4401020304', value: Uint8Array.of(1, 2, 3, 4) },
    { bytes: '5f42010243030405ff', value: Uint8Array.of(1, 2, 3, 4, 5) },
    { bytes: '62c3bc', value: 'ü' },
    { bytes: '7f657374726561646d696e67ff', value: 'streaming' },
    { bytes: '80', value: [] },
    { bytes: '8301820203820405', value: [1, [2, 3], [4, 5]] },
    { bytes: '9f018202039f0405ffff', value: [1, [2, 3], [4, 5]] },
    { bytes: 'a26161016162820203', value: fields({ a: 1, b: [2, 3] }) },
    { bytes: 'bf6346756ef563416d7421ff', value: fields({ Fun: true, Amt: -2 }) },
    { bytes: 'a2 6161 01 6161 02', value: fields({ a: 2 }) },
    { bytes: 'a1 69 5f5f70726f746f5f5f 01', value: fields({ ['__proto__']: 1 }) },
  ])('reads $bytes', ({ bytes, value }) => {
    expect(decodeCbor(hex(bytes))).toEqual(value);
  });

  it.each([
    { bytes: '', why: 'nothing' },
    { bytes: '18', why: 'a cut number' },
    { bytes: '1c', why: 'a reserved length' },
    { bytes: '0000', why: 'two items' },
    { bytes: '6261', why: 'a cut text' },
    { bytes: '7b7fffffffffffffff61', why: 'a text of 2^63 bytes' },
    { bytes: '9b7fffffffffffffff00', why: 'an array of 2^63 items' },
    { bytes: 'bb7fffffffffffffff00', why: 'a map of 2^63 pairs' },
    { bytes: '9f01', why: 'an array without its end' },
    { bytes: 'bf6161ff', why: 'a map that ends after a key' },
    { bytes: 'a10101', why: 'a key that is a number' },
    { bytes: 'ff', why: 'a break alone' },
    { bytes: '81ff', why: 'a break in a definite array' },
    { bytes: '7f4161ff', why: 'bytes within a text' },
    { bytes: '7f7f6161ffff', why: 'chunks within chunks' },
    { bytes: '1f', why: 'an integer without a value' },
    { bytes: 'df00', why: 'a tag without a value' },
    { bytes: '81'.repeat(34), why: 'arrays 34 deep' },
  ])('refuses $why', ({ bytes }) => {
    expect(() => decodeCbor(hex(bytes))).toThrow(RangeError);
  });

  it('nests 32 deep and no deeper', () => {
    expect(decodeCbor(hex(`${'81'.repeat(32)}00`))).toBeInstanceOf(Array);
    expect(() => decodeCbor(hex(`${'81'.repeat(33)}00`))).toThrow(RangeError);
  });

  it('gives back whatever was encoded, with lengths or without', () => {
    const anyValue = fc.jsonValue({ depthSize: 'small', noUnicodeString: false });
    fc.assert(
      fc.property(anyValue, fc.boolean(), (value, isIndefinite) => {
        const decoded = decodeCbor(encodeCbor(value, isIndefinite));
        expect(JSON.parse(JSON.stringify(decoded))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('answers random bytes with a value or a RangeError, and nothing else', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          decodeCbor(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          refused++;
        }
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(100);
  });
});
