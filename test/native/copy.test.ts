import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyBytes } from '../../src/native/copy.ts';

it('copies as set() does, from and to any place, into shared memory and other', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4_096 }),
      fc.integer({ min: 0, max: 70 }),
      fc.integer({ min: 0, max: 70 }),
      fc.boolean(),
      (bytes, at, start, isShared) => {
        const size = at + bytes + 9;
        const to = new Uint8Array(isShared ? new SharedArrayBuffer(size) : new ArrayBuffer(size)).fill(1);
        const wanted = new Uint8Array(size).fill(1);
        const from = Uint8Array.from({ length: start + bytes }, (_, i) => i * 13).subarray(start);
        copyBytes(to, at, from);
        wanted.set(from, at);
        expect(Buffer.compare(to, wanted)).toBe(0);
      },
    ),
  );
});

it.each([8, 4_096])('refuses %d bytes that do not fit', (bytes) => {
  const to = new Uint8Array(bytes);
  expect(() => copyBytes(to, 1, new Uint8Array(bytes))).toThrow();
  expect(to.every((byte) => byte === 0)).toBe(true);
});
