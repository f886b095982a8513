/**
 * Question: what does the digest cost, by which `verify` compares a source with a stream, native and portable?
 * Workloads: records of clicks-77, github-684 and wide-4k, seed 42, as frames, which is how parsers and stream readers have them;
 * once into sums alone, as every parser does, once into 65,536 buckets, as verify does. Both kernels give equal sums and buckets, or
 * the clock does not start.
 * Run: `node bench/digest.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { createDigester, type Digester } from '../src/digest/digest.ts';
import { loadAddon } from '../src/native/load.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../src/ring/layout.ts';
import { createLane, LaneProducer } from '../src/ring/producer.ts';
import { takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 8 << 20;
const KEY_BYTES = 12;
const BUCKET_BITS = [0, 16];
const DIGEST_KEY = new Uint8Array(16).fill(7);
const NAMES = ['clicks-77', 'github-684', 'wide-4k'];

/** The workload's lines as frames, each with a key of its own. */
function framesOf(workload: Workload): { frames: Uint8Array; records: number; recordBytes: number } {
  const lineCount = Math.ceil(WORKLOAD_BYTES / workload.lineBytes);
  const data = workload.generate({ seed: 42, lineCount });
  const lane = createLane(4 * (8 << 20));
  const producer = new LaneProducer(lane);
  let start = 0;
  for (let record = 0; record < lineCount; record++) {
    const end = data.indexOf(10, start);
    const written = producer.tryWriteRecord({
      key: Buffer.from(String(record).padStart(KEY_BYTES, '0')),
      keyStart: 0,
      keyEnd: KEY_BYTES,
      data,
      dataStart: start,
      dataEnd: end,
      appendNewline: false,
      slice: 1,
      lineOffset: start,
      hashHigh: BigInt(record),
      hashLow: 0n,
      flags: 0,
    });
    deepStrictEqual(written, true);
    start = end + 1;
  }
  producer.publish();
  const used = new Int32Array(lane, 0, LANE_DATA_BYTE / 4)[LANE_CELL.HEAD]!;
  const recordBytes = data.length - lineCount + lineCount * KEY_BYTES;
  return { frames: new Uint8Array(lane, LANE_DATA_BYTE, used), records: lineCount, recordBytes };
}

/** What a digester says of the frames, from a clean start. */
function digest(digester: Digester, frames: Uint8Array) {
  digester.reset();
  digester.addFrames(frames);
  return digester.sums();
}

const notes: string[] = [];
const { addon, reason } = loadAddon();
const kinds = addon === null ? (['portable'] as const) : (['portable', 'native'] as const);
if (addon === null) notes.push(`The native addon is not built: portable figures only (${reason}).`);
const figures: Figure[] = [];
for (const workload of WORKLOADS.filter(({ name }) => NAMES.includes(name))) {
  const { frames, records, recordBytes } = framesOf(workload);
  for (const bucketBits of BUCKET_BITS) {
    const digesters = kinds.map((kind) => createDigester(DIGEST_KEY, { kind, bucketBits }));
    // Right, then fast.
    const wanted = digest(digesters[0]!, frames);
    deepStrictEqual([wanted.count, wanted.bytes], [records, recordBytes]);
    for (const digester of digesters) {
      deepStrictEqual(digest(digester, frames), wanted);
      deepStrictEqual(Buffer.from(digester.buckets).equals(Buffer.from(digesters[0]!.buckets)), true);
    }
    const subjects = digesters.map((digester) => ({
      name: digester.kind,
      itemsPerCall: records,
      run: () => digester.addFrames(frames),
    }));
    const rounds = await takeTurns(subjects, flags.smoke);
    const base = rounds.get('portable')!;
    for (const [contender, own] of rounds) {
      const row = {
        case: `${workload.name}: ${records} records, ${bucketBits === 0 ? 'sums' : `sums and ${2 ** bucketBits} buckets`}`,
        contender,
      };
      const megabytes = recordBytes / records / 1e6;
      figures.push(
        { ...row, metric: 'MB/s', values: own.map(({ ns }) => (megabytes * 1e9) / ns) },
        { ...row, metric: 'MB per CPU-s', values: own.map(({ cpuNs }) => (megabytes * 1e9) / cpuNs) },
        { ...row, metric: 'CPU ns a record', values: own.map(({ cpuNs }) => cpuNs) },
        {
          ...row,
          metric: 'x portable, CPU',
          values: own.map(({ cpuNs }, round) => base[round]!.cpuNs / cpuNs),
        },
      );
    }
  }
}
report('what does the digest of records cost?', figures, { keep: flags.keep, notes });
