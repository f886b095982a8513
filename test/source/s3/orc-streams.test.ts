/** ORC streams: the examples of the specification, and what is not what it should be. */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { booleansOf, integersV1, integersV2, OrcBytes } from '../../../src/source/s3/orc-streams.ts';

const PLAIN = { compression: 0, chunkBytesMax: 0 };
const streamOf = (...bytes: number[]) => new OrcBytes(Buffer.from(bytes), PLAIN);
const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('integers', () => {
  it.each([
    { name: 'a run', bytes: [0x61, 0x00, 0x07], values: times(100, 7) },
    {
      name: 'a falling run',
      bytes: [0x61, 0xff, 0x64],
      values: Array.from({ length: 100 }, (_, i) => 100 - i),
    },
    { name: 'literals', bytes: [0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b], values: [2, 3, 6, 7, 11] },
  ])('of version 1 come as $name', ({ bytes, values }) => {
    expect([...integersV1(streamOf(...bytes), false)]).toEqual(values);
  });

  it.each([
    { name: 'a short repeat', bytes: [0x0a, 0x27, 0x10], values: times(5, 10_000) },
    {
      name: 'direct values',
      bytes: [0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef],
      values: [23_713, 43_806, 57_005, 48_879],
    },
    {
      name: 'values above a base, one of them patched',
      bytes: [
        ...[0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46],
        ...[0x50, 0x5a, 0x64, 0x6e, 0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8],
      ],
      values: [
        ...[2030, 2000, 2020, 1_000_000, 2040, 2050, 2060, 2070, 2080, 2090],
        ...[2100, 2110, 2120, 2130, 2140, 2150, 2160, 2170, 2180, 2190],
      ],
    },
    {
      name: 'deltas',
      bytes: [0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46],
      values: [2, 3, 5, 7, 11, 13, 17, 19, 23, 29],
    },
  ])('of version 2 come as $name', ({ bytes, values }) => {
    expect([...integersV2(streamOf(...bytes), false)]).toEqual(values);
  });

  it('are signed where the column is', () => {
    // Zigzag: 1, 2, 3 are -1, 1, -2. A fixed delta of -1 from -2.
    expect([...integersV1(streamOf(0xfd, 1, 2, 3), true)]).toEqual([-1, 1, -2]);
    expect([...integersV2(streamOf(0xc0, 0x03, 0x03, 0x01), true)]).toEqual([-2, -3, -4, -5]);
  });
});

it('booleans are bits, highest first', () => {
  expect([...booleansOf(streamOf(0xff, 0x80))]).toEqual([true, ...times(7, false)]);
  expect([...booleansOf(streamOf(0x61, 0x00))]).toEqual(times(800, false));
});

describe('a compressed stream', () => {
  const chunk = (content: Buffer, isOriginal: boolean) => {
    const stored = isOriginal ? content : deflateRawSync(content);
    const header = Buffer.alloc(3);
    header.writeUIntLE(stored.length * 2 + (isOriginal ? 1 : 0), 0, 3);
    return Buffer.concat([header, stored]);
  };
  const zlib = { compression: 1, chunkBytesMax: 100 };

  it('is read across its chunks, packed or not', () => {
    const chunks = [
      chunk(Buffer.from('abc'), true),
      chunk(Buffer.from('d'.repeat(90)), false),
      chunk(Buffer.from('e'), true),
    ];
    expect(new OrcBytes(Buffer.concat(chunks), zlib).rest().toString()).toBe(`abc${'d'.repeat(90)}e`);
    const stream = new OrcBytes(Buffer.concat(chunks), zlib);
    expect([stream.take(5).toString(), stream.isAtEnd]).toEqual(['abcdd', false]);
  });

  it.each([
    { name: 'a chunk is cut', stored: chunk(Buffer.from('abc'), true).subarray(0, 5) },
    { name: 'more is wanted than there is', stored: chunk(Buffer.from('ab'), true) },
    { name: 'a chunk is larger than the file allows', stored: chunk(Buffer.alloc(101), false) },
  ])('is refused where $name', ({ stored }) => {
    expect(() => new OrcBytes(stored, zlib).take(3)).toThrow();
  });
});
