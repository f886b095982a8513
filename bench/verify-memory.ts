/**
 * Question: what memory and time does verify need in its worst case, where live producers have touched every bucket?
 * Workload: `--records` records of 77 bytes (default 10 million), 8 of them missing on the stream, a tenth as many foreign ones
 * among them. Frames are made on the spot, so that only the comparison is measured. --smoke: 20,000 records; run by the tests.
 * Run: `node bench/verify-memory.ts [--records 100000000] [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { createDigester } from '../src/digest/digest.ts';
import { FRAME, FRAME_KIND, frameBytes } from '../src/record/frame.ts';
import { compare } from '../src/verify/compare.ts';
import { report } from './report.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '10000000' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const records = values.smoke ? 20_000 : Number(values.records);
const foreign = records / 10;
const missingEvery = Math.floor(records / 7);
const KEY_BYTES = 24;
const FRAME_BYTES = frameBytes(KEY_BYTES, 77);
const RUN_RECORDS = 5000;
const FOREIGN_FROM = 1e12;

/** Frames of the records [from, to), without those whose number `skipEvery` divides. One buffer, used again. */
function* runsOf(from: number, to: number, skipEvery = 0): Generator<Uint8Array> {
  const run = new Uint8Array(RUN_RECORDS * FRAME_BYTES);
  const view = new DataView(run.buffer);
  for (let first = from; first < to; first += RUN_RECORDS) {
    let at = 0;
    for (let id = first; id < Math.min(first + RUN_RECORDS, to); id++) {
      if (skipEvery > 0 && id % skipEvery === 0) continue;
      view.setUint32(at + FRAME.FRAME_BYTES, FRAME_BYTES, true);
      view.setUint8(at + FRAME.KIND, FRAME_KIND.RECORD);
      view.setUint16(at + FRAME.KEY_BYTES, KEY_BYTES, true);
      view.setUint32(at + FRAME.DATA_BYTES, 77, true);
      view.setBigUint64(at + FRAME.LINE_OFFSET, BigInt(id), true);
      view.setFloat64(at + FRAME.HEADER_BYTES, id, true);
      at += FRAME_BYTES;
    }
    yield run.subarray(0, at);
  }
}

function* streamRuns(): Generator<Uint8Array> {
  yield* runsOf(0, records, missingEvery);
  yield* runsOf(FOREIGN_FROM, FOREIGN_FROM + foreign);
}

let rssMaxBytes = 0;
let rounds = 0;
const startMs = performance.now();
const result = await compare({
  digestKey: new Uint8Array(16).fill(3),
  source: {
    async scan(onFrames) {
      for (const run of runsOf(0, records)) onFrames(run, { bucket: 'b', key: 'k' });
      rssMaxBytes = Math.max(rssMaxBytes, process.memoryUsage.rss());
    },
  },
  stream: {
    async digest({ key, bucketBits }) {
      const digester = createDigester(key, { bucketBits });
      for (const run of streamRuns()) digester.addFrames(run);
      return {
        sums: digester.sums(),
        buckets: digester.buckets,
        shards: 1,
        outsideHashRange: 0,
        undecodable: 0,
      };
    },
    async scan(onFrames) {
      for (const run of streamRuns()) onFrames(run, () => ({ shardId: 's', sequenceNumber: '0' }));
      rssMaxBytes = Math.max(rssMaxBytes, process.memoryUsage.rss());
    },
  },
  onPhase: (phase) => {
    if (phase.name === 'locate') rounds = phase.rounds;
  },
});
strictEqual(result.missing, Math.ceil(records / missingEvery));
strictEqual(result.foreign, foreign);
strictEqual(result.duplicated, 0);
const seconds = (performance.now() - startMs) / 1000;
const row = { case: `${records} records of 77 bytes, ${foreign} foreign ones`, contender: 'verify' };
report(
  'what does verify need in its worst case?',
  [
    { ...row, metric: 'wall s', values: [seconds] },
    { ...row, metric: 'peak RSS MB', values: [rssMaxBytes / 1e6] },
    { ...row, metric: 'rounds', values: [rounds] },
  ],
  { keep: values.keep },
);
