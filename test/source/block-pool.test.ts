/** BlockPool: quotas hold, memory that came back last is used first, and whoever waits is woken when there is room for it. */
import { describe, expect, it } from 'vitest';
import { BlockPool, READ_PADDING_BYTES } from '../../src/source/block-pool.ts';

const options = { slotCount: 2, blocksPerSlot: 2, blockBytes: 64 };

it('gives each slot its quota, and nothing of another slot', () => {
  const [one, other] = new BlockPool(options).slots;
  const blocks = [one!.take(), one!.take(), other!.take(), other!.take()];
  expect(blocks.map((block) => block?.index).sort()).toEqual([0, 1, 2, 3]);
  expect([one!.take(), other!.take()]).toEqual([null, null]);
  for (const [i, block] of blocks.entries()) block!.bytes.fill(i);
  expect(blocks.map((block) => new Set(block!.bytes))).toEqual([0, 1, 2, 3].map((i) => new Set([i])));
});

it('leaves room to read past the last block and past a long line', () => {
  const pool = new BlockPool(options);
  const last = Math.max(...[0, 0, 1, 1].map((slot) => pool.slots[slot]!.take()!.byteOffset));
  expect(pool.memory.byteLength - (last + 64)).toBe(READ_PADDING_BYTES);
  expect(pool.slots[0]!.takeBig(1000)!.buffer.byteLength).toBe(1000 + READ_PADDING_BYTES);
  expect(pool.memory.byteLength).toBe(BlockPool.memoryBytes(options));
});

it('has room again when the last reference is released, not before', async () => {
  const [slot] = new BlockPool(options).slots;
  const block = slot!.take()!;
  slot!.take();
  block.references++;
  expect(slot!.take()).toBe(null);
  let isRoom = false;
  const room = slot!.room().then(() => {
    isRoom = true;
  });
  slot!.release(block);
  await Promise.resolve();
  expect([isRoom, slot!.take()]).toEqual([false, null]);
  slot!.release(block);
  await room;
  expect(slot!.take()).toBe(block);
});

it('wakes whoever waits for several blocks when so many are free', async () => {
  const [slot] = new BlockPool({ ...options, blocksPerSlot: 4 }).slots;
  const blocks = Array.from({ length: 4 }, () => slot!.take()!);
  expect(slot!.take()).toBe(null);
  let isRoom = false;
  const room = slot!.room(2).then(() => {
    isRoom = true;
  });
  slot!.release(blocks[0]!);
  await Promise.resolve();
  expect(isRoom).toBe(false);
  slot!.release(blocks[1]!);
  await room;
  expect([slot!.take(), slot!.take(), slot!.take()]).toEqual([blocks[1], blocks[0], null]);
});

it('gives one buffer for a long line at a time', async () => {
  const [slot] = new BlockPool(options).slots;
  const big = slot!.takeBig(100)!;
  expect([big.index, big.bytes.length, slot!.takeBig(100)]).toEqual([-1, 100, null]);
  const room = slot!.room();
  slot!.release(slot!.take()!); // a block does not help who waits for a long line
  expect(slot!.takeBig(100)).toBe(null);
  slot!.release(big);
  await room;
  expect(slot!.takeBig(100)).not.toBe(null);
});

it('ends all waiting when it is closed, now and later', async () => {
  const pool = new BlockPool(options);
  const [slot] = pool.slots;
  while (slot!.take() !== null);
  const room = slot!.room();
  pool.close(new Error('closed'));
  await expect(room).rejects.toThrow('closed');
  await expect(slot!.room()).rejects.toThrow('closed');
});

describe('fewer blocks out than there are', () => {
  const scarce = { ...options, slotCount: 3, blocksOutMax: 4 };

  it('uses the memory that came back last, whoever had it: the rest of it is never touched', () => {
    const [one, other] = new BlockPool(scarce).slots;
    const block = one!.take()!;
    one!.release(block);
    expect(other!.take()).toBe(block);
    expect(block.slot).toBe(other);
  });

  it('gives no more than may be out, but what a slot cannot do without', () => {
    const [one, other, third] = new BlockPool(scarce).slots;
    const out = [one!.take(), one!.take(), other!.take(), other!.take()];
    expect(out).not.toContain(null);
    expect(third!.take()).toBeNull();
    expect([third!.take(2), third!.take(2), third!.take(2)].map((block) => block?.references)).toEqual([
      1,
      1,
      undefined,
    ]);
  });

  it('wakes first who has waited longest, and only as many as there is room for', async () => {
    const [one, other, third] = new BlockPool(scarce).slots;
    const blocks = [one!.take()!, one!.take()!, other!.take()!];
    const woken: string[] = [];
    other!.take();
    const waits = [third!, other!].map((slot, i) => {
      expect(slot.take()).toBeNull();
      return slot.room().then(() => woken.push(['third', 'other'][i]!));
    });
    one!.release(blocks[0]!);
    await waits[0];
    expect(woken).toEqual(['third']);
    other!.release(blocks[2]!);
    await waits[1];
    expect(woken).toEqual(['third', 'other']);
    expect([third!.take(), other!.take(), one!.take()].map((block) => block === null)).toEqual([
      false,
      false,
      true,
    ]);
  });

  it.each([
    {
      what: 'in bursts: four for the first of four who wait, two for the first of three',
      inBursts: true,
      asMany: 4,
    },
    { what: 'otherwise: two for each, however many wait', inBursts: false, asMany: 2 },
  ])('gives blocks $what', async ({ inBursts, asMany }) => {
    const sizes = { slotCount: 6, blocksPerSlot: 4, blockBytes: 64, blocksOutMax: 8 };
    const slots = new BlockPool({ ...sizes, inBursts }).slots;
    const [busy, other] = [slots[4]!, slots[5]!];
    const blocks = [busy, busy, busy, busy, other, other, other, other].map((slot) => slot.take()!);
    const woken: number[] = [];
    const waits = slots.slice(0, 4).map((slot, i) => {
      expect(slot.take()).toBeNull();
      return slot.room(2, 4).then(() => woken.push(i));
    });
    const release = async () => {
      const block = blocks.shift()!;
      block.slot.release(block);
      await Promise.resolve();
    };
    for (let count = 0; count < asMany; count++) {
      expect(woken).toEqual([]);
      await release();
    }
    await waits[0];
    while (slots[0]!.take() !== null);
    expect(woken).toEqual([0]);
    await release();
    await release();
    await waits[1];
    expect(woken).toEqual([0, 1]);
  });

  it('wakes the next one when a slot that was woken rests without having taken anything', async () => {
    const [one, other, third] = new BlockPool(scarce).slots;
    const blocks = [one!.take()!, one!.take()!, other!.take()!];
    other!.take();
    const woken: string[] = [];
    const waits = [third!, other!].map((slot, i) => {
      expect(slot.take()).toBeNull();
      return slot.room().then(() => woken.push(['third', 'other'][i]!));
    });
    other!.release(blocks[2]!);
    await waits[0];
    third!.rest();
    await waits[1];
    expect(woken).toEqual(['third', 'other']);
  });

  it('lets a slot that needs all of its blocks wait for none of the others', async () => {
    const [one, other, third] = new BlockPool({ ...scarce, blocksPerSlot: 4 }).slots;
    while (one!.take(4) !== null);
    expect(other!.take()).toBeNull();
    expect(third!.take(4)).not.toBeNull();
    // As a compressed object does that waits for two: two are free for it, whatever is out.
    await third!.room(2);
    expect([third!.take(4), third!.take(4), third!.take(4), third!.take(4)].indexOf(null)).toBe(3);
  });

  it('refuses a limit that slots at rest could use up', () => {
    expect(() => new BlockPool({ ...scarce, blocksOutMax: 3 })).toThrow('keeps its open block');
  });

  it('a block that is free is not released again', () => {
    const [one] = new BlockPool(scarce).slots;
    const block = one!.take()!;
    one!.release(block);
    expect(() => block.slot.release(block)).toThrow('is not released');
  });
});
