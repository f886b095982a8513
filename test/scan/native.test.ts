/** Native scanner: the same frames in the same lanes as the portable one, however full they are, in several threads at once. */
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { clicks, github, WORKLOADS } from '../../bench/workloads/workloads.ts';
import { loadAddon } from '../../src/native/load.ts';
import { LANE_CAPACITY_BYTES_MIN } from '../../src/ring/layout.ts';
import { NativeScanner, nativeInstructions } from '../../src/scan/native.ts';
import {
  expectedRun,
  expectScan,
  openLanes,
  RULES,
  runScanner,
  scannersUnderTest,
  seenRun,
} from './harness.ts';
import { tellUntried } from './instruction-sets.ts';

const { addon, reason } = loadAddon();
const why = addon === null ? ` (skipped: no addon, ${reason})` : '';
const [portable, ...natives] = scannersUnderTest();
tellUntried();

it.skipIf(addon === null)(`has a kernel for every machine${why}`, () => {
  expect(nativeInstructions(addon!)[0]).toBe('base');
});

it.skipIf(addon === null).each(
  WORKLOADS.flatMap(({ name, key, lineBytes, generate }) => [
    { name, key, lineBytes, generate, laneCount: 1, isStingy: false },
    { name, key, lineBytes, generate, laneCount: 3, isStingy: true },
  ]),
)(
  `fills $laneCount small lanes of $name with the portable scanner's frames, stingy reader $isStingy${why}`,
  (some) => {
    // Some three times as much as the lanes hold, so that they are full again and again.
    const lineCount = Math.ceil((3 * some.laneCount * LANE_CAPACITY_BYTES_MIN) / some.lineBytes);
    const bytes = some.generate({ seed: 7, lineCount });
    const rules = { ...RULES, partitionKey: some.key, appendNewline: some.isStingy };
    const options = { laneCount: some.laneCount, isStingy: some.isStingy, objectOffset: 2 ** 33 };
    const expected = runScanner(portable!, rules, bytes, options);
    expect(seenRun(expected)).toEqual(expectedRun(expectScan(rules, bytes, options.objectOffset)));
    expect(expected.calls['lane-full']).toBeGreaterThan(1);
    expect(expected.pads.length).toBeGreaterThan(0);
    for (const native of natives) {
      const run = runScanner(native, rules, bytes, options);
      expect(run.tally).toEqual(expected.tally);
      expect(run.rejects).toEqual(expected.rejects);
      expect(run.frames).toEqual(expected.frames);
      expect(run.pads).toEqual(expected.pads);
      expect(run.calls).toEqual(expected.calls);
    }
  },
);

it.skipIf(addon === null)(`writes frames of over half a lane, each after its PAD${why}`, () => {
  const line = (id: number) => `{"k":"${id}","v":"${'x'.repeat(40_000)}"}`;
  const bytes = Buffer.from(Array.from({ length: 9 }, (_, id) => line(id)).join('\n'));
  const rules = { ...RULES, partitionKey: '/k' };
  const runs = [portable!, ...natives].map((under) =>
    runScanner(under, rules, bytes, { laneCount: 1, isStingy: true }),
  );
  expect(runs[0]!.pads.length).toBeGreaterThanOrEqual(8);
  for (const run of runs) {
    expect(seenRun(run)).toEqual(expectedRun(expectScan(rules, bytes)));
    expect(run.pads).toEqual(runs[0]!.pads);
  }
});

it.skipIf(addon === null)(
  `sends each record to the lane whose hash keys it owns, at both sides of each start${why}`,
  () => {
    const half = 2n ** 127n;
    const hashes = [0n, half - 1n, half, half + 1n, 2n ** 128n - 1n];
    const bytes = Buffer.from(hashes.map((hash) => `{"h":"${hash}"}`).join('\n'));
    for (const under of [portable!, ...natives]) {
      const run = runScanner(under, { ...RULES, explicitHashKey: '/h' }, bytes, { laneCount: 2 });
      expect(run.frames.map((frames) => frames.length)).toEqual([2, 3]);
    }
  },
);

it.skipIf(addon === null)(`refuses a piece that lies outside of its buffer${why}`, () => {
  const scanner = new NativeScanner(addon!, RULES, openLanes(1));
  const piece = {
    bytes: new Uint8Array(10),
    start: 0,
    end: 11,
    objectOffset: 0,
    slice: 0,
    coordinate: Buffer.from('c'),
  };
  expect(() => scanner.scan(piece, 0)).toThrow(RangeError);
  expect(() => scanner.scan({ ...piece, end: 10 }, 11)).toThrow(RangeError);
});

it.skipIf(addon === null).each(natives)(`works in several threads at once: $name${why}`, async (native) => {
  // A plain data URL cannot import .ts files, so the thread's program is given as text.
  const program = `
    const { workerData, parentPort } = require('node:worker_threads');
    import(workerData.harness).then(async ({ runScanner, scannersUnderTest, RULES }) => {
      const under = scannersUnderTest().find(({ name }) => name === workerData.name);
      let records = 0;
      for (let i = 0; i < 20; i++) {
        records += runScanner(under, { ...RULES, partitionKey: workerData.key }, workerData.bytes, { capacityBytes: 1 << 20 }).tally.records;
      }
      parentPort.postMessage({ name: under.name, records });
    });`;
  const jobs = [
    { key: '/u', bytes: clicks({ seed: 1, lineCount: 2_000 }) },
    { key: '/actor/login', bytes: github({ seed: 2, lineCount: 500 }) },
    { key: '/u', bytes: clicks({ seed: 3, lineCount: 2_000 }) },
  ];
  const harness = new URL('./harness.ts', import.meta.url).href;
  const answers = await Promise.all(
    jobs.map(
      (job) =>
        new Promise<{ name: string; records: number }>((resolve, reject) => {
          const worker = new Worker(program, {
            eval: true,
            workerData: { ...job, harness, name: native.name },
          });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  expect(answers.map(({ records }) => records)).toEqual([40_000, 10_000, 40_000]);
  expect(answers.every(({ name }) => name === native.name)).toBe(true);
});
