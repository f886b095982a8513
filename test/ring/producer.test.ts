import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME, FRAME_KIND, frameBytes } from '../../src/record/frame.ts';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { laneRecord, readFrame, wantedFrame } from './records.ts';

const CAPACITY_BYTES = 64 * 1024;
/** Largest data of a record with a key of 8 bytes that a lane of 64 KiB can hold. */
const DATA_BYTES_MAX = CAPACITY_BYTES - FRAME.HEADER_BYTES - 8;

describe('createLane', () => {
  it.each([65_536, 131_072])('takes a capacity of %i', (capacityBytes) => {
    expect(createLane(capacityBytes).byteLength).toBe(capacityBytes + 256);
  });
  it.each([0, 65_535, 32_768, 65_536 * 3, 2 ** 31, Number.NaN])(
    'refuses a capacity of %d',
    (capacityBytes) => {
      expect(() => createLane(capacityBytes)).toThrow(RangeError);
    },
  );
});

describe('LaneProducer', () => {
  it('gives the reader nothing before publish, and everything after', () => {
    const lane = createLane(CAPACITY_BYTES);
    const producer = new LaneProducer(lane, true);
    const consumer = new LaneConsumer(lane, true);
    const record = { ...laneRecord(77, 5, 9), dataStart: 2, dataEnd: 7, keyStart: 1, appendNewline: true };
    expect(producer.tryWriteRecord(record)).toBe(true);
    expect(consumer.next()).toBe(false);
    producer.publish();
    expect(consumer.next()).toBe(true);
    expect(readFrame(consumer)).toEqual(wantedFrame(record));
    expect(consumer.next()).toBe(false);
  });

  it('gives back any frames in order, whatever their sizes, at any position, with any release', () => {
    const anyStep = fc.tuple(
      fc.integer({ min: 0, max: 300 }),
      fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: DATA_BYTES_MAX - 300 })),
      fc.boolean(),
    );
    const anyPosition = fc.oneof(
      fc.constant(2 ** 32 - 65_536),
      fc.nat(2 ** 29 - 1).map((n) => n * 8),
    );
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), anyPosition, (steps, position) => {
        const lane = createLane(CAPACITY_BYTES, position);
        const producer = new LaneProducer(lane, true);
        const consumer = new LaneConsumer(lane, true);
        const written: ReturnType<typeof wantedFrame>[] = [];
        const read: ReturnType<typeof readFrame>[] = [];
        const drain = () => {
          while (consumer.next()) read.push(readFrame(consumer));
          consumer.release();
        };
        for (const [index, [keyBytes, dataBytes, isDrained]] of steps.entries()) {
          const record = laneRecord(index, keyBytes, dataBytes);
          // At most two refusals: one for the frames before, one for the PAD at the end of the data area.
          let refusals = 0;
          while (!producer.tryWriteRecord(record)) {
            expect(++refusals).toBeLessThanOrEqual(2);
            drain();
          }
          written.push(wantedFrame(record));
          producer.publish();
          if (isDrained) drain();
        }
        drain();
        expect(read).toEqual(written);
        expect(producer.freeBytes).toBe(CAPACITY_BYTES);
      }),
      { numRuns: 100 },
    );
  });

  it('writes a frame as large as the lane at every position, after one wait for its PAD', () => {
    for (let position = 0; position < CAPACITY_BYTES; position += 8 * 511) {
      const lane = createLane(CAPACITY_BYTES, position);
      const producer = new LaneProducer(lane, true);
      const consumer = new LaneConsumer(lane, true);
      const record = laneRecord(1, 8, DATA_BYTES_MAX);
      if (!producer.tryWriteRecord(record)) {
        expect(position).toBeGreaterThan(0);
        expect(consumer.next()).toBe(false); // a PAD is no frame, but it is released like one
        consumer.release();
        expect(producer.tryWriteRecord(record)).toBe(true);
      }
      producer.publish();
      expect(consumer.next()).toBe(true);
      expect(consumer.dataBytes).toBe(DATA_BYTES_MAX);
    }
  });

  it('refuses a frame that is larger than the lane, and takes one of its size', () => {
    const producer = new LaneProducer(createLane(CAPACITY_BYTES));
    expect(() => producer.tryWriteRecord(laneRecord(1, 8, DATA_BYTES_MAX + 1))).toThrow(RangeError);
    expect(producer.tryWriteRecord(laneRecord(1, 8, DATA_BYTES_MAX))).toBe(true);
    expect(() => producer.tryWriteRecord(laneRecord(1, 65_536, 0))).toThrow(RangeError);
  });

  it('publishes what is before when it finds the lane full, so that reader and writer never wait for each other', () => {
    const lane = createLane(CAPACITY_BYTES);
    const producer = new LaneProducer(lane, true);
    const consumer = new LaneConsumer(lane, true);
    expect(producer.tryWriteRecord(laneRecord(1, 0, 40_000))).toBe(true);
    expect(producer.tryWriteRecord(laneRecord(2, 0, 25_000))).toBe(true);
    expect(producer.tryWriteRecord(laneRecord(3, 0, 25_000))).toBe(false);
    expect([consumer.next(), consumer.next(), consumer.next()]).toEqual([true, true, false]);
  });

  it.each([FRAME_KIND.BEGIN, FRAME_KIND.END])(
    'writes marks of kind %i with a sequence over 32 bits',
    (kind) => {
      const lane = createLane(CAPACITY_BYTES);
      const producer = new LaneProducer(lane, true);
      const consumer = new LaneConsumer(lane, true);
      expect(producer.tryWriteMark(kind, 2 ** 53 - 1)).toBe(true);
      producer.publish();
      expect(consumer.next()).toBe(true);
      expect([consumer.kind, consumer.lineOffset, consumer.frameBytes]).toEqual([kind, 2 ** 53 - 1, 40]);
    },
  );

  it('counts free bytes as the reader releases them', () => {
    const lane = createLane(CAPACITY_BYTES, 2 ** 32 - 64);
    const producer = new LaneProducer(lane, true);
    const consumer = new LaneConsumer(lane, true);
    producer.tryWriteRecord(laneRecord(1, 1, 100));
    // The 64 bytes before the end of the data area are a PAD.
    expect(producer.freeBytes).toBe(CAPACITY_BYTES - 64 - frameBytes(1, 100));
    producer.publish();
    consumer.next();
    consumer.release();
    expect(producer.freeBytes).toBe(CAPACITY_BYTES);
  });

  it('finds a second writer in a debug run', () => {
    const lane = createLane(CAPACITY_BYTES);
    const [one, other] = [new LaneProducer(lane, true), new LaneProducer(lane, true)];
    one.tryWriteRecord(laneRecord(1, 1, 1));
    one.publish();
    other.tryWriteRecord(laneRecord(2, 1, 1));
    expect(() => other.publish()).toThrow(/second writer/);
    expect(new Int32Array(lane)[LANE_CELL.HEAD]).toBe(48);
  });
});
