/**
 * What C++ is handed: every array that it reads or writes by a count is first taken as it should be, which must work, and then too short,
 * which must be refused with an error, and with nothing written behind the array's end.
 */
import { describe, expect, it } from 'vitest';
import { encodeCbor } from '../../src/aws/cbor.ts';
import { BUCKET_BYTES, DIGEST_STATE } from '../../src/digest/digest-portable.ts';
import { loadAddon } from '../../src/native/load.ts';
import { SHARD_ROW } from '../../src/publish/codec.ts';
import { BATCH_FORM } from '../../src/publish/entries.ts';
import { FRAME } from '../../src/record/frame.ts';
import { createLane, LaneProducer } from '../../src/ring/producer.ts';
import { LINE, TEXT as TEXT_CELL } from '../../src/scan/line-text.ts';
import { KEY_CHARS_MAX, REJECT_COLUMNS, SUM } from '../../src/scan/native.ts';
import { OUTPUT_COLUMNS } from '../../src/scan/scanner.ts';
import { CUT_SUM } from '../../src/scan/values-native.ts';
import { CURSOR, INDEX, OUTLINE } from '../../src/stream/answer-native.ts';
import { framesOf, record } from '../publish/frames.ts';

const { addon } = loadAddon();
const call = addon as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;

const GUARD_BYTES = 256;
const GUARD = 0xa5;
type Numbers = Uint8Array | Uint32Array | Int32Array | BigUint64Array | Float64Array;
type NumbersType = {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): Numbers;
  readonly BYTES_PER_ELEMENT: number;
};

/** Arrays that lie in front of a guard, which nobody may touch. */
class Guarded {
  readonly #guards: Uint8Array[] = [];

  of<T extends NumbersType>(type: T, length: number): InstanceType<T> {
    const bytes = length * type.BYTES_PER_ELEMENT;
    const memory = new ArrayBuffer(bytes + GUARD_BYTES);
    this.#guards.push(new Uint8Array(memory, bytes).fill(GUARD));
    return new type(memory, 0, length) as InstanceType<T>;
  }

  areWhole(): boolean {
    return this.#guards.every((guard) => guard.every((byte) => byte === GUARD));
  }
}

const RECORDS = [
  record({ key: 'one', slice: 1 }),
  record({ key: 'two', slice: 1 }),
  record({ key: 'three', slice: 2 }),
];
const FRAMES = framesOf(RECORDS);
const SUFFIX = Buffer.from('}');
const TEXT = Buffer.from('{"k":"a"}\nbad\n{"k":"b"}\nworse\n');
const ANSWER = encodeCbor({
  Records: [
    { Data: Buffer.from('x'), PartitionKey: 'k', SequenceNumber: '1', ApproximateArrivalTimestamp: 1 },
  ],
});
const PUT_ANSWER = encodeCbor({ Records: [{ ShardId: 's', SequenceNumber: '1' }, { ErrorCode: 'E' }] });

function filledLane(): Uint8Array {
  const lane = createLane(64 * 1024);
  const producer = new LaneProducer(lane, true);
  const [key, data] = [Buffer.from('k'), Buffer.from('{}')];
  const whole = { key, keyStart: 0, keyEnd: 1, data, dataStart: 0, dataEnd: 2, appendNewline: false };
  producer.tryWriteRecord({ ...whole, slice: 0, lineOffset: 0, hashHigh: 0n, hashLow: 0n, flags: 0 });
  producer.publish();
  return new Uint8Array(lane);
}

function rowsOf(guarded: Guarded, length: number): Uint32Array {
  const rows = guarded.of(Uint32Array, length);
  rows[SHARD_ROW.CAPACITY_BYTES] = 4096;
  rows[SHARD_ROW.COUNT_MAX] = 10;
  rows[SHARD_ROW.PAYLOAD_BYTES_MAX] = 1000;
  return rows;
}

function cursorOf(guarded: Guarded, length: number, at?: number): Uint32Array {
  const outline = new Uint32Array(OUTLINE.CELLS);
  call.outlineGetRecords!(ANSWER, outline);
  const cursor = guarded.of(Uint32Array, length);
  cursor[CURSOR.AT] = at ?? outline[OUTLINE.RECORDS_AT]!;
  cursor[CURSOR.LEFT] = 1;
  return cursor;
}

function scannerOf(lanes: readonly Uint8Array[], startCells: number, keyCharsMax = KEY_CHARS_MAX): unknown {
  const starts = new BigUint64Array(startCells);
  return call.scanCreate!([Buffer.from('k')], null, 0, 64, 1000, keyCharsMax, lanes, starts, -1);
}

function textScannerOf(guarded: Guarded, text: number, rows: number, used: number | Float64Array): unknown {
  const cells = typeof used === 'number' ? guarded.of(Float64Array, used) : used;
  return call.scanCreate!(
    ...[null, null, 2, 64, 1000, KEY_CHARS_MAX, [], new BigUint64Array(0), -1, null],
    ...[guarded.of(Uint8Array, text), guarded.of(Float64Array, rows), cells],
  );
}

/** Each call with its lengths: those that are right, and what each is when it is too short. */
interface Case {
  readonly name: string;
  readonly right: Readonly<Record<string, number>>;
  readonly wrong: Readonly<Record<string, number>>;
  readonly run: (lengths: Readonly<Record<string, number>>, guarded: Guarded) => unknown;
}

const CASES: readonly Case[] = [
  {
    name: 'drain',
    right: { lane: 256 + 64 * 1024, starts: 2, rows: SHARD_ROW.COLUMNS, batch: 4096, result: 5 },
    wrong: { lane: 255, starts: 0, rows: SHARD_ROW.COLUMNS - 1, batch: 64, result: 4 },
    run: (n, guarded) =>
      call.drain!(
        filledLane().subarray(0, n.lane),
        new BigUint64Array(n.starts!),
        rowsOf(guarded, n.rows!),
        [guarded.of(Uint8Array, n.batch!)],
        guarded.of(Float64Array, n.result!),
      ),
  },
  {
    name: 'drain into entries',
    right: { batch: 4096 },
    wrong: { batch: 64 },
    run: (n, guarded) => {
      const rows = rowsOf(guarded, SHARD_ROW.COLUMNS);
      rows[SHARD_ROW.FORM] = BATCH_FORM.ENTRIES;
      const batches = [guarded.of(Uint8Array, n.batch!)];
      return call.drain!(filledLane(), new BigUint64Array(2), rows, batches, new Float64Array(5));
    },
  },
  {
    name: 'acknowledgeEntries',
    right: { batch: 3 * FRAME.HEADER_BYTES, count: 3, cells: 1, settled: 1 },
    wrong: { batch: 3 * FRAME.HEADER_BYTES - 1, count: 4, cells: 0, settled: 0 },
    run: (n, guarded) =>
      call.acknowledgeEntries!(
        guarded.of(Uint8Array, n.batch!),
        n.count,
        guarded.of(Int32Array, n.cells!),
        guarded.of(Int32Array, n.settled!),
      ),
  },
  {
    name: 'encodeEntries',
    right: { frames: FRAMES.length, count: 3, out: 1000 },
    wrong: { frames: FRAMES.length - 8, count: 4, out: 200 },
    run: (n, guarded) =>
      call.encodeEntries!(FRAMES.subarray(0, n.frames), n.count, 0, SUFFIX, guarded.of(Uint8Array, n.out!)),
  },
  {
    name: 'encodeEntries in JSON',
    right: { frames: FRAMES.length, count: 3, out: 2000 },
    wrong: { frames: FRAMES.length - 8, count: 4, out: 350 },
    run: (n, guarded) =>
      call.encodeEntries!(FRAMES.subarray(0, n.frames), n.count, 1, SUFFIX, guarded.of(Uint8Array, n.out!)),
  },
  ...[0, 1].map((isJson) => ({
    name: isJson ? 'encodeAggregated in JSON' : 'encodeAggregated',
    right: { frames: FRAMES.length, count: 3, digits: 39, out: 2000, counts: 500, result: 6 },
    wrong: { frames: FRAMES.length - 8, count: 4, digits: 40, out: 150, result: 5 },
    run: (n: Readonly<Record<string, number>>, guarded: Guarded) =>
      call.encodeAggregated!(
        FRAMES.subarray(0, n.frames),
        n.count,
        isJson,
        SUFFIX,
        Buffer.alloc(n.digits!, '1'),
        50_000,
        1e6,
        guarded.of(Uint8Array, n.out!),
        guarded.of(Uint32Array, n.counts!),
        guarded.of(Uint32Array, 2),
        guarded.of(Uint32Array, 1),
        guarded.of(Float64Array, n.result!),
      ),
  })),
  {
    name: 'sumAggregates',
    right: { body: 116, start: 0, bytes: 100 },
    wrong: { body: 115, start: 1, bytes: 101 },
    run: (n, guarded) =>
      call.sumAggregates!([guarded.of(Uint8Array, n.body!)], [Uint32Array.of(n.start!, n.bytes!)]),
  },
  {
    name: 'readPutResult',
    right: { verdicts: 2, counts: 4 },
    wrong: { verdicts: 1, counts: 3 },
    run: (n, guarded) =>
      call.readPutResult!(
        PUT_ANSWER,
        0,
        2,
        Buffer.from('s'),
        guarded.of(Uint8Array, n.verdicts!),
        guarded.of(Float64Array, n.counts!),
        [],
      ),
  },
  {
    name: 'acknowledge',
    right: { frames: FRAMES.length, count: 3, verdicts: 4, cells: 3, settled: 1 },
    wrong: { frames: FRAMES.length - 8, count: 4, verdicts: 2, cells: 2, settled: 0 },
    run: (n, guarded) =>
      call.acknowledge!(
        FRAMES.subarray(0, n.frames),
        n.count,
        new Uint8Array(n.verdicts!),
        0,
        guarded.of(Int32Array, n.cells!),
        guarded.of(Int32Array, n.settled!),
      ),
  },
  {
    name: 'selectFrames',
    right: { frames: FRAMES.length, count: 3, verdicts: 4, out: FRAMES.length, result: 3 },
    wrong: { frames: FRAMES.length - 8, count: 4, verdicts: 2, out: FRAMES.length - 8, result: 2 },
    run: (n, guarded) =>
      call.selectFrames!(
        FRAMES.subarray(0, n.frames),
        n.count,
        new Uint8Array(n.verdicts!),
        0,
        guarded.of(Uint8Array, n.out!),
        guarded.of(Float64Array, n.result!),
      ),
  },
  {
    name: 'outlineGetRecords',
    right: { outline: OUTLINE.CELLS },
    wrong: { outline: OUTLINE.CELLS - 1 },
    run: (n, guarded) => call.outlineGetRecords!(ANSWER, guarded.of(Uint32Array, n.outline!)),
  },
  {
    name: 'decodeGetRecords',
    right: { cursor: CURSOR.CELLS, at: 10, out: 1000, index: INDEX.COLUMNS, range: 4 },
    wrong: { cursor: CURSOR.CELLS - 1, at: ANSWER.length + 1, index: INDEX.COLUMNS - 1, range: 3 },
    run: (n, guarded) =>
      call.decodeGetRecords!(
        ANSWER,
        cursorOf(guarded, n.cursor!, n.at === 10 ? undefined : n.at),
        guarded.of(Uint8Array, n.out!),
        guarded.of(Float64Array, n.index!),
        new BigUint64Array(n.range!),
      ),
  },
  {
    name: 'digestFrames',
    right: { state: DIGEST_STATE.BYTES, frames: FRAMES.length, buckets: BUCKET_BYTES * 4, bits: 2 },
    wrong: {
      state: DIGEST_STATE.BYTES - 1,
      frames: FRAMES.length - 8,
      buckets: BUCKET_BYTES * 4 - 1,
      bits: 0,
    },
    run: (n, guarded) =>
      call.digestFrames!(
        guarded.of(Uint8Array, n.state!),
        FRAMES.subarray(0, n.frames),
        guarded.of(Uint8Array, n.buckets!),
        n.bits,
      ),
  },
  {
    name: 'digestRecord',
    right: { state: DIGEST_STATE.BYTES },
    wrong: { state: DIGEST_STATE.BYTES - 1 },
    run: (n, guarded) => call.digestRecord!(guarded.of(Uint8Array, n.state!), SUFFIX, SUFFIX),
  },
  {
    name: 'hashFrames',
    right: { state: DIGEST_STATE.BYTES, frames: FRAMES.length, out: 48 },
    wrong: { state: DIGEST_STATE.BYTES - 1, frames: FRAMES.length - 8, out: 47 },
    run: (n, guarded) =>
      call.hashFrames!(
        guarded.of(Uint8Array, n.state!),
        FRAMES.subarray(0, n.frames),
        guarded.of(Uint8Array, n.out!),
      ),
  },
  {
    name: 'scanCreate',
    right: { lane: 256 + 64 * 1024, starts: 2, keyChars: KEY_CHARS_MAX },
    wrong: { lane: 256 + 64 * 1024 - 1, starts: 1, keyChars: KEY_CHARS_MAX + 1 },
    run: (n) => scannerOf([filledLane().subarray(0, n.lane)], n.starts!, n.keyChars),
  },
  {
    name: 'scanCreate with a text',
    right: { text: 8, rows: LINE.COLUMNS, used: TEXT_CELL.CELLS },
    wrong: { text: 0, rows: LINE.COLUMNS - 1, used: TEXT_CELL.CELLS - 1 },
    run: (n, guarded) => textScannerOf(guarded, n.text!, n.rows!, n.used!),
  },
  {
    name: 'scanRun into a text',
    right: { bytes: 4, rows: 0 },
    wrong: { bytes: 9, rows: 2 },
    run: (n, guarded) => {
      const used = new Float64Array(TEXT_CELL.CELLS);
      const scanner = textScannerOf(guarded, 8, LINE.COLUMNS, used);
      used.set([n.bytes!, n.rows!]);
      const sums = new Float64Array(SUM.CELLS);
      return call.scanRun!(
        ...[scanner, TEXT, 0, TEXT.length, 0, 0, 0, Buffer.from('c')],
        ...[sums, new Float64Array(REJECT_COLUMNS), null, null],
      );
    },
  },
  {
    name: 'scanRun',
    right: {
      end: TEXT.length,
      from: 0,
      start: 0,
      coordinate: 256,
      sums: SUM.CELLS,
      rejects: REJECT_COLUMNS,
      row: 0,
    },
    wrong: {
      end: TEXT.length + 1,
      from: -1,
      start: 1,
      coordinate: 257,
      sums: SUM.CELLS - 1,
      rejects: 2,
      row: -1,
    },
    run: (n, guarded) =>
      call.scanRun!(
        scannerOf([], 0),
        TEXT,
        n.start,
        n.end,
        n.from,
        0,
        0,
        Buffer.alloc(n.coordinate!, 'c'),
        guarded.of(Float64Array, n.sums!),
        guarded.of(Float64Array, n.rejects!),
        null,
        Float64Array.of(n.row!, 0, 0),
      ),
  },
  {
    name: 'cutValues',
    right: { start: 0, end: 14, rows: 2 * OUTPUT_COLUMNS, kinds: 2, sums: CUT_SUM.CELLS, state: 3 },
    wrong: { start: 15, end: 15, rows: 2 * OUTPUT_COLUMNS - 1, kinds: 3, sums: CUT_SUM.CELLS - 1, state: 4 },
    run: (n, guarded) =>
      call.cutValues!(
        Buffer.from('{"a":1}{"b":2}'),
        n.start,
        n.end,
        0,
        true,
        n.state,
        guarded.of(Uint8Array, 16),
        guarded.of(Float64Array, n.rows!),
        guarded.of(Uint8Array, n.kinds!),
        guarded.of(Float64Array, n.sums!),
        -1,
      ),
  },
  {
    name: 'copyBytes',
    right: { to: 12, at: 2 },
    wrong: { to: 11, at: 3 },
    run: (n, guarded) => call.copyBytes!(guarded.of(Uint8Array, n.to!), n.at, new Uint8Array(10)),
  },
  {
    name: 'stepInflate',
    right: { row: 4 },
    wrong: { row: 3 },
    run: (n, guarded) =>
      call.stepInflate!(call.openInflate!(), SUFFIX, new Uint8Array(10), guarded.of(Int32Array, n.row!)),
  },
];

describe.skipIf(!addon)('arrays that the addon is handed (skipped where there is no addon)', () => {
  it.each(CASES)('$name takes them as they should be', ({ right, run }) => {
    const guarded = new Guarded();
    run(right, guarded);
    expect(guarded.areWhole()).toBe(true);
  });

  const wrongs = CASES.flatMap(({ name, right, wrong, run }) =>
    Object.entries(wrong).map(([what, length]) => ({
      name,
      what,
      run,
      lengths: { ...right, [what]: length },
    })),
  );
  it.each(wrongs)('$name refuses a wrong "$what", and writes nothing beyond', ({ run, lengths }) => {
    const guarded = new Guarded();
    expect(() => run(lengths, guarded)).toThrow(
      expect.objectContaining({ name: 'RangeError', code: 'MILLRACE_ADDON' }),
    );
    expect(guarded.areWhole()).toBe(true);
  });

  it('hands over as many rejects at once as there is room for, and the rest when asked again', () => {
    const guarded = new Guarded();
    const scanner = scannerOf([], 0);
    const sums = guarded.of(Float64Array, SUM.CELLS);
    const rejects = guarded.of(Float64Array, REJECT_COLUMNS);
    const lines: number[] = [];
    for (let from = 0; from < TEXT.length; from = sums[SUM.NEXT]!) {
      call.scanRun!(scanner, TEXT, 0, TEXT.length, from, 0, 0, SUFFIX, sums, rejects);
      lines.push(rejects[1]!);
    }
    expect(lines).toEqual([TEXT.indexOf('bad'), TEXT.indexOf('worse')]);
    expect(guarded.areWhole()).toBe(true);
  });

  it('writes no more entries than it may count, and says how many frames went in', () => {
    const guarded = new Guarded();
    const result = new Float64Array(6);
    // An aggregate of one record each.
    const out = guarded.of(Uint8Array, 2000);
    const counts = guarded.of(Uint32Array, 2);
    const runs = guarded.of(Uint32Array, 2);
    const sums = guarded.of(Uint32Array, 0);
    call.encodeAggregated!(FRAMES, 3, 0, SUFFIX, Buffer.from('1'), 1, 1e6, out, counts, runs, sums, result);
    expect([result[1], result[2], ...counts]).toEqual([2, 2, 1, 1]);
    expect([result[4], ...runs]).toEqual([1, 1, 2]);
    expect(guarded.areWhole()).toBe(true);
  });

  it('takes an array of another type for none', () => {
    expect(() => call.copyBytes!(new Uint32Array(100), 0, new Uint8Array(10))).toThrow('they do not fit');
  });

  it('refuses frames whose own sizes lead out of their buffer', () => {
    const broken = framesOf(RECORDS);
    new DataView(broken.buffer, broken.byteOffset).setUint32(FRAME.DATA_BYTES, 1 << 30, true);
    const out = new Uint8Array(1000);
    expect(() => call.encodeEntries!(broken, 3, 0, SUFFIX, out)).toThrow('its frames are none');
    expect(() => call.digestFrames!(new Uint8Array(DIGEST_STATE.BYTES), broken)).toThrow(
      'these are no frames',
    );
  });
});
