import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/publish/buffer-pool.ts';

const KIB64 = 64 * 1024;

describe('BufferPool', () => {
  it.each([
    [1, KIB64],
    [KIB64, KIB64],
    [KIB64 + 1, 2 * KIB64],
  ])('gives %s bytes as %s', (bytes, size) => {
    expect(new BufferPool(1e9).take(bytes)!.byteLength).toBe(size);
  });

  it('says no one byte over its budget, and yes again when something came back', () => {
    const pool = new BufferPool(2 * KIB64);
    const first = pool.take(1)!;
    expect(pool.take(KIB64)).not.toBeNull();
    expect(pool.take(1)).toBeNull();
    pool.give(first);
    expect(pool.take(1)).toBe(first);
  });

  it('passes the budget for a must, and for one buffer when nothing else is out', () => {
    const pool = new BufferPool(KIB64);
    const large = pool.take(10 * KIB64)!;
    expect(pool.take(1)).toBeNull();
    const must = pool.take(1, true)!;
    expect(pool.outBytes).toBe(17 * KIB64);
    pool.give(large);
    pool.give(must);
    expect(pool.outBytes).toBe(0);
  });

  it('keeps what comes back for reuse, within its budget', () => {
    const pool = new BufferPool(40 * KIB64);
    const buffers = Array.from({ length: 40 }, () => pool.take(1)!);
    for (const buffer of buffers) pool.give(buffer);
    expect(buffers).toContain(pool.take(1));
    // 39 are spare and one is out: those that a larger one leaves no room for are let go.
    const large = pool.take(30 * KIB64)!;
    expect(large.byteLength).toBe(32 * KIB64);
    const again = Array.from({ length: 8 }, () => pool.take(1, true));
    expect(again.filter((buffer) => buffers.includes(buffer!))).toHaveLength(7);
  });

  it('makes as much shared memory as its budget and no more: what V8 does not count is not soon got back', () => {
    const pool = new BufferPool(3 * KIB64);
    const isShared = (buffer: Uint8Array | null) => buffer!.buffer instanceof SharedArrayBuffer;
    const small = [pool.take(1)!, pool.take(1)!, pool.take(1)!];
    expect(small.map(isShared)).toEqual([true, true, true]);
    for (const buffer of small) pool.give(buffer);
    // Those that a larger one leaves no room for are let go, and what is made then is counted.
    expect(isShared(pool.take(2 * KIB64))).toBe(false);
    expect(isShared(pool.take(1))).toBe(true);
    expect(isShared(pool.take(1, true))).toBe(false);
  });
});
