import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cborHead, decodeCbor, encodeCbor } from '../../../src/embedded/kinesis/cbor.ts';

const bytes = (hex: string) => Buffer.from(hex, 'hex');

it.each([
  // RFC 8949, appendix A, and what AWS adds to it.
  { name: 'an integer of eight bytes', hex: '1b000000e8d4a51000', value: 1000000000000 },
  { name: 'a negative integer', hex: '3903e7', value: -1000 },
  { name: 'a half float', hex: 'f93e00', value: 1.5 },
  { name: 'a small half float', hex: 'f90001', value: 2 ** -24 },
  { name: 'a single float', hex: 'fa47c35000', value: 100000 },
  { name: 'an indefinite array', hex: '9f01820203ff', value: [1, [2, 3]] },
  { name: 'an indefinite text', hex: '7f657374726561646d696e67ff', value: 'streaming' },
  { name: 'indefinite bytes', hex: '5f42010243030405ff', value: bytes('0102030405') },
  { name: 'null', hex: 'f6', value: null },
  { name: 'a timestamp, in milliseconds', hex: 'c11b000001a013accc38', value: new Date(1787036486712) },
])('reads $name', ({ hex, value }) => {
  expect(decodeCbor(bytes(hex))).toEqual(value);
});

it('reads a map of indefinite length, and keeps hostile names as plain members', () => {
  const map = decodeCbor(bytes('bf6346756ef5695f5f70726f746f5f5f01ff')) as Record<string, unknown>;
  expect(Object.entries(map)).toEqual([
    ['Fun', true],
    ['__proto__', 1],
  ]);
});

it.each([
  '',
  '18',
  '62',
  '6261',
  '9f01',
  'bf6161',
  'ff',
  '8201ff',
  '0101',
  '1c',
  '5f6161ff',
  'fc',
  `${'81'.repeat(70)}01`,
])('refuses %j as malformed', (hex) => {
  expect(() => decodeCbor(bytes(hex))).toThrow(SyntaxError);
});

it('writes lengths in their shortest form', () => {
  const heads = [0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32].map((n) =>
    cborHead(0, n).toString('hex'),
  );
  expect(heads).toEqual([
    '00',
    '17',
    '1818',
    '18ff',
    '190100',
    '19ffff',
    '1a00010000',
    '1affffffff',
    '1b0000000100000000',
  ]);
});

it('gives back what it wrote', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small' },
      fc.string({ unit: 'grapheme' }),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true }).filter((n) => !Number.isInteger(n)),
      fc.boolean(),
      fc.constant(null),
      fc.uint8Array().map((array) => Buffer.from(array)),
      fc.date({ noInvalidDate: true, min: new Date(0) }),
      fc.array(tie('any'), { maxLength: 5 }),
      fc.dictionary(fc.string(), tie('any'), { maxKeys: 5, noNullPrototype: false }),
    ),
  })).any;
  fc.assert(
    fc.property(value, (any) => {
      expect(decodeCbor(encodeCbor(any))).toEqual(any);
    }),
    { numRuns: 500 },
  );
});
