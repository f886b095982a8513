import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/publish/buffer-pool.ts';
import { readRefused } from '../../src/publish/frame-walk.ts';
import { LaneDrain } from '../../src/publish/lane-drain.ts';
import { ShardQueues } from '../../src/publish/shard-queues.ts';
import { FRAME_KIND } from '../../src/record/frame.ts';
import { shardsWithin } from '../../src/record/hash-range.ts';
import { laneBytes } from '../../src/ring/layout.ts';
import { LaneProducer } from '../../src/ring/producer.ts';
import { codecs } from './codecs.ts';
import { evenShards, HASH_KEYS } from './publishing.ts';

describe.each(codecs)('LaneDrain with the $kind codec', (codec) => {
  function start(isOrdered: boolean, laneCount: number, hasEnough = () => false) {
    const lanes = Array.from({ length: laneCount }, () => new SharedArrayBuffer(laneBytes(65_536)));
    const producers = lanes.map((lane) => new LaneProducer(lane));
    const pool = new BufferPool(1 << 24);
    const shards = shardsWithin(evenShards(1), { start: 0n, end: HASH_KEYS - 1n });
    const queues = new ShardQueues(shards, { recordCountMax: 500, payloadBytesMax: 1 << 20 }, pool);
    const drain = new LaneDrain(lanes, codec, isOrdered, hasEnough);
    const write = (laneIndex: number, ...frames: (number | ['begin' | 'end', number])[]) => {
      const producer = producers[laneIndex]!;
      for (const frame of frames) {
        const isWritten =
          typeof frame === 'number'
            ? producer.tryWriteRecord({
                key: Buffer.from('k'),
                keyStart: 0,
                keyEnd: 1,
                data: Buffer.from('{}'),
                dataStart: 0,
                dataEnd: 2,
                appendNewline: false,
                slice: 0,
                lineOffset: frame,
                hashHigh: 0n,
                hashLow: 0n,
                flags: 0,
              })
            : producer.tryWriteMark(frame[0] === 'begin' ? FRAME_KIND.BEGIN : FRAME_KIND.END, frame[1]);
        expect(isWritten).toBe(true);
      }
      producer.publish();
    };
    const moved = () => {
      queues.close(0);
      const offsets: number[] = [];
      while (queues.peek(0)) offsets.push(...readRefused(queues.shift(0), '').map((r) => r.objectOffset));
      return offsets;
    };
    return { drain: () => drain.drain(queues, 0), write, moved };
  }

  it('takes whatever stands in any lane without order', () => {
    const { drain, write, moved } = start(false, 2);
    write(1, 1, 2);
    write(0, 3);
    expect([drain(), moved()]).toEqual(['empty', [3, 1, 2]]);
  });

  it('takes tasks in their sequence whatever lane has them and whenever they come', () => {
    const { drain, write, moved } = start(true, 3);
    write(2, ['begin', 1], 11, 12, ['end', 1]);
    expect([drain(), moved()]).toEqual(['blocked', []]);
    write(0, ['begin', 0], 1);
    expect([drain(), moved()]).toEqual(['blocked', [1]]);
    write(1, ['begin', 2], 21, ['end', 2]);
    write(0, 2, ['end', 0], ['begin', 3], 31, ['end', 3]);
    expect([drain(), moved()]).toEqual(['empty', [2, 11, 12, 21, 31]]);
  });

  it('does not call lanes empty while a task has not ended', () => {
    const { drain, write } = start(true, 1);
    write(0, ['begin', 0]);
    expect(drain()).toBe('blocked');
    write(0, ['end', 0]);
    expect(drain()).toBe('empty');
  });

  it('leaves in its lane what is not wanted yet', () => {
    let isEnough = true;
    const { drain, write, moved } = start(false, 2, () => isEnough);
    write(0, 1, 2);
    write(1, 3);
    expect([drain(), moved()]).toEqual(['enough', []]);
    isEnough = false;
    expect([drain(), moved()]).toEqual(['empty', [1, 2, 3]]);
  });
});
