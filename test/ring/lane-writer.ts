/** Thread entry of the lane tests: writes the seeded frames of stress.ts, or waits for space and measures what that costs. */
import { parentPort, workerData } from 'node:worker_threads';
import { FRAME_KIND } from '../../src/record/frame.ts';
import { LANE_CELL } from '../../src/ring/layout.ts';
import { LaneProducer } from '../../src/ring/producer.ts';
import { Doorbell, waitForSpace } from '../../src/ring/wait.ts';
import { Random, sizesOf, type WriterSetup } from './stress.ts';

const { lane, bells, seed, frameCount, task } = workerData as WriterSetup;
const bell = new Doorbell(bells);

function write(): void {
  const producer = new LaneProducer(lane, true);
  const random = new Random(seed);
  const source = new Uint8Array(65_536);
  const untilRoom = (isWritten: () => boolean, needBytes: number) => {
    while (!isWritten()) {
      bell.ring(0);
      waitForSpace(lane, needBytes, () => false);
    }
  };
  for (let index = 0; index < frameCount; index++) {
    const { keyBytes, dataBytes, fill, isPublished } = sizesOf(random);
    source.fill(fill, 0, Math.max(keyBytes, dataBytes));
    const record = {
      key: source,
      keyStart: 0,
      keyEnd: keyBytes,
      data: source,
      dataStart: 0,
      dataEnd: dataBytes,
      appendNewline: false,
      slice: index,
      lineOffset: index,
      hashHigh: 0n,
      hashLow: 0n,
      flags: 0,
    };
    untilRoom(() => producer.tryWriteRecord(record), (47 + keyBytes + dataBytes) & ~7);
    if (isPublished) {
      producer.publish();
      bell.ring(0);
    }
  }
  untilRoom(() => producer.tryWriteMark(FRAME_KIND.END, frameCount), 40);
  producer.publish();
  Atomics.store(new Int32Array(lane), LANE_CELL.END, 1);
  bell.ring(0);
}

/** Tells the main thread that it stands, stands, and tells what standing cost. */
function block(): void {
  parentPort?.postMessage('blocked');
  const before = process.threadCpuUsage();
  const startMs = performance.now();
  const isFree = waitForSpace(lane, 65_536, () => Atomics.load(new Int32Array(lane), LANE_CELL.END) === 1);
  const { user, system } = process.threadCpuUsage(before);
  parentPort?.postMessage({ isFree, cpuMs: (user + system) / 1000, wallMs: performance.now() - startMs });
}

if (task === 'write') write();
else block();
