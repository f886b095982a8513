/** Spare blocks: as many are out as are wanted, each with one owner. */
import { expect, it } from 'vitest';
import { ENGINE } from '../../src/base/limits.ts';
import { createSpareMemory, SpareBlocks } from '../../src/parse/spare-blocks.ts';

it('are taken as long as they are wanted, each once, and again when they have come back', () => {
  const memory = createSpareMemory(3);
  const [main, one, other] = [new SpareBlocks(memory), new SpareBlocks(memory), new SpareBlocks(memory)];
  expect(one.take()).toBe(null);
  main.want(2);
  const taken = [one.take(), other.take(), one.take()];
  expect(taken.map((block) => block?.index)).toEqual([0, 1, undefined]);
  main.want(100);
  expect(other.take()?.index).toBe(2);
  expect(other.take()).toBe(null);
  main.giveBack(1);
  expect(one.take()?.index).toBe(1);
});

it('are not taken while there are more out than are wanted by now', () => {
  const blocks = new SpareBlocks(createSpareMemory(4));
  blocks.want(3);
  const taken = [blocks.take(), blocks.take(), blocks.take()];
  blocks.want(1);
  blocks.giveBack(taken[0]!.index);
  blocks.giveBack(taken[1]!.index);
  expect(blocks.take()).toBe(null);
  blocks.giveBack(taken[2]!.index);
  expect(blocks.take()?.index).toBe(0);
});

it('lie side by side in shared memory, with room behind the last for vectors', () => {
  const blocks = new SpareBlocks(createSpareMemory(2));
  const { bytes, byteOffset } = blocks.at(1);
  expect([bytes.length, bytes.byteOffset, byteOffset]).toEqual([
    ENGINE.blockBytes,
    ENGINE.blockBytes,
    ENGINE.blockBytes,
  ]);
  expect(blocks.memory.byteLength).toBeGreaterThan(2 * ENGINE.blockBytes);
});
