import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { FRAME_KIND } from '../../src/record/frame.ts';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { Listener } from '../../src/ring/listener.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { createDoorbells, Doorbell, isMostlyFull, notifySpace, waitForSpace } from '../../src/ring/wait.ts';
import { laneRecord } from './records.ts';
import { Random, sizesOf, type WriterSetup } from './stress.ts';

const workers: Worker[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

function startWriter(setup: WriterSetup): Worker {
  const worker = new Worker(new URL('./lane-writer.ts', import.meta.url), { workerData: setup });
  workers.push(worker);
  return worker;
}

/**
 * Two threads, one lane, millions of frames, positions that pass 2^32.
 *
 * Allowed:   the reader sees any prefix of the frames at any time; a doorbell rings for nothing; a wait ends early or late.
 * Forbidden: a frame that is missing, twice, out of order, half-written or altered; a reader that passes HEAD; a writer that
 *            passes TAIL; both sides waiting with work left.
 */
describe('a lane between two threads', () => {
  it.each([
    { seed: 7, frameCount: 1_500_000, position: 2 ** 32 - 1024 * 1024 },
    { seed: 20_261_121, frameCount: 500_000, position: 0 },
  ])('carries $frameCount frames of seed $seed from position $position unaltered', async (setup) => {
    const { seed, frameCount } = setup;
    const lane = createLane(65_536, setup.position);
    const bells = createDoorbells(1);
    const ear = new Listener(new Doorbell(bells).bell(0));
    const writer = startWriter({ task: 'write', lane, bells, seed, frameCount });
    const consumer = new LaneConsumer(lane, true);
    const random = new Random(seed);
    let read = 0;
    let isEnded = false;
    let quietWaits = 0;
    while (!isEnded) {
      const seen = ear.count();
      const readBefore = read;
      while (consumer.next()) {
        if (consumer.kind === FRAME_KIND.END) {
          isEnded = true;
          expect(consumer.lineOffset).toBe(frameCount);
          break;
        }
        const { keyBytes, dataBytes, fill } = sizesOf(random);
        const { bytes, keyStart, dataStart } = consumer;
        const isSame =
          consumer.kind === FRAME_KIND.RECORD &&
          consumer.slice === read &&
          consumer.keyBytes === keyBytes &&
          consumer.dataBytes === dataBytes &&
          (keyBytes === 0 || (bytes[keyStart] === fill && bytes[keyStart + keyBytes - 1] === fill)) &&
          (dataBytes === 0 || (bytes[dataStart] === fill && bytes[dataStart + dataBytes - 1] === fill));
        if (!isSame) expect.fail(`frame ${read} is not what was written`);
        if (
          read % 64 === 0 &&
          bytes.subarray(dataStart, dataStart + dataBytes).some((byte) => byte !== fill)
        ) {
          expect.fail(`the data of frame ${read} is not what was written`);
        }
        read++;
      }
      consumer.release();
      notifySpace(lane);
      if (isEnded) break;
      await ear.heard(seen, 5000);
      quietWaits = ear.count() === seen && read === readBefore ? quietWaits + 1 : 0;
      expect(quietWaits, 'writer and reader wait for each other').toBeLessThan(3);
    }
    ear.close();
    expect(read).toBe(frameCount);
    expect(consumer.next()).toBe(false);
    await once(writer, 'exit');
  });

  it('blocks its writer without spinning, and wakes it at once', async () => {
    const lane = createLane(65_536);
    const producer = new LaneProducer(lane, true);
    producer.tryWriteRecord(laneRecord(1, 0, 60_000));
    producer.publish();
    const writer = startWriter({ task: 'block', lane, bells: createDoorbells(1), seed: 1, frameCount: 0 });
    await once(writer, 'message');
    const ear = new Listener(new Doorbell(createDoorbells(1)).bell(0));
    await ear.heard(ear.count(), 500); // time for a spinning thread to give itself away
    const report = once(writer, 'message');
    const consumer = new LaneConsumer(lane, true);
    consumer.next();
    consumer.release();
    notifySpace(lane);
    const [{ isFree, cpuMs, wallMs }] = await report;
    expect(isFree).toBe(true);
    expect(wallMs).toBeGreaterThan(450);
    expect(cpuMs).toBeLessThan(wallMs / 10);
  });

  it('lets a blocked writer go when it shall stop, though nobody releases', async () => {
    const lane = createLane(65_536);
    const producer = new LaneProducer(lane, true);
    producer.tryWriteRecord(laneRecord(1, 0, 60_000));
    producer.publish();
    const writer = startWriter({ task: 'block', lane, bells: createDoorbells(1), seed: 1, frameCount: 0 });
    await once(writer, 'message');
    const report = once(writer, 'message');
    Atomics.store(new Int32Array(lane), LANE_CELL.END, 1);
    const [{ isFree }] = await report;
    expect(isFree).toBe(false);
  });
});

it('a lane is mostly full with more than half of it written and not read', () => {
  const lane = createLane(65_536);
  const producer = new LaneProducer(lane);
  const write = () => {
    expect(producer.tryWriteRecord(laneRecord(1, 4, 16_000))).toBe(true);
    producer.publish();
    return isMostlyFull(lane);
  };
  expect([isMostlyFull(lane), write(), write(), write()]).toEqual([false, false, false, true]);
  const consumer = new LaneConsumer(lane);
  consumer.next();
  consumer.next();
  consumer.release();
  expect(isMostlyFull(lane)).toBe(false);
});

describe('waitForSpace', () => {
  it('does not wait, and does not ask whether to stop, when there is room', () => {
    const lane = createLane(65_536, 2 ** 32 - 64);
    expect(waitForSpace(lane, 65_536, () => expect.fail('asked'))).toBe(true);
  });
});
