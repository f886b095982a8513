import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CborReader, type CborValue, decodeCbor, encodeCbor } from '../../src/aws/cbor.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

// Rows of RFC 8949, appendix A, and the chunked strings and containers of section 3.2.
it.each<[string, CborValue]>([
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1a000f4240', 1_000_000],
  ['1b000000e8d4a51000', 1_000_000_000_000],
  ['20', -1],
  ['3903e7', -1000],
  ['f93c00', 1],
  ['f90001', 2 ** -24],
  ['fa47c35000', 100_000],
  ['fb3ff199999999999a', 1.1],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['c11a514b67b0', 1_363_896_240],
  ['4401020304', hex('01020304')],
  ['6449455446', 'IETF'],
  ['62c3bc', 'ü'],
  ['83010203', [1, 2, 3]],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['bf61610161629f0203ffff', { a: 1, b: [2, 3] }],
  ['5f42010243030405ff', hex('0102030405')],
  ['7f657374726561646d696e67ff', 'streaming'],
])('reads %s', (text, value) => {
  const read = decodeCbor(hex(text));
  expect(read instanceof Uint8Array ? Uint8Array.from(read) : JSON.parse(JSON.stringify(read))).toEqual(
    value,
  );
});

it('reads back what it writes', () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
  );
  const { tree } = fc.letrec<{ tree: CborValue }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 30 }),
      fc.dictionary(fc.string({ maxLength: 30 }), tie('tree'), { maxKeys: 30, noNullPrototype: false }),
    ),
  }));
  fc.assert(
    fc.property(tree, (value) => {
      const written = encodeCbor(value);
      expect(JSON.stringify(decodeCbor(written))).toBe(JSON.stringify(value));
      const reader = new CborReader(written);
      reader.skip();
      expect(reader.at).toBe(written.length);
    }),
  );
});

it.each(['', '18', '1903', '62c3', '8301', 'a161', 'bf6161', '5f41', '1c', '5f5fffff'])(
  'refuses %s',
  (text) => {
    expect(() => decodeCbor(hex(text))).toThrow(RangeError);
  },
);

it('refuses what is nested deeper than any answer', () => {
  expect(() => decodeCbor(new Uint8Array(40).fill(0x81))).toThrow('nested deeper');
});

it('writes a date as tagged milliseconds, as the service reads them', () => {
  expect(encodeCbor(new Date(1_363_896_240_000)).toString('hex')).toBe('c11b0000013d8e8d0780');
});
