import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addSums,
  bucketTableBytes,
  createDigester,
  createDigestState,
  type DigesterOptions,
  type DigestSums,
  sumsEqual,
} from '../../src/digest/digest.ts';
import { loadAddon } from '../../src/native/load.ts';
import { framesOf, type TestRecord } from '../verify/frames.ts';

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i * 7 + 1);
const { addon, reason } = loadAddon();
const KINDS = addon === null ? (['portable'] as const) : (['native', 'portable'] as const);
/** Says in the name why a case is not run where there is no addon. */
const itNative = (name: string, test: () => void) =>
  it.skipIf(addon === null)(addon === null ? `${name} (not run: ${reason})` : name, test);

function sumsOf(
  records: readonly TestRecord[],
  options: DigesterOptions = {},
  key: Uint8Array = KEY,
): DigestSums {
  const digester = createDigester(key, options);
  digester.addFrames(framesOf(records));
  return digester.sums();
}

const bytes = (maxLength: number) => fc.uint8Array({ maxLength, size: 'max' });
const record = fc.record({ key: bytes(300), data: bytes(2500) });

itNative('gives the same sums natively and portably, for any records', () => {
  fc.assert(
    fc.property(
      fc.array(record, { maxLength: 20 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      (records, key) => {
        expect(sumsOf(records, { kind: 'native' }, key)).toEqual(sumsOf(records, { kind: 'portable' }, key));
      },
    ),
  );
});

itNative('gives the same sums natively and portably at every length around stripes and blocks', () => {
  const around = [0, 1, 3, 4, 7, 8, 9, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 2047, 2048, 2049, 70_000];
  for (const keyBytes of around.filter((length) => length < 65_536)) {
    for (const dataBytes of around) {
      const records = [
        { key: new Uint8Array(keyBytes).fill(0xfe), data: new Uint8Array(dataBytes).fill(0x81) },
      ];
      expect([keyBytes, dataBytes, sumsOf(records, { kind: 'native' })]).toEqual([
        keyBytes,
        dataBytes,
        sumsOf(records, { kind: 'portable' }),
      ]);
    }
  }
});

it('what was made of a key serves as the key, and keeps none of what a digester has added to it', () => {
  const records = [{ key: Uint8Array.of(1, 2), data: Uint8Array.of(3) }];
  const state = createDigestState(KEY);
  expect(sumsOf(records, {}, state)).toEqual(sumsOf(records));
  const used = createDigester(KEY);
  used.addFrames(framesOf(records));
  expect(sumsOf(records, {}, used.state)).toEqual(sumsOf(records));
  expect(() => createDigestState(new Uint8Array(17))).toThrow(RangeError);
});

describe.each(KINDS)('the %s digest', (kind) => {
  const base: TestRecord[] = Array.from({ length: 37 }, (_, i) => ({
    key: `key-${i}`,
    data: JSON.stringify({ id: i, text: 'x'.repeat(i * 40) }),
  }));
  const sums = (records: readonly TestRecord[]) => sumsOf(records, { kind });

  it('does not depend on order or on how records are cut into runs', () => {
    const digester = createDigester(KEY, { kind });
    for (const one of base.toReversed()) digester.addFrames(framesOf([one], 0));
    expect(digester.sums()).toEqual(sums(base));
  });

  it('gives a record the same hash whether it comes in a frame or on its own', () => {
    const digester = createDigester(KEY, { kind });
    for (const { key, data } of base) digester.addRecord(Buffer.from(key), Buffer.from(data));
    expect(digester.sums()).toEqual(sums(base));
  });

  it('adds up over parts', () => {
    expect(addSums(sums(base.slice(0, 5)), sums(base.slice(5)))).toEqual(sums(base));
  });

  it.each([
    { name: 'a record is missing', change: (all: TestRecord[]) => all.slice(1) },
    { name: 'a record is doubled', change: (all: TestRecord[]) => [...all, all[3]!] },
    { name: 'one is missing and another doubled', change: (all: TestRecord[]) => [...all.slice(1), all[3]!] },
    { name: 'a foreign record is added', change: (all: TestRecord[]) => [...all, { key: '', data: '' }] },
    {
      name: 'two records swap keys',
      change: (all: TestRecord[]) => [
        { key: all[0]!.key, data: all[1]!.data },
        { key: all[1]!.key, data: all[0]!.data },
        ...all.slice(2),
      ],
    },
    {
      name: 'a byte moves from key to data',
      change: (all: TestRecord[]) => [{ key: 'key-', data: `0${all[0]!.data}` }, ...all.slice(1)],
    },
    {
      name: 'a zero byte is appended',
      change: (all: TestRecord[]) => [{ key: all[0]!.key, data: `${all[0]!.data}\0` }, ...all.slice(1)],
    },
  ])('differs when $name', ({ change }) => {
    expect(sumsEqual(sums(change(base)), sums(base))).toBe(false);
  });

  it('differs for every single bit that is flipped in a record', () => {
    const key = Buffer.from('k'.repeat(9));
    const data = Buffer.from('d'.repeat(43));
    const seen = new Set([`${sums([{ key, data }]).sumA}`]);
    for (let bit = 0; bit < 8 * (key.length + data.length); bit++) {
      const whole = Buffer.concat([key, data]);
      whole[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(`${sums([{ key: whole.subarray(0, 9), data: whole.subarray(9) }]).sumA}`);
    }
    expect(seen.size).toBe(1 + 8 * (key.length + data.length));
  });

  it('differs for every length of a run of zeros', () => {
    const lengths = Array.from({ length: 200 }, (_, i) => i);
    const seen = lengths.map((length) => `${sums([{ key: 'k', data: new Uint8Array(length) }]).sumB}`);
    expect(new Set(seen).size).toBe(200);
  });

  it('sees the difference between two copies and none, which an exclusive or would not', () => {
    expect(sumsEqual(sums([base[0]!, base[0]!]), sums([]))).toBe(false);
  });

  it('depends on the key', () => {
    const other = KEY.map((byte, i) => (i === 15 ? byte ^ 1 : byte));
    expect(sumsEqual(sumsOf(base, { kind }, other), sums(base))).toBe(false);
  });

  it('keeps buckets that add up to the sums, each record in the bucket of its top bits', () => {
    const digester = createDigester(KEY, { kind, bucketBits: 6 });
    const frames = framesOf(base);
    digester.addFrames(frames);
    const hashes = new BigUint64Array(2 * base.length);
    expect(digester.hashFrames(frames, new Uint8Array(hashes.buffer))).toBe(base.length);
    const expected = new BigUint64Array(bucketTableBytes(6) / 8);
    for (let i = 0; i < base.length; i++) {
      const at = 3 * Number(hashes[2 * i]! >> 58n);
      expected[at]! += 1n;
      expected[at + 1]! += hashes[2 * i]!;
      expected[at + 2]! += hashes[2 * i + 1]!;
    }
    expect(new BigUint64Array(digester.buckets.buffer)).toEqual(expected);
    const total = (column: number) =>
      BigInt.asUintN(
        64,
        expected.filter((_, i) => i % 3 === column).reduce((sum, value) => sum + value, 0n),
      );
    expect([total(0), total(1), total(2)]).toEqual([37n, digester.sums().sumA, digester.sums().sumB]);
  });

  it('forgets the records but not the key when it is reset', () => {
    const digester = createDigester(KEY, { kind, bucketBits: 4 });
    digester.addFrames(framesOf(base.slice(9)));
    digester.reset();
    digester.addFrames(framesOf(base));
    expect(digester.sums()).toEqual(sums(base));
  });
});

it('refuses a key of another length', () => {
  expect(() => createDigester(new Uint8Array(15))).toThrow('16 bytes, but received 15');
});
