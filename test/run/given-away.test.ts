/** Given away: idle parsers are what help is asked of, and an object ends behind the last of its lines, whoever scans them. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { PieceEnd } from '../../src/parse/setup.ts';
import { createSpareMemory, SpareBlocks } from '../../src/parse/spare-blocks.ts';
import { GivenAway, type PieceAtParser } from '../../src/run/given-away.ts';
import type { Block } from '../../src/source/block-pool.ts';
import type { Segment, SourceObject } from '../../src/source/object.ts';

const PARSERS = 4;
const object: SourceObject = {
  ...{ bucket: 'b', key: 'k', etag: '"e"', size: 100 << 20, lastModifiedMs: 0, storageClass: 'STANDARD' },
};
const segment: Segment = {
  ...{ object, objectIndex: 0, index: 0, start: 0, end: object.size, format: 'gzip', only: null },
};
let blocks: SpareBlocks;
let given: GivenAway;
/** The main thread's other view of the same memory: what a parser could take. */
const wanted = () => {
  const taken = [];
  for (let block = blocks.take(); block !== null; block = blocks.take()) taken.push(block.index);
  for (const index of taken) blocks.giveBack(index);
  return taken.length;
};
const pieceIn = (block: Block | null): PieceAtParser => {
  const place = { segment, start: 0, end: 10, objectOffset: 0, isLast: false };
  return block === null ? { ...place, block: {} as Block } : { ...place, block, isGiven: true };
};
const endOf = (piece: number, more: Partial<PieceEnd> = {}): PieceEnd => ({
  piece,
  error: null,
  state: 'open',
  ...more,
});

beforeEach(() => {
  blocks = new SpareBlocks(createSpareMemory(9));
  given = new GivenAway(blocks, PARSERS);
});

describe('lines are wanted', () => {
  it('of large objects alone, and of none where there is nobody to give them to', () => {
    expect(given.mayGive(object)).toBe(true);
    expect(given.mayGive({ ...object, size: 1 << 20 })).toBe(false);
    expect(new GivenAway(null, 1).mayGive(object)).toBe(false);
  });

  it('where a parser has no work of its own, two blocks at first', () => {
    given.look(PARSERS);
    expect(wanted()).toBe(0);
    given.look(PARSERS + 3);
    expect(wanted()).toBe(0);
    given.look(PARSERS - 1);
    expect(wanted()).toBe(2);
    given.look(1);
    expect(wanted()).toBe(2);
  });

  it('by one parser more for each 64 blocks that have found the others busy, as far as there are idle ones', () => {
    const wantedThen: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      for (let at = 0; at < 64 + 2 * (turn + 1) - 1; at++) given.begin(segment, 0, 1);
      for (let at = 0; at < 64 + 2 * (turn + 1) - 1; at++) given.endTask();
      given.look(2);
      wantedThen.push(wanted());
    }
    expect(wantedThen).toEqual([4, 4, 4]);
    given.look(1);
    expect(wanted()).toBe(6);
  });

  it('also while helpers are at work: what they do is not work of their own', () => {
    given.begin(segment, 0, 1);
    given.begin(segment, 1, 1);
    given.look(PARSERS - 1 + 2);
    expect(wanted()).toBe(2);
    given.endTask();
    given.look(PARSERS - 1 + 1);
    expect(wanted()).toBe(2);
  });
});

describe('the end of an object', () => {
  const whole = endOf(7, { state: 'whole' });
  const damaged = endOf(7, { state: 'whole', error: { why: 'broken', damage: null } });

  it('is due at once where nothing of it was given away', () => {
    expect(given.due(whole, pieceIn(null))).toEqual([whole]);
  });

  it('waits for all of its lines, while pieces of it that are dealt with end at once', () => {
    const block = given.begin(segment, 0, 2);
    const last = given.begin(segment, 1, 1);
    expect(given.due(endOf(1), pieceIn(null))).toEqual([endOf(1)]);
    expect(given.due(endOf(2), pieceIn(block))).toEqual([endOf(2)]);
    expect(given.due(damaged, pieceIn(null))).toEqual([]);
    expect(given.due(endOf(8), pieceIn(null))).toEqual([endOf(8)]);
    expect(given.due(endOf(3), pieceIn(last))).toEqual([endOf(3)]);
    expect(given.due(endOf(4), pieceIn(block))).toEqual([endOf(4), damaged]);
    expect(given.due(endOf(9), pieceIn(null))).toEqual([endOf(9)]);
  });

  it('comes as it is where its lines are dealt with before', () => {
    const block = given.begin(segment, 0, 1);
    expect(given.due(endOf(2), pieceIn(block))).toEqual([endOf(2)]);
    expect(given.due(damaged, pieceIn(null))).toEqual([damaged]);
  });

  it.each([whole, damaged])(
    'is a cut where some of its lines were cut: a later process comes to it',
    (end) => {
      const block = given.begin(segment, 0, 2);
      expect(given.due(endOf(2, { state: 'cut' }), pieceIn(block))).toEqual([endOf(2, { state: 'cut' })]);
      expect(given.due(end, pieceIn(null))).toEqual([]);
      expect(given.due(endOf(3), pieceIn(block))).toEqual([endOf(3), endOf(7, { state: 'cut' })]);
    },
  );
});

it('a block is free when the last of its pieces is released', () => {
  blocks.want(1);
  const { index } = blocks.take()!;
  const block = given.begin(segment, index, 2);
  block.slot.release(block);
  expect(blocks.take()).toBe(null);
  block.slot.release(block);
  expect(blocks.take()?.index).toBe(index);
});
