import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Lineage, type ShardInfo } from '../../src/stream/lineage.ts';

const shard = (shardId: string, ...parentIds: string[]): ShardInfo => ({
  shardId,
  parentIds,
  startingHashKey: '0',
  endingHashKey: '1',
  isClosed: false,
});
const due = (lineage: Lineage) => lineage.takeDue().map(({ shardId }) => shardId);

it('gives children after their parent, each shard once', () => {
  const lineage = new Lineage();
  lineage.add([shard('b', 'a'), shard('a'), shard('c', 'a')]);
  expect(due(lineage)).toEqual(['a']);
  expect(due(lineage)).toEqual([]);
  lineage.finish('a');
  expect(due(lineage)).toEqual(['b', 'c']);
  expect(lineage.waitingCount).toBe(0);
});

it('gives a merged shard after both parents', () => {
  const lineage = new Lineage();
  lineage.add([shard('a'), shard('b'), shard('c', 'a', 'b')]);
  expect(due(lineage)).toEqual(['a', 'b']);
  lineage.finish('b');
  expect(due(lineage)).toEqual([]);
  lineage.finish('a');
  expect(due(lineage)).toEqual(['c']);
});

it('does not wait for parents that retention took', () => {
  const lineage = new Lineage();
  lineage.add([shard('c', 'gone', 'gone too')]);
  expect(due(lineage)).toEqual(['c']);
});

it('does not give what is finished before it was due', () => {
  const lineage = new Lineage();
  lineage.add([shard('a'), shard('b', 'a')]);
  lineage.finish('b');
  expect(due(lineage)).toEqual(['a']);
  lineage.finish('a');
  expect(due(lineage)).toEqual([]);
});

it('says which shards were new', () => {
  const lineage = new Lineage();
  expect(lineage.add([shard('a')]).length).toBe(1);
  expect(lineage.add([shard('a'), shard('b')]).map(({ shardId }) => shardId)).toEqual(['b']);
});

it('reads any history of splits and merges in order, whatever order shards end in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat()), { maxLength: 30 }),
      fc.infiniteStream(fc.nat()),
      (steps, choices) => {
        const shards = [shard('0')];
        const open = ['0'];
        for (const [isSplit, at] of steps) {
          const parent = open.splice(at % open.length, 1)[0]!;
          const other = isSplit || open.length === 0 ? undefined : open.splice(at % open.length, 1)[0]!;
          for (let i = 0; i < (other ? 1 : 2); i++) {
            const id = String(shards.length);
            shards.push(other ? shard(id, parent, other) : shard(id, parent));
            open.push(id);
          }
        }
        const lineage = new Lineage();
        lineage.add(shards);
        const running = lineage.takeDue();
        const finished = new Set<string>();
        while (running.length > 0) {
          const one = running.splice(Number(choices.next().value) % running.length, 1)[0]!;
          expect(one.parentIds.every((parent) => finished.has(parent))).toBe(true);
          finished.add(one.shardId);
          lineage.finish(one.shardId);
          running.push(...lineage.takeDue());
        }
        expect(finished.size).toBe(shards.length);
      },
    ),
  );
});
