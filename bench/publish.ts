/**
 * Question: what does publishing cost a client, and how much of that is pacing and accounting?
 * Workloads: github-684 unaggregated, clicks-77 plain and in KPL aggregates, seed 42, 500 records a request where they are plain.
 * Contenders: `client.send(new PutRecordsCommand())` over HTTP/1.1 with keep-alive, from lines and keys in memory; the engine's
 * publisher, from frames in lanes. Both have 8 requests in flight.
 * Topology: [this process: the contender] --loopback--> [node src/embedded/serve.ts: counts and forgets]
 * CPU time of this process only, by round, contenders in turn. Run: `node bench/publish.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Session } from 'node:inspector/promises';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type KinesisClient, PutRecordsCommand, type PutRecordsRequestEntry } from '@aws-sdk/client-kinesis';
import type { KinesisCaller } from '../src/aws/kinesis-call.ts';
import { createKinesisClient } from '../src/aws/kinesis-client.ts';
import { KinesisControl } from '../src/aws/kinesis-control.ts';
import { createKinesisCaller, wayOf } from '../src/aws/kinesis-way.ts';
import { createRandom } from '../src/base/random.ts';
import { type LocalKinesis, startLocalKinesis } from '../src/embedded/kinesis.ts';
import { BufferPool } from '../src/publish/buffer-pool.ts';
import type { Codec } from '../src/publish/codec.ts';
import { openPutCodec } from '../src/publish/kinesis/open-put-codec.ts';
import type { PutCodec } from '../src/publish/kinesis/put-codec.ts';
import { KinesisSink } from '../src/publish/kinesis/sink.ts';
import { listOpenShards, STREAM_TRAITS } from '../src/publish/kinesis/stream-probe.ts';
import { openCodec } from '../src/publish/open-codec.ts';
import { Publisher } from '../src/publish/publisher.ts';
import type { PublishSetup } from '../src/publish/setup.ts';
import { createStats } from '../src/publish/stats.ts';
import { deaggregate } from '../src/record/aggregate.ts';
import type { ShardRange } from '../src/record/hash-range.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { PHASE } from '../src/ring/phases.ts';
import { createLane, LaneProducer } from '../src/ring/producer.ts';
import { countersOf, createSlices } from '../src/ring/slices.ts';
import { createDoorbells } from '../src/ring/wait.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { keep, smoke } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
}).values;
setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
const SHARE = '% of publisher CPU';
const STREAM = 'bench';
const SHARDS = 8;
const IN_FLIGHT = 8;
const BATCH_RECORDS = 500;
const AGGREGATE_BYTES = 51_200;
/** A contender sends what stands in a lane of this size; whether it is right is tried with less. */
const LANE_BYTES = smoke ? 1 << 18 : 16 << 20;
const LANES = smoke ? 1 : 8;
const CHECKED_LANE_BYTES = smoke ? 1 << 18 : 1 << 20;
const ROUNDS = smoke ? 1 : 5;
const POOL_BYTES = 64 << 20;

process.env.AWS_ACCESS_KEY_ID ??= 'bench';
process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';

/** Records as the parsers leave them, and where they stand in the workload's bytes. */
interface Load {
  /** Each holds all records, so that one run of the engine is long enough to be measured. */
  readonly lanes: readonly SharedArrayBuffer[];
  readonly bytes: Buffer;
  readonly keys: readonly string[];
  /** Start of each line, and the end of the last one. */
  readonly starts: Float64Array;
  readonly dataBytes: number;
}

function loadOf(name: string, laneBytes = LANE_BYTES, laneCount = LANES): Load {
  const workload = WORKLOADS.find((one) => one.name === name)!;
  const lineCount = Math.floor(laneBytes / (workload.lineBytes + 64));
  const bytes = workload.generate({ seed: 42, lineCount });
  const lane = createLane(laneBytes);
  const producer = new LaneProducer(lane);
  const names = workload.key.slice(1).split('/');
  const keys: string[] = [];
  const starts = [0];
  for (let start = 0, end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
    const line = JSON.parse(bytes.toString('utf8', start, end));
    const key = String(names.reduce((value, member) => value[member], line));
    const hash = createHash('md5').update(key).digest();
    const isWritten = producer.tryWriteRecord({
      key: Buffer.from(key),
      keyStart: 0,
      keyEnd: Buffer.byteLength(key),
      data: bytes,
      dataStart: start,
      dataEnd: end,
      appendNewline: false,
      slice: 0,
      lineOffset: start,
      hashHigh: hash.readBigUInt64BE(0),
      hashLow: hash.readBigUInt64BE(8),
      flags: 0,
    });
    if (!isWritten) break;
    keys.push(key);
    starts.push(end + 1);
  }
  producer.publish();
  const copies = Array.from({ length: laneCount - 1 }, () => copyOf(lane));
  const lanes = [lane, ...copies];
  return { lanes, bytes, keys, starts: Float64Array.from(starts), dataBytes: starts.at(-1)! - keys.length };
}

function copyOf(lane: SharedArrayBuffer): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(lane.byteLength);
  new Uint8Array(copy).set(new Uint8Array(lane));
  return copy;
}

/** The record at `index` as the SDK wants it. */
function entryOf({ keys, bytes, starts }: Load, index: number): PutRecordsRequestEntry {
  return { PartitionKey: keys[index], Data: bytes.subarray(starts[index], starts[index + 1]! - 1) };
}

/** A stream, and what each contender keeps open to it. */
interface Link {
  readonly client: KinesisClient;
  readonly caller: KinesisCaller;
  readonly arn: string;
  readonly endpoint: string;
  readonly shards: readonly ShardRange[];
}

async function openLink(endpoint: string): Promise<Link> {
  const client = createKinesisClient({ region: 'us-east-1', profile: null, endpoint });
  const arn = `arn:aws:kinesis:us-east-1:000000000000:stream/${STREAM}`;
  const caller = await createKinesisCaller({ way: wayOf(client), wire: 'cbor', streamArn: arn });
  return {
    client,
    caller,
    arn,
    endpoint,
    shards: await listOpenShards(new KinesisControl(wayOf(client)), arn),
  };
}

function closeLink({ client, caller }: Link): void {
  caller.close();
  client.destroy();
}

async function sendStock({ client }: Link, load: Load): Promise<void> {
  const { length } = load.keys;
  let next = 0;
  const worker = async () => {
    while (next < length) {
      const first = next;
      next = Math.min(length, first + BATCH_RECORDS);
      const Records = Array.from({ length: next - first }, (_, i) => entryOf(load, first + i));
      const answer = await client.send(new PutRecordsCommand({ StreamName: STREAM, Records }));
      if (answer.FailedRecordCount !== 0) throw new Error('The sink refused records');
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** @param parts The same for every call, as they are the same for a whole run. */
async function sendEngine(
  link: Link,
  load: Load,
  { codec, put, pool }: EngineParts,
  aggregateBytesMax: number | null,
): Promise<void> {
  const { caller, arn, endpoint, shards } = link;
  // What was read is there to be read again.
  for (const lane of load.lanes) Atomics.store(new Int32Array(lane), LANE_CELL.TAIL, 0);
  const setup: PublishSetup = {
    publisherIndex: 0,
    streamName: STREAM,
    traits: { ...STREAM_TRAITS, isOnDemand: true, isAutoDistributed: false, recordBytesMax: 1 << 20 },
    rules: {
      inFlightMax: IN_FLIGHT,
      batchRecordsMax: BATCH_RECORDS,
      batchBytesMax: 5 << 20,
      aggregateBytesMax,
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
    lanes: load.lanes,
    doorbells: createDoorbells(1),
    control: new SharedArrayBuffer(4),
    slices: createSlices(1),
    digestKey: new Uint8Array(16),
    stats: createStats(1),
    heartbeats: new SharedArrayBuffer(64),
    heartIndex: 0,
    bufferBytesMax: POOL_BYTES,
    scanner: 'native',
    seed: 1,
  };
  const publisher = new Publisher(setup, {
    codec,
    pool,
    sink: new KinesisSink({
      address: {
        target: { region: 'us-east-1', profile: null, endpoint },
        streamName: STREAM,
        streamId: arn,
        wire: 'cbor',
      },
      caller,
      codec: put,
      pool,
      options: { aggregateBytesMax, requestBytesMax: setup.rules.batchBytesMax, canPredictShard: true },
    }),
    post: (notice) => {
      console.error(notice);
      // A publisher that has failed stays until it is told to end.
      if (notice.kind === 'failed') Atomics.store(new Int32Array(setup.control), 0, PHASE.CUT);
    },
    nowMs: () => performance.now(),
    random: createRandom(1),
    // Nothing is left at the end.
    digest: () => ({ sumA: 0n, sumB: 0n }),
  });
  Atomics.store(new Int32Array(setup.control), 0, PHASE.FLUSH);
  await publisher.run();
  const stored = countersOf(setup.slices).acknowledged[0]!;
  if (stored !== load.lanes.length * load.keys.length) throw new Error(`Stored ${stored}`);
}

interface EngineParts {
  readonly codec: Codec;
  readonly put: PutCodec;
  readonly pool: BufferPool;
}

interface Contender {
  readonly name: string;
  /** How often it sends every record, of this many lanes. */
  readonly timesOf: (laneCount: number) => number;
  readonly send: (link: Link, load: Load) => Promise<void>;
}

const STOCK: Contender = { name: 'stock SDK', timesOf: () => 1, send: sendStock };

function engine(name: string, aggregateBytesMax: number | null, codec = openCodec()): Contender {
  const parts = { codec, put: openPutCodec(), pool: new BufferPool(POOL_BYTES) };
  const send = (link: Link, load: Load) => sendEngine(link, load, parts, aggregateBytesMax);
  return { name, timesOf: (laneCount) => laneCount, send };
}

const PLAIN = engine('publisher', null);
const AGGREGATED = engine('publisher, aggregated', AGGREGATE_BYTES);
const CASES = [
  { workload: 'github-684', contenders: [STOCK, PLAIN], shares: [['unaggregated', null]] },
  {
    workload: 'clicks-77',
    contenders: [STOCK, PLAIN, AGGREGATED],
    shares: [
      ['unaggregated', null],
      ['aggregated', AGGREGATE_BYTES],
    ],
  },
] as const;

/** Every record of the stream with its key, sorted, whether it travelled alone or aggregated. */
function storedIn(kinesis: LocalKinesis): string[] {
  const texts: string[] = [];
  for (const { partitionKey, data } of kinesis.records(STREAM)) {
    const parts = deaggregate(data);
    if (parts === null) texts.push(`${partitionKey} ${data.toString('latin1')}`);
    else
      for (const part of parts)
        texts.push(`${Buffer.from(part.partitionKey)} ${Buffer.from(part.data).toString('latin1')}`);
  }
  return texts.sort();
}

/** Right, then fast: every contender stores the records that there are, each once. */
async function check(load: Load, contenders: readonly Contender[]): Promise<void> {
  const wanted = load.keys
    .map((key, i) => `${key} ${Buffer.from(entryOf(load, i).Data!).toString('latin1')}`)
    .sort();
  for (const { send } of contenders) {
    const kinesis = await startLocalKinesis({ streams: { [STREAM]: SHARDS } });
    const link = await openLink(kinesis.endpoint);
    await send(link, load);
    deepStrictEqual(storedIn(kinesis), wanted);
    closeLink(link);
    await kinesis.close();
  }
}

async function startSink(): Promise<{ child: ChildProcess; endpoint: string }> {
  const script = new URL('../src/embedded/serve.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, '--stream', `${STREAM}:${SHARDS}`, '--discard'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return { child, endpoint: JSON.parse(line).kinesis };
}

/** @returns CPU nanoseconds of this process per record. */
async function measure({ timesOf, send }: Contender, link: Link, load: Load): Promise<number> {
  // Nobody pays for what another contender left behind. Figures of --smoke are nobody's.
  if (!smoke) collectGarbage();
  const before = process.cpuUsage();
  await send(link, load);
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1_000) / (timesOf(load.lanes.length) * load.keys.length);
}

/** CPU milliseconds of this thread. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** The codec with a clock around what is accounting: a profile does not tell native functions apart. */
class ClockedCodec {
  accountingMs = 0;
  readonly codec = openCodec();

  constructor() {
    const acknowledge = this.codec.acknowledge.bind(this.codec);
    this.codec.acknowledge = (...args) => {
      const startMs = threadMs();
      const settled = acknowledge(...args);
      const endMs = threadMs();
      // A look at the clock is a system call, and no part of the work.
      this.accountingMs += Math.max(0, endMs - startMs - (threadMs() - endMs));
      return settled;
    };
  }
}

/** Files whose own time is pacing or accounting; every other one is the work itself. */
const PARTS = {
  pacing: /\/publish\/(pace|breaker)\.ts$/,
  accounting: /\/publish\/(settle|stats)\.ts$/,
};

/** CPU time that is sampled at least: a busy machine takes few samples, and in ten milliseconds perhaps none. */
const PROFILED_MS_MIN = smoke ? 50 : 200;

interface Shares {
  readonly pacing: number;
  readonly accounting: number;
}

/** Samples this thread while the publisher works. @returns Per cent of its busy time, by part. */
async function profile(aggregateBytesMax: number | null, link: Link, load: Load): Promise<Shares> {
  const clocked = new ClockedCodec();
  const { send } = engine('profiled', aggregateBytesMax, clocked.codec);
  await send(link, load);
  clocked.accountingMs = 0;
  const startMs = threadMs();
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 100 });
  await session.post('Profiler.start');
  do await send(link, load);
  while (threadMs() - startMs < PROFILED_MS_MIN);
  const nativeShare = clocked.accountingMs / (threadMs() - startMs);
  const { profile: found } = await session.post('Profiler.stop');
  session.disconnect();
  const frames = new Map(found.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const partMs = { pacing: 0, accounting: 0 };
  let busyMs = 0;
  for (const [i, id] of found.samples!.entries()) {
    const { url, functionName } = frames.get(id)!;
    if (functionName === '(idle)' || url === 'node:inspector') continue;
    const ms = found.timeDeltas![i]! / 1_000;
    busyMs += ms;
    if (PARTS.pacing.test(url)) partMs.pacing += ms;
    else if (PARTS.accounting.test(url)) partMs.accounting += ms;
  }
  // Who samples had no processor while this thread had one.
  if (busyMs === 0) return profile(aggregateBytesMax, link, load);
  return {
    pacing: (partMs.pacing / busyMs) * 100,
    accounting: (partMs.accounting / busyMs + nativeShare) * 100,
  };
}

const sink = await startSink();
try {
  const link = await openLink(sink.endpoint);
  const figures: Figure[] = [];
  for (const { workload, contenders, shares } of CASES) {
    const load = loadOf(workload);
    await check(loadOf(workload, CHECKED_LANE_BYTES, 1), contenders);
    const rounds = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
    if (!smoke) for (const contender of contenders) await measure(contender, link, load);
    for (let round = 0; round < ROUNDS; round++)
      for (const contender of contenders)
        rounds.get(contender.name)!.push(await measure(contender, link, load));
    const stockNs = rounds.get(STOCK.name)!;
    const recordBytes = load.dataBytes / load.keys.length;
    for (const [contender, cpuNs] of rounds) {
      const row = { case: workload, contender };
      figures.push(
        { ...row, metric: 'CPU ns a record', values: cpuNs },
        { ...row, metric: 'MB per CPU-s', values: cpuNs.map((ns) => (recordBytes / ns) * 1_000) },
        { ...row, metric: 'x stock SDK, CPU', values: cpuNs.map((ns, round) => stockNs[round]! / ns) },
      );
    }
    for (const [name, aggregateBytesMax] of shares) {
      const parts: Record<string, number[]> = { pacing: [], accounting: [] };
      for (let round = 0; round < ROUNDS; round++) {
        const percents = await profile(aggregateBytesMax, link, load);
        for (const [part, percent] of Object.entries(percents)) parts[part]!.push(percent);
      }
      const title = `${workload}, ${name}: what is not the work itself`;
      for (const [part, values] of Object.entries(parts))
        figures.push({ case: title, contender: part, metric: SHARE, values });
    }
  }
  closeLink(link);
  report('what does publishing cost a client?', figures, { keep });
} finally {
  sink.child.kill();
}
