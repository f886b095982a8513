import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { FRAME_KIND } from '../../src/record/frame.ts';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { createDoorbells, Doorbell, notifySpace, waitForSpace } from '../../src/ring/wait.ts';
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
    const bell = new Doorbell(bells);
    const writer = startWriter({ task: 'write', lane, bells, seed, frameCount });
    const consumer = new LaneConsumer(lane, true);
    const random = new Random(seed);
    let read = 0;
    let isEnded = false;
    let quietWaits = 0;
    while (!isEnded) {
      const seen = bell.count(0);
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
      const heard = await bell.heard(0, seen, 5000);
      quietWaits = heard === seen && read === readBefore ? quietWaits + 1 : 0;
      expect(quietWaits, 'writer and reader wait for each other').toBeLessThan(3);
    }
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
    const bell = new Doorbell(createDoorbells(1));
    await bell.heard(0, bell.count(0), 500); // time for a spinning thread to give itself away
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

describe('waitForSpace', () => {
  it('does not wait, and does not ask whether to stop, when there is room', () => {
    const lane = createLane(65_536, 2 ** 32 - 64);
    expect(waitForSpace(lane, 65_536, () => expect.fail('asked'))).toBe(true);
  });
});

describe('Doorbell', () => {
  it('answers at once when the bell was rung after the count', async () => {
    const bell = new Doorbell(createDoorbells(3));
    const seen = bell.count(1);
    bell.ring(1);
    expect(await bell.heard(1, seen, 60_000)).toBe(seen + 1);
  });

  it('ends with the count unchanged when nobody rings in time', async () => {
    const bell = new Doorbell(createDoorbells(1));
    expect(await bell.heard(0, 0, 5)).toBe(0);
    expect(await bell.heard(0, 0, 0)).toBe(0);
  });

  it('hears only its own bell, until all are rung', async () => {
    const bell = new Doorbell(createDoorbells(2));
    bell.ring(0);
    expect([bell.count(0), bell.count(1)]).toEqual([1, 0]);
    const waiting = bell.heard(1, 0, 60_000);
    bell.ringAll();
    expect(await waiting).toBe(1);
    expect(bell.count(0)).toBe(2);
  });

  it('goes on over 2^31 rings', async () => {
    const bells = createDoorbells(1);
    new Int32Array(bells)[0] = 2 ** 31 - 1;
    const bell = new Doorbell(bells);
    const seen = bell.count(0);
    bell.ring(0);
    expect(await bell.heard(0, seen, 60_000)).toBe(-(2 ** 31));
  });

  it('lets timers of the thread run while it waits, and leaves none of its own behind', async () => {
    const bell = new Doorbell(createDoorbells(1));
    const timersBefore = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    setTimeout(() => bell.ring(0), 1);
    for (let i = 0; i < 50; i++) await bell.heard(0, bell.count(0), 1);
    const woken = await bell.heard(0, bell.count(0), 1);
    expect(woken).toBe(1);
    // Timers of the test runner may end meanwhile; none of ours may be added.
    const timersAfter = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    expect(timersAfter).toBeLessThanOrEqual(timersBefore);
  });

  it('keeps a thread alive that has nothing else to do', async () => {
    const source = `
      import { Doorbell, createDoorbells } from ${JSON.stringify(new URL('../../src/ring/wait.ts', import.meta.url).href)};
      await new Doorbell(createDoorbells(1)).heard(0, 0, 50);
      process.exitCode = 7;
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    workers.push(worker);
    const [code] = await once(worker, 'exit');
    expect(code).toBe(7);
  });
});
