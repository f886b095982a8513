import { describe, expect, it } from 'vitest';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { laneRecord } from './records.ts';

function laneWith(count: number) {
  const lane = createLane(65_536);
  const producer = new LaneProducer(lane, true);
  for (let i = 0; i < count; i++) producer.tryWriteRecord(laneRecord(i, 1, 1));
  producer.publish();
  return { lane, consumer: new LaneConsumer(lane, true), tail: () => new Int32Array(lane)[LANE_CELL.TAIL] };
}

describe('LaneConsumer', () => {
  it("keeps frames the reader's until it releases them", () => {
    const { consumer, tail } = laneWith(3);
    consumer.next();
    consumer.next();
    expect(tail()).toBe(0);
    consumer.release();
    expect(tail()).toBe(96);
    expect([consumer.next(), consumer.slice, consumer.next()]).toEqual([true, 2, false]);
  });

  it('gives a frame again after putBack, and releases only what is before it', () => {
    const { consumer, tail } = laneWith(2);
    consumer.next();
    consumer.next();
    consumer.putBack();
    consumer.release();
    expect(tail()).toBe(48);
    expect([consumer.next(), consumer.slice]).toEqual([true, 1]);
  });

  it('begins where the reader before it has released', () => {
    const { lane, consumer } = laneWith(2);
    consumer.next();
    consumer.release();
    const second = new LaneConsumer(lane, true);
    expect([second.next(), second.slice, second.next()]).toEqual([true, 1, false]);
  });

  it('finds a second reader in a debug run', () => {
    const { lane, consumer } = laneWith(2);
    const other = new LaneConsumer(lane, true);
    consumer.next();
    consumer.release();
    other.next();
    expect(() => other.release()).toThrow(/second writer/);
  });
});
