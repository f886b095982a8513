/**
 * Question: what do the shards of a stream take, second by second, while the stream refuses nine of ten records for 60 s?
 * Workload: 4 provisioned shards, records of 200 bytes, one publisher; calm, storm, calm. The embedded Kinesis keeps the real limits.
 * Run: `node bench/throttle-storm.ts [--hot] [--storm-seconds 60] [--keep FOLDER] [--smoke]`. `--hot`: only one shard is hit. The plot
 * goes to docs/throttle-storm.svg. `--smoke`: a storm of one second, no plot.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createKinesisClient } from '../src/aws/kinesis-client.ts';
import { KinesisControl } from '../src/aws/kinesis-control.ts';
import { createKinesisCaller, wayOf } from '../src/aws/kinesis-way.ts';
import type { WireError } from '../src/base/errors.ts';
import { createRandom } from '../src/base/random.ts';
import { startLocalKinesis } from '../src/embedded/kinesis.ts';
import { BufferPool } from '../src/publish/buffer-pool.ts';
import { openPutCodec } from '../src/publish/kinesis/open-put-codec.ts';
import { KinesisSink } from '../src/publish/kinesis/sink.ts';
import { listOpenShards, STREAM_TRAITS } from '../src/publish/kinesis/stream-probe.ts';
import { openCodec } from '../src/publish/open-codec.ts';
import { Publisher } from '../src/publish/publisher.ts';
import type { PublishSetup } from '../src/publish/setup.ts';
import { createStats, STAT, statsRow } from '../src/publish/stats.ts';
import { LANE_CELL, laneBytes } from '../src/ring/layout.ts';
import { PHASE } from '../src/ring/phases.ts';
import { LaneProducer } from '../src/ring/producer.ts';
import { countersOf, createSlices } from '../src/ring/slices.ts';
import { createDoorbells, Doorbell } from '../src/ring/wait.ts';
import { report } from './report.ts';

const { values: flags } = parseArgs({
  options: {
    hot: { type: 'boolean', default: false },
    'storm-seconds': { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const { hot: isHot, smoke: isSmoke } = flags;
const SHARDS = 4;
const CALM_S = isSmoke ? 1 : 8;
const STORM_S = Number(flags['storm-seconds'] ?? (isSmoke ? 1 : 60));
const RECOVERY_S = isSmoke ? 2 : 12;
const TOTAL_S = CALM_S + STORM_S + RECOVERY_S;
const STEP_MS = 500;

process.env.AWS_ACCESS_KEY_ID ??= 'local';
process.env.AWS_SECRET_ACCESS_KEY ??= 'local';
const kinesis = await startLocalKinesis({ streams: { s: SHARDS }, limits: 'real', discard: true });
const arn = kinesis.streamArn('s');
const target = { region: 'us-east-1', profile: null, endpoint: kinesis.endpoint };
const client = createKinesisClient(target);
const shards = await listOpenShards(new KinesisControl(wayOf(client)), arn);
const lane = new SharedArrayBuffer(laneBytes(8 << 20));
const setup: PublishSetup = {
  publisherIndex: 0,
  streamName: 's',
  traits: { ...STREAM_TRAITS, isOnDemand: false, isAutoDistributed: false, recordBytesMax: 1 << 20 },
  rules: {
    inFlightMax: 16,
    batchRecordsMax: 500,
    batchBytesMax: 5 << 20,
    aggregateBytesMax: null,
    order: 'none',
    headroom: 0,
    recordsPerSecondMax: Number.POSITIVE_INFINITY,
    bytesPerSecondMax: Number.POSITIVE_INFINITY,
    lingerMs: 100,
    requestTimeoutMs: 30_000,
    unavailableMs: 300_000,
    recordFailuresMax: 30,
  },
  ownedRange: { start: 0n, end: (1n << 128n) - 1n },
  shards,
  lanes: [lane],
  doorbells: createDoorbells(1),
  control: new SharedArrayBuffer(4),
  slices: createSlices(1),
  digestKey: new Uint8Array(16),
  stats: createStats(1),
  heartbeats: new SharedArrayBuffer(64),
  heartIndex: 0,
  bufferBytesMax: 32 << 20,
  scanner: 'native',
  seed: 1,
};
const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor', streamArn: arn });
const codec = openCodec();
const pool = new BufferPool(setup.bufferBytesMax);
let failure: WireError | null = null as WireError | null;
const publisher = new Publisher(setup, {
  codec,
  pool,
  sink: new KinesisSink({
    address: { target, streamName: 's', streamId: arn, wire: 'cbor' },
    caller,
    codec: openPutCodec(),
    pool,
    options: { aggregateBytesMax: null, requestBytesMax: setup.rules.batchBytesMax, canPredictShard: true },
  }),
  post: (notice) => {
    console.log(notice);
    if (notice.kind !== 'failed') return;
    failure = notice.error;
    Atomics.store(new Int32Array(setup.control), 0, PHASE.CUT);
  },
  nowMs: () => performance.now(),
  random: createRandom(1),
  // Nothing is left at the end.
  digest: () => ({ sumA: 0n, sumB: 0n }),
});

/** Keys that all go to one shard, so that each shard always has work and a hot one holds back nobody's key. */
const keys = Array.from({ length: SHARDS * 64 }, (_, i) => {
  const key = Buffer.from(`key-${i}`);
  const hash = BigInt(`0x${createHash('md5').update(key).digest('hex')}`);
  return { key, hash, shard: shards.findIndex((s) => hash >= s.start && hash <= s.end) };
});
const data = Buffer.from(JSON.stringify({ pad: 'x'.repeat(188) }));
const producer = new LaneProducer(lane);
const bell = new Doorbell(setup.doorbells);
// The frames of a shard bear its number as their slice.
const acknowledged = countersOf(setup.slices).acknowledged.subarray(0, SHARDS);
const written = new Array<number>(SHARDS).fill(0);
let nextKey = 0;
let isFeeding = true;

/** Keeps up to two seconds of work per shard under way, so that no shard's backlog stands before another's. */
function feed(): void {
  for (let idle = 0; isFeeding && idle < keys.length; nextKey++) {
    const { key, hash, shard } = keys[nextKey % keys.length]!;
    if (written[shard]! - acknowledged[shard]! >= 2_000) {
      idle++;
      continue;
    }
    const isWritten = producer.tryWriteRecord({
      key,
      keyStart: 0,
      keyEnd: key.length,
      data,
      dataStart: 0,
      dataEnd: data.length,
      appendNewline: false,
      slice: shard,
      lineOffset: 0,
      hashHigh: hash >> 64n,
      hashLow: BigInt.asUintN(64, hash),
      flags: 0,
    });
    if (!isWritten) break;
    idle = 0;
    written[shard]!++;
  }
  producer.publish();
  bell.ring(0);
}

const samples: { records: number[]; requests: number }[] = [];
const row = statsRow(setup.stats, 0);
const sampler = setInterval(() => {
  samples.push({ records: [...acknowledged], requests: row[STAT.REQUESTS]! });
}, STEP_MS);
const feeder = setInterval(feed, 20);
kinesis.setFaults([
  {
    kind: 'throttle',
    probability: 0.9,
    fromMs: CALM_S * 1000,
    untilMs: (CALM_S + STORM_S) * 1000,
    ...(isHot ? { shardId: shards[0]!.shardId } : {}),
  },
]);
const running = publisher.run();
await new Promise((resolve) => setTimeout(resolve, TOTAL_S * 1000 + STEP_MS / 2));
clearInterval(sampler);
isFeeding = false;
clearInterval(feeder);
Atomics.store(new Int32Array(lane), LANE_CELL.END, 1);
Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
bell.ring(0);
await running;
const lost = written.reduce((sum, n, i) => sum + n - acknowledged[i]!, 0);
const at = (seconds: number) =>
  samples[Math.min(samples.length, Math.round((seconds * 1000) / STEP_MS)) - 1]!;
const total = (s: { records: number[] }) => s.records.reduce((a, b) => a + b, 0);
const [before, after] = [at(CALM_S), at(CALM_S + STORM_S)];
const calls = after.requests - before.requests;
const stored = total(after) - total(before);
/** Records per second and shard, per sample. */
const rates = samples
  .slice(1)
  .map((s, i) => s.records.map((n, k) => ((n - samples[i]!.records[k]!) * 1000) / STEP_MS));
const stormEnd = Math.round(((CALM_S + STORM_S) * 1000) / STEP_MS);
const back = rates.findIndex((r, i) => i >= stormEnd && r.reduce((a, b) => a + b, 0) >= 0.8 * SHARDS * 1000);
const title = {
  case: `${SHARDS} shards, a storm of ${STORM_S} s over ${isHot ? 'one of them' : 'all of them'}`,
  contender: 'one publisher',
};
const values = (metric: string, ...all: number[]) => ({ ...title, metric, values: all });
report(
  'what do shards take while they refuse nine of ten records?',
  [
    values('records lost', lost),
    values('calls in the storm', calls),
    values('calls at full pace', STORM_S * SHARDS * 2),
    values('records stored in the storm', stored),
    // 500 records a call of which one in ten is stored: nobody who sends full calls can store as much with fewer.
    ...(isHot ? [] : [values('ideal calls for that', Math.ceil(stored / 50))]),
    ...(back < 0 ? [] : [values('s until 4/5 of full pace', ((back - stormEnd + 1) * STEP_MS) / 1000)]),
    ...after.records.map((n, k) => values(`shard ${k}, records/s`, (n - before.records[k]!) / STORM_S)),
  ],
  {
    keep: flags.keep,
    notes: failure === null ? [] : [`The publisher failed: ${failure.message}`],
  },
);
if (!isSmoke) {
  const file = new URL(`../docs/throttle-storm${isHot ? '-hot' : ''}.svg`, import.meta.url);
  writeFileSync(file, plot(rates));
}
caller.close();
client.destroy();
await kinesis.close();
process.exitCode = lost === 0 && failure === null ? 0 : 1;

/** One line a shard: records per second over time, with the storm shaded. */
function plot(series: readonly (readonly number[])[]): string {
  const [width, height, left, top] = [900, 320, 60, 30];
  const x = (seconds: number) => (left + (seconds / TOTAL_S) * width).toFixed(1);
  const y = (rate: number) => (top + height - (Math.min(rate, 2_200) / 2_200) * height).toFixed(1);
  const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];
  const lines = colours.map((colour, k) => {
    const points = series.map((r, i) => `${x(((i + 1.5) * STEP_MS) / 1000)},${y(r[k]!)}`).join(' ');
    return `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${points}"/>`;
  });
  const ticks = [0, 500, 1000, 1500, 2000].map(
    (r) => `<text x="${left - 6}" y="${y(r)}" text-anchor="end">${r}</text>`,
  );
  const times = Array.from({ length: Math.floor(TOTAL_S / 10) + 1 }, (_, i) => i * 10).map(
    (s) => `<text x="${x(s)}" y="${top + height + 16}" text-anchor="middle">${s} s</text>`,
  );
  const stormWidth = ((STORM_S / TOTAL_S) * width).toFixed(1);
  const who = isHot ? 'of one shard' : 'of every shard';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 20} ${top + height + 30}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    `<rect x="${x(CALM_S)}" y="${top}" width="${stormWidth}" height="${height}" fill="#eee"/>`,
    `<text x="${left}" y="18">Records per second stored, one line a shard; grey: 90 % ${who}'s records refused</text>`,
    `<line x1="${left}" x2="${left + width}" y1="${y(1000)}" y2="${y(1000)}" stroke="#999" stroke-dasharray="4"/>`,
    ...ticks,
    ...times,
    ...lines,
    '</svg>',
    '',
  ].join('\n');
}
