/**
 * Question: what does carrying records from one thread to another cost: a lane, against a MessagePort with transferred buffers
 * and with structured clones?
 * Workloads: records of 77 and 684 bytes. A lane is filled once frame by frame by the JavaScript producer, as the portable
 * scanner does it, and once by copying ready frames, which is about what the native scanner's writing costs. The codec reads it.
 * Every record arrives, or there is no figure. CPU time is that of both threads of each pair.
 * Run: `node bench/lanes.ts [--pairs 1,2,4] [--runs 3] [--keep FOLDER] [--smoke]`; by default as many pairs as have a core each.
 *
 *   writer thread ── lane (SharedArrayBuffer) ──> reader thread: drain into batches             } one pair;
 *   writer thread ── port, transferred buffer of 64 KiB of records ──> reader thread: walk them  } 1 to N of
 *   writer thread ── port, array of 500 records as objects, cloned ──> reader thread: walk them  } them at once
 */
import { equal } from 'node:assert/strict';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import {
  isMainThread,
  MessageChannel,
  type MessagePort,
  parentPort,
  Worker,
  workerData,
} from 'node:worker_threads';
import { SHARD_ROW } from '../src/publish/codec.ts';
import { openCodec } from '../src/publish/open-codec.ts';
import { frameBytes } from '../src/record/frame.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../src/ring/layout.ts';
import { Listener } from '../src/ring/listener.ts';
import { createLane, LaneProducer } from '../src/ring/producer.ts';
import { createDoorbells, Doorbell, notifySpace, waitForSpace } from '../src/ring/wait.ts';
import { type Figure, report } from './report.ts';

type Way = 'lane, JavaScript writer' | 'lane, copied frames' | 'port, transfer' | 'port, clone';
interface Setup {
  readonly way: Way;
  readonly role: 'writer' | 'reader';
  readonly port: MessagePort;
  readonly lane: SharedArrayBuffer;
  readonly bells: SharedArrayBuffer;
  readonly dataBytes: number;
  readonly recordCount: number;
}

const KEY_BYTES = 8;
const LANE_BYTES = 1 << 20;
const TRANSFER_BYTES = 64 * 1024;
const CLONE_RECORDS = 500;
/** Messages in flight on a port: a lane bounds itself, a port has to be bounded by hand. */
const PORT_WINDOW = 16;

/** The record that is written again and again. */
function recordOf({ dataBytes }: Setup) {
  return {
    key: new Uint8Array(KEY_BYTES).fill(107),
    keyStart: 0,
    keyEnd: KEY_BYTES,
    data: new Uint8Array(dataBytes).fill(100),
    dataStart: 0,
    dataEnd: dataBytes,
    appendNewline: false,
    slice: 0,
    lineOffset: 0,
    hashHigh: 1n,
    hashLow: 2n,
    flags: 0,
  };
}

function writeLane(setup: Setup): void {
  const producer = new LaneProducer(setup.lane);
  const bell = new Doorbell(setup.bells);
  const record = recordOf(setup);
  const needBytes = frameBytes(KEY_BYTES, setup.dataBytes);
  for (let i = 0; i < setup.recordCount; i++) {
    while (!producer.tryWriteRecord(record)) {
      bell.ring(0);
      waitForSpace(setup.lane, needBytes, () => false);
    }
    if ((i & 255) === 255) {
      producer.publish();
      bell.ring(0);
    }
  }
  producer.publish();
  bell.ring(0);
}

/** Frames as the native scanner leaves them: here copied, a quarter of the lane at a time. */
function copyFrames(setup: Setup): void {
  const cells = new Int32Array(setup.lane, 0, LANE_DATA_BYTE / 4);
  const bytes = new Uint8Array(setup.lane, LANE_DATA_BYTE);
  const bell = new Doorbell(setup.bells);
  const oneBytes = frameBytes(KEY_BYTES, setup.dataBytes);
  const runBytes = Math.floor(LANE_BYTES / 4 / oneBytes) * oneBytes;
  const source = createLane(LANE_BYTES);
  const producer = new LaneProducer(source);
  for (let at = 0; at < runBytes; at += oneBytes) producer.tryWriteRecord(recordOf(setup));
  const run = new Uint8Array(source, LANE_DATA_BYTE, runBytes);
  let head = 0;
  for (let left = setup.recordCount * oneBytes; left > 0; ) {
    const start = head & (LANE_BYTES - 1);
    const sizeBytes = Math.min(runBytes, left, Math.floor((LANE_BYTES - start) / oneBytes) * oneBytes);
    const padBytes = sizeBytes === 0 ? LANE_BYTES - start : 0;
    waitForSpace(setup.lane, Math.max(sizeBytes, padBytes), () => false);
    if (padBytes > 0)
      new DataView(bytes.buffer, LANE_DATA_BYTE).setBigUint64(start, BigInt(padBytes) | (2n << 32n), true);
    else bytes.set(run.subarray(0, sizeBytes), start);
    head = (head + sizeBytes + padBytes) >>> 0;
    left -= sizeBytes;
    Atomics.store(cells, LANE_CELL.HEAD, head | 0);
    bell.ring(0);
  }
}

async function post(setup: Setup): Promise<void> {
  const { dataBytes, recordCount, way, port } = setup;
  const record = recordOf(setup);
  const perMessage =
    way === 'port, transfer' ? Math.floor(TRANSFER_BYTES / (KEY_BYTES + dataBytes + 8)) : CLONE_RECORDS;
  let inFlight = 0;
  let wake = () => {};
  port.on('message', () => {
    inFlight--;
    wake();
  });
  for (let left = recordCount; left > 0; left -= perMessage) {
    const count = Math.min(left, perMessage);
    if (inFlight >= PORT_WINDOW) await new Promise<void>((resolve) => (wake = resolve));
    inFlight++;
    if (way === 'port, clone') {
      port.postMessage(
        Array.from({ length: count }, () => ({
          key: record.key,
          data: record.data,
          slice: 0,
          lineOffset: 0,
        })),
      );
      continue;
    }
    const bytes = new Uint8Array(count * (KEY_BYTES + dataBytes + 8));
    const view = new DataView(bytes.buffer);
    for (let i = 0, at = 0; i < count; i++) {
      view.setUint32(at, KEY_BYTES, true);
      view.setUint32(at + 4, dataBytes, true);
      bytes.set(record.key, at + 8);
      bytes.set(record.data, at + 8 + KEY_BYTES);
      at += 8 + KEY_BYTES + dataBytes;
    }
    port.postMessage(bytes, [bytes.buffer]);
  }
  port.postMessage(null);
}

/** Reads until every record is here. @returns Records read. */
async function read(setup: Setup): Promise<number> {
  if (setup.way.startsWith('lane')) return drainLane(setup);
  const { port } = setup;
  let records = 0;
  await new Promise<void>((resolve) => {
    port.on('message', (message: Uint8Array | { key: Uint8Array; data: Uint8Array }[] | null) => {
      if (message === null) return resolve();
      port.postMessage(0);
      if (Array.isArray(message)) {
        for (const { data } of message) if (data.length === setup.dataBytes) records++;
        return;
      }
      const view = new DataView(message.buffer);
      for (let at = 0; at < message.length; at += 8 + view.getUint32(at, true) + view.getUint32(at + 4, true))
        records++;
    });
  });
  return records;
}

async function drainLane(setup: Setup): Promise<number> {
  const codec = openCodec();
  const ear = new Listener(new Doorbell(setup.bells).bell(0));
  const table = {
    starts: BigUint64Array.of(0n, 0n, 1n << 63n, 0n),
    rows: new Uint32Array(2 * SHARD_ROW.COLUMNS),
    buffers: [new Uint8Array(256 * 1024), new Uint8Array(256 * 1024)],
  };
  const clear = (shard: number) =>
    table.rows.set([0, 0, 0, 256 * 1024, 500, 5 << 20], shard * SHARD_ROW.COLUMNS);
  clear(0);
  clear(1);
  let records = 0;
  while (records < setup.recordCount) {
    const seen = ear.count();
    const result = codec.drain(setup.lane, table);
    records += result.records;
    notifySpace(setup.lane);
    if (result.status === 'shard-full') clear(result.shardIndex);
    else if (records < setup.recordCount) await ear.heard(seen, 1000);
  }
  ear.close();
  return records;
}

async function write(setup: Setup): Promise<void> {
  if (setup.way === 'lane, JavaScript writer') writeLane(setup);
  else if (setup.way === 'lane, copied frames') copyFrames(setup);
  else await post(setup);
}

/** Both threads of one pair, up and waiting for `go`. */
async function startPair(way: Way, dataBytes: number, recordCount: number): Promise<[Worker, Worker]> {
  const { port1, port2 } = new MessageChannel();
  const common = { way, lane: createLane(LANE_BYTES), bells: createDoorbells(1), dataBytes, recordCount };
  const start = (role: Setup['role'], port: MessagePort) =>
    new Worker(new URL(import.meta.url), {
      workerData: { ...common, role, port } satisfies Setup,
      transferList: [port],
    });
  const pair: [Worker, Worker] = [start('writer', port1), start('reader', port2)];
  await Promise.all(pair.map((worker) => once(worker, 'message')));
  return pair;
}

/** @returns Seconds of wall and of CPU time until every reader has every record. */
async function run(way: Way, dataBytes: number, recordCount: number, pairCount: number) {
  const pairs = await Promise.all(
    Array.from({ length: pairCount }, () => startPair(way, dataBytes, recordCount)),
  );
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const answers = pairs.map(([, reader]) => once(reader, 'message'));
  for (const worker of pairs.flat()) worker.postMessage('go');
  for (const [records] of await Promise.all(answers)) equal(records, recordCount);
  const wallSeconds = (performance.now() - startMs) / 1000;
  const { user, system } = process.cpuUsage(cpuBefore);
  await Promise.all(pairs.flat().map((worker) => worker.terminate()));
  return { wallSeconds, cpuSeconds: (user + system) / 1e6 };
}

const WAYS: readonly (readonly [Way, number])[] = [
  ['lane, copied frames', 20_000_000],
  ['lane, JavaScript writer', 4_000_000],
  ['port, transfer', 2_000_000],
  ['port, clone', 400_000],
];

async function main(): Promise<void> {
  const { values: flags } = parseArgs({
    options: {
      pairs: { type: 'string' },
      runs: { type: 'string', default: '3' },
      keep: { type: 'string' },
      smoke: { type: 'boolean', default: false },
    },
  });
  const pairCounts = flags.smoke
    ? [1]
    : (flags.pairs?.split(',').map(Number) ??
      [1, 2, 4, 8, 16, 32].filter((count) => count <= Math.max(2, availableParallelism())));
  const figures: Figure[] = [];
  for (const dataBytes of [77, 684]) {
    for (const pairCount of pairCounts) {
      for (const [way, shortRecords] of WAYS) {
        const longer = dataBytes > 100 ? 4 : 1;
        const recordCount = flags.smoke ? 3000 : Math.round(shortRecords / longer / pairCount);
        const costs = [];
        for (let round = 0; round < (flags.smoke ? 1 : Number(flags.runs)); round++)
          costs.push(await run(way, dataBytes, recordCount, pairCount));
        const records = recordCount * pairCount;
        const bytes = records * (KEY_BYTES + dataBytes);
        const row = {
          case: `records of ${dataBytes} bytes, ${pairCount} ${pairCount === 1 ? 'pair' : 'pairs'}`,
          contender: way,
        };
        figures.push(
          {
            ...row,
            metric: 'million records/s',
            values: costs.map(({ wallSeconds }) => records / wallSeconds / 1e6),
          },
          { ...row, metric: 'MB/s', values: costs.map(({ wallSeconds }) => bytes / wallSeconds / 1e6) },
          {
            ...row,
            metric: 'CPU ns a record',
            values: costs.map(({ cpuSeconds }) => (cpuSeconds * 1e9) / records),
          },
        );
      }
    }
  }
  report('what does carrying records from thread to thread cost?', figures, {
    keep: flags.keep,
    notes: [`The ${openCodec().kind} codec reads the lanes.`],
  });
}

async function work(setup: Setup): Promise<void> {
  parentPort!.postMessage('ready');
  await once(parentPort!, 'message');
  if (setup.role === 'writer') await write(setup);
  else parentPort!.postMessage(await read(setup));
}

if (isMainThread) await main();
else await work(workerData as Setup);
