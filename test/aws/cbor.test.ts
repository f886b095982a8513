import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CborValue, cborHead, decodeCbor, decodeCborAt, encodeCbor } from '../../src/aws/cbor.ts';
import { encodeCbor as encodeApart } from '../publish/kinesis/answers.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const fields = (entries: Record<string, unknown>) => Object.assign(Object.create(null), entries);

describe('reading', () => {
  it.each([
    // most of them from RFC 8949, appendix A
    { bytes: '00', value: 0 },
    { bytes: '17', value: 23 },
    { bytes: '1818', value: 24 },
    { bytes: '1903e8', value: 1000 },
    { bytes: '1a000f4240', value: 1_000_000 },
    { bytes: '1b000000e8d4a51000', value: 1_000_000_000_000 },
    { bytes: '20', value: -1 },
    { bytes: '3903e7', value: -1000 },
    { bytes: 'f90000', value: 0 },
    { bytes: 'f93c00', value: 1 },
    { bytes: 'f93e00', value: 1.5 },
    { bytes: 'f90001', value: 2 ** -24 },
    { bytes: 'f9c400', value: -4 },
    { bytes: 'f97c00', value: Number.POSITIVE_INFINITY },
    { bytes: 'f97e00', value: Number.NaN },
    { bytes: 'fa47c35000', value: 100_000 },
    { bytes: 'fb3ff199999999999a', value: 1.1 },
    { bytes: 'f4', value: false },
    { bytes: 'f5', value: true },
    { bytes: 'f6', value: null },
    { bytes: 'f7', value: null },
    { bytes: 'f8ff', value: null },
    { bytes: 'c11a514b67b0', value: 1_363_896_240 },
    { bytes: '4401020304', value: hex('01020304') },
    { bytes: '5f42010243030405ff', value: hex('0102030405') },
    { bytes: '6449455446', value: 'IETF' },
    { bytes: '62c3bc', value: 'ü' },
    { bytes: '61ff', value: '\uFFFD' },
    { bytes: '7f657374726561646d696e67ff', value: 'streaming' },
    { bytes: '80', value: [] },
    { bytes: '8301820203820405', value: [1, [2, 3], [4, 5]] },
    { bytes: '9f018202039f0405ffff', value: [1, [2, 3], [4, 5]] },
    { bytes: '9f01820203ff', value: [1, [2, 3]] },
    { bytes: 'a26161016162820203', value: fields({ a: 1, b: [2, 3] }) },
    { bytes: 'bf61610161629f0203ffff', value: fields({ a: 1, b: [2, 3] }) },
    { bytes: 'bf6346756ef563416d7421ff', value: fields({ Fun: true, Amt: -2 }) },
    { bytes: 'bf7f616161 62ff01ff', value: fields({ ab: 1 }) },
    { bytes: 'a2 6161 01 6161 02', value: fields({ a: 2 }) },
    { bytes: 'bf6346756ef5695f5f70726f746f5f5f01ff', value: fields({ Fun: true, ['__proto__']: 1 }) },
  ])('reads $bytes', ({ bytes, value }) => {
    expect(decodeCbor(hex(bytes))).toEqual(value);
  });

  it.each([
    { bytes: '', why: 'nothing' },
    { bytes: '18', why: 'a cut number' },
    { bytes: '1903', why: 'a cut number of two bytes' },
    { bytes: '1c', why: 'a reserved length' },
    { bytes: 'fc', why: 'a reserved simple value' },
    { bytes: '0000', why: 'two items' },
    { bytes: '62', why: 'a text without its bytes' },
    { bytes: '6261', why: 'a cut text' },
    { bytes: '7b7fffffffffffffff61', why: 'a text of 2^63 bytes' },
    { bytes: '8301', why: 'a cut array' },
    { bytes: '9b7fffffffffffffff00', why: 'an array of 2^63 items' },
    { bytes: 'bb7fffffffffffffff00', why: 'a map of 2^63 pairs' },
    { bytes: '9f01', why: 'an array without its end' },
    { bytes: 'a161', why: 'a cut map' },
    { bytes: 'bf6161', why: 'a map without its end' },
    { bytes: 'bf6161ff', why: 'a map that ends after a key' },
    { bytes: 'a10101', why: 'a key that is a number' },
    { bytes: 'a141ff01', why: 'a key that is bytes' },
    { bytes: 'ff', why: 'a break alone' },
    { bytes: '81ff', why: 'a break in a definite array' },
    { bytes: '8201ff', why: 'a break at the end of a definite array' },
    { bytes: 'c1ff', why: 'a break in a tag' },
    { bytes: '7f4161ff', why: 'bytes within a text' },
    { bytes: '5f6161ff', why: 'a text within bytes' },
    { bytes: '5f41', why: 'a cut chunk' },
    { bytes: '7f7f6161ffff', why: 'chunks within chunks' },
    { bytes: '5f5fffff', why: 'no chunks within chunks' },
    { bytes: '1f', why: 'an integer without a value' },
    { bytes: 'df00', why: 'a tag without a value' },
    { bytes: '81'.repeat(34), why: 'arrays 34 deep' },
    { bytes: 'c1'.repeat(34), why: 'tags 34 deep' },
  ])('refuses $why', ({ bytes }) => {
    expect(() => decodeCbor(hex(bytes))).toThrow(RangeError);
  });

  it('nests 32 deep and no deeper', () => {
    expect(decodeCbor(hex(`${'81'.repeat(32)}00`))).toBeInstanceOf(Array);
    expect(() => decodeCbor(hex(`${'81'.repeat(33)}00`))).toThrow('nested deeper');
  });

  it('gives a timestamp as its number, or as a date where it is asked to', () => {
    const bytes = hex('c11b000001a013accc38');
    expect(decodeCbor(bytes)).toBe(1_787_036_486_712);
    expect(decodeCbor(bytes, { readsDates: true })).toEqual(new Date(1_787_036_486_712));
  });

  it('gives text that is no UTF-8 as its bytes where it is asked to, but names as text', () => {
    expect(decodeCbor(hex('8261ff6161'), { keepsBytes: true })).toEqual([hex('ff'), 'a']);
    expect(decodeCbor(hex('a161ff01'), { keepsBytes: true })).toEqual(fields({ '\uFFFD': 1 }));
  });

  it('reads the item that starts at a place, whatever follows it', () => {
    expect(decodeCborAt(hex('0182 0203 ff'), 1)).toEqual([2, 3]);
    expect(() => decodeCborAt(hex('01'), 1)).toThrow(RangeError);
    expect(() => decodeCborAt(hex('01'), 9)).toThrow(RangeError);
  });

  it('reads whatever was encoded by others, with lengths or without', () => {
    const anyValue = fc.jsonValue({ depthSize: 'small', noUnicodeString: false });
    fc.assert(
      fc.property(anyValue, fc.boolean(), (value, isIndefinite) => {
        const decoded = decodeCbor(encodeApart(value, isIndefinite));
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

describe('writing', () => {
  it('is read back as what it was', () => {
    const { any } = fc.letrec<{ any: CborValue }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'grapheme' }),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true }).filter((number) => !Number.isInteger(number)),
        fc.boolean(),
        fc.constant(null),
        fc.uint8Array().map((array) => Buffer.from(array)),
        fc.date({ noInvalidDate: true, min: new Date(0) }),
        fc.array(tie('any'), { maxLength: 30 }),
        fc.dictionary(fc.string({ maxLength: 30 }), tie('any'), { maxKeys: 30, noNullPrototype: false }),
      ),
    }));
    fc.assert(
      fc.property(any, (value) => {
        expect(decodeCbor(encodeCbor(value), { readsDates: true })).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out members that are undefined, and has null for an undefined item', () => {
    expect(decodeCbor(encodeCbor({ a: undefined, b: [undefined] }))).toEqual(fields({ b: [null] }));
  });

  it('writes a date as tagged milliseconds, as the service reads them', () => {
    expect(encodeCbor(new Date(1_363_896_240_000)).toString('hex')).toBe('c11b0000013d8e8d0780');
  });

  it('writes lengths in their shortest form', () => {
    const heads = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32].map((length) =>
      cborHead(0, length).toString('hex'),
    );
    expect(heads).toEqual([
      ...['00', '17', '1818', '18ff', '190100', '19ffff', '1a00010000', '1affffffff'],
      '1b0000000100000000',
    ]);
  });
});
