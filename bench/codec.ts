/**
 * Question: what does each step of a publisher's byte work cost per record, native and portable?
 * Workloads: clicks-77 and github-684, seed 42. Both codecs give equal results, or the clock does not start.
 * Run: `node bench/codec.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import { KINESIS } from '../src/base/limits.ts';
import { type Codec, SHARD_ROW, type ShardTable } from '../src/publish/codec.ts';
import { BATCH_FORM, type EntryForm } from '../src/publish/entries.ts';
import { CBOR_ENTRIES } from '../src/publish/kinesis/body.ts';
import { openPutCodec } from '../src/publish/kinesis/open-put-codec.ts';
import type { PutCodec } from '../src/publish/kinesis/put-codec.ts';
import { openCodec } from '../src/publish/open-codec.ts';
import { VERDICT } from '../src/publish/sink.ts';
import { FRAME_KIND } from '../src/record/frame.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../src/ring/layout.ts';
import { createLane, LaneProducer } from '../src/ring/producer.ts';
import { takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';

const { keep, smoke } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
}).values;
const ARN = 'arn:aws:kinesis:eu-central-1:123456789012:stream/clicks';
const SHARDS = 16;

/** A lane of 16 MiB, as full as it gets with the workload's records. */
function fillLane(workload: Workload): { lane: SharedArrayBuffer; records: number } {
  const lane = createLane(16 << 20);
  const producer = new LaneProducer(lane);
  const lineCount = smoke ? 2000 : Math.min(200_000, Math.floor((16 << 20) / workload.lineBytes));
  const bytes = workload.generate({ seed: 42, lineCount });
  let records = 0;
  for (let start = 0, end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
    const line = JSON.parse(bytes.toString('utf8', start, end));
    const key = Buffer.from(
      workload.key
        .slice(1)
        .split('/')
        .reduce((value, name) => value[name], line),
    );
    const hash = createHash('md5').update(key).digest();
    const isWritten = producer.tryWriteRecord({
      key,
      keyStart: 0,
      keyEnd: key.length,
      data: bytes,
      dataStart: start,
      dataEnd: end,
      appendNewline: false,
      slice: 1,
      lineOffset: start,
      hashHigh: hash.readBigUInt64BE(0),
      hashLow: hash.readBigUInt64BE(8),
      flags: 0,
    });
    if (!isWritten) break;
    records++;
  }
  producer.publish();
  return { lane, records };
}

function openTable(form: EntryForm | null = null): ShardTable {
  const width = (1n << 64n) / BigInt(SHARDS);
  return {
    starts: BigUint64Array.from(Array.from({ length: SHARDS }, (_, i) => [width * BigInt(i), 0n]).flat()),
    rows: new Uint32Array(SHARDS * SHARD_ROW.COLUMNS),
    buffers: Array.from({ length: SHARDS }, () => new Uint8Array(16 << 20)),
    form,
  };
}

function clearTable(table: ShardTable): void {
  const used = table.form?.openingBytes ?? 0;
  const form = table.form ? BATCH_FORM.ENTRIES : BATCH_FORM.FRAMES;
  for (let i = 0; i < SHARDS; i++)
    table.rows.set([used, 0, 0, 16 << 20, 1e6, 64 << 20, form], i * SHARD_ROW.COLUMNS);
}

interface Step {
  readonly name: string;
  readonly records: number;
  readonly run: () => unknown;
  /** What must be equal for all codecs after one run. */
  readonly result: () => unknown;
}

interface Side {
  readonly codec: Codec;
  readonly put: PutCodec;
}

/** Every step of one codec over one lane. */
function stepsOf({ codec, put }: Side, lane: SharedArrayBuffer, records: number): Step[] {
  const table = openTable();
  const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
  const drainTo = (shards: ShardTable) => () => {
    clearTable(shards);
    Atomics.store(cells, LANE_CELL.TAIL, 0);
    return codec.drain(lane, shards);
  };
  const drain = drainTo(table);
  const entries = openTable(CBOR_ENTRIES);
  const inFirst = () => entries.rows[SHARD_ROW.COUNT]!;
  const ofFirst = () => createHash('md5').update(entries.buffers[0]!).digest('hex');
  deepStrictEqual(drain().records, records);
  const frames = new Uint8Array(lane, LANE_DATA_BYTE, cells[LANE_CELL.HEAD]!);
  const few = Math.min(500, records);
  const fewFrames = frames.slice(0, framesBytes(frames, few));
  const allOut = new Uint8Array(put.encodedBytesMax(frames, records, 'json'));
  const counts = new Uint32Array(KINESIS.putRecordsCountMax);
  const runs = new Uint32Array(512);
  const sums = new Uint32Array(0);
  const answer = answerOf(few);
  const verdicts = new Uint8Array(records);
  const counters = { acknowledged: new Int32Array(4), settled: new Int32Array(1) };
  const body = (bytes: number) => createHash('md5').update(allOut.subarray(0, bytes)).digest('hex');
  const aggregate = (wire: 'cbor' | 'json') =>
    put.encodeAggregated(
      frames,
      records,
      wire,
      ARN,
      '1',
      51_200,
      KINESIS.putRecordsBytesMax,
      allOut,
      counts,
      runs,
      sums,
    );
  const read = (wire: 'cbor' | 'json') =>
    put.readPutResult(answer[wire], wire, few, 'shardId-000000000001', verdicts);
  const aggregatedRecords = aggregate('cbor').frames;
  const timed: [string, number, () => unknown, (result: never) => unknown][] = [
    ['drain to 16 shards', records, drain, (result) => [result, table.rows]],
    ['drain to 16 shards, into entries', records, drainTo(entries), () => [entries.rows, ofFirst()]],
    ['encode cbor, 500 records', few, () => put.encode(fewFrames, few, 'cbor', ARN, allOut), body],
    ['encode json, 500 records', few, () => put.encode(fewFrames, few, 'json', ARN, allOut), body],
    [
      'encode aggregated cbor, 10 MiB',
      aggregatedRecords,
      () => aggregate('cbor'),
      (r: { bytes: number }) => body(r.bytes),
    ],
    [
      'encode aggregated json, 10 MiB',
      aggregatedRecords,
      () => aggregate('json'),
      (r: { bytes: number }) => body(r.bytes),
    ],
    ['read answer cbor, 500 records', few, () => read('cbor'), (result) => result],
    ['read answer json, 500 records', few, () => read('json'), (result) => result],
    [
      'acknowledge',
      records,
      () => codec.acknowledge(frames, records, verdicts, VERDICT.STORED, counters),
      () => 0,
    ],
    [
      'acknowledge entries',
      records / SHARDS,
      () => codec.acknowledgeEntries(entries.buffers[0]!, inFirst(), counters),
      () => 0,
    ],
    [
      'select all',
      records,
      () => codec.select(frames, records, verdicts, VERDICT.STORED, allOut),
      (result) => result,
    ],
  ];
  return timed.map(([name, count, run, result]) => ({
    name,
    records: count,
    run,
    result: () => result(run() as never),
  }));
}

function framesBytes(frames: Uint8Array, count: number): number {
  const view = new DataView(frames.buffer, frames.byteOffset);
  let at = 0;
  for (let i = 0; i < count; i++) {
    deepStrictEqual(view.getUint8(at + 4), FRAME_KIND.RECORD);
    at += view.getUint32(at, true);
  }
  return at;
}

/** An answer as the service gives it, in both wire formats. */
function answerOf(count: number): { cbor: Uint8Array; json: Uint8Array } {
  const record = {
    SequenceNumber: '49590338271490256608559692538361571095921575989136588898',
    ShardId: 'shardId-000000000001',
  };
  const text = (value: string) =>
    Buffer.concat([
      value.length < 24 ? Buffer.of(0x60 + value.length) : Buffer.of(0x78, value.length),
      Buffer.from(value),
    ]);
  const one = Buffer.concat([Buffer.of(0xa2), ...Object.entries(record).flat().map(text)]);
  const head = Buffer.concat([Buffer.of(0xa1), text('Records'), Buffer.of(0x99, count >> 8, count & 255)]);
  return {
    cbor: Buffer.concat([head, ...Array.from({ length: count }, () => one)]),
    json: Buffer.from(JSON.stringify({ Records: Array.from({ length: count }, () => record) })),
  };
}

const notes: string[] = [];
const open = (portable: boolean): Side => ({
  codec: openCodec({ portable }),
  put: openPutCodec({ portable }),
});
const codecs = [open(true)];
if (openCodec().kind === 'native') codecs.push(open(false));
else notes.push('The native addon is not built: portable figures only.');
const figures: Figure[] = [];
for (const workload of WORKLOADS.filter(({ name }) => name === 'clicks-77' || name === 'github-684')) {
  const { lane, records } = fillLane(workload);
  const sides = codecs.map((side) => ({ kind: side.codec.kind, steps: stepsOf(side, lane, records) }));
  for (const [index, { name, records: count }] of sides[0]!.steps.entries()) {
    const results = sides.map(({ steps }) => steps[index]!.result());
    for (const result of results) deepStrictEqual(result, results[0]); // right, then fast
    const subjects = sides.map(({ kind, steps }) => ({
      name: kind,
      itemsPerCall: count,
      run: steps[index]!.run,
    }));
    const rounds = await takeTurns(subjects, smoke);
    const row = { case: `${workload.name}: ${records} records in the lane`, contender: name };
    for (const [kind, own] of rounds)
      figures.push(
        { ...row, metric: `${kind}, ns a record`, values: own.map(({ ns }) => ns) },
        { ...row, metric: `${kind}, CPU ns a record`, values: own.map(({ cpuNs }) => cpuNs) },
      );
  }
}
report("what does each step of a publisher's byte work cost?", figures, { keep, notes });
