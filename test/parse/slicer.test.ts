/** Slicer: how lines are cut into slices, what is said of them, and what an end in the middle leaves. */
import { describe, expect, it } from 'vitest';
import {
  createParseShared,
  type ParseMessage,
  type PieceEnd,
  type RejectedLine,
  type SliceReceipt,
} from '../../src/parse/setup.ts';
import type { LineRun } from '../../src/parse/slice-cut.ts';
import { Slicer, StoppedError } from '../../src/parse/slicer.ts';
import { Transformer } from '../../src/parse/transformer.ts';
import { Trial } from '../../src/parse/trial.ts';
import { Workbench } from '../../src/parse/workbench.ts';
import { LaneConsumer } from '../../src/ring/consumer.ts';
import { laneBytes } from '../../src/ring/layout.ts';
import { PHASE } from '../../src/ring/phases.ts';
import { SliceOwner } from '../../src/ring/slices.ts';
import { createDoorbells } from '../../src/ring/wait.ts';
import { Guard } from '../../src/scan/guard.ts';
import { openScanner } from '../../src/scan/open.ts';
import type { LineValidator } from '../../src/scan/validating.ts';
import { Pipeline } from '../../src/shape/pipeline.ts';
import type { RunningStage } from '../../src/shape/stage.ts';

const RULES = {
  partitionKey: null,
  explicitHashKey: null,
  onMissingKey: 'dead-letter',
  appendNewline: false,
  depthMax: 1024,
  recordBytesMax: 1 << 20,
  keyCharsMax: 256,
} as const;
const SOURCE = { piece: 5, coordinate: Buffer.from('c') };

/**
 * One parser with one lane of this size, and everything that its main thread is told.
 * @param stopsAtBeat The run is stopped when the parser has beaten so often: once a slice, and once before it waits.
 */
function open(
  capacityBytes = 1 << 20,
  stopsAtBeat = Number.POSITIVE_INFINITY,
  validator?: LineValidator,
  stage?: RunningStage['run'],
  isTried = false,
) {
  const owner = new SliceOwner(1);
  const lanes = { buffers: [new SharedArrayBuffer(laneBytes(capacityBytes))], starts: new BigUint64Array(2) };
  const control = new Int32Array(new SharedArrayBuffer(4));
  const messages: ParseMessage[] = [];
  let beats = 0;
  const slicer = new Slicer({
    setup: {
      rules: RULES,
      lanes: [lanes.buffers],
      starts: lanes.starts,
      doorbells: createDoorbells(1),
      control: control.buffer as SharedArrayBuffer,
      shared: new SharedArrayBuffer(8),
      heartbeats: new SharedArrayBuffer(64),
      slices: owner.memory,
      isOrdered: false,
      isCollecting: false,
      schema: null,
      isPortable: false,
      lineBytesMax: 1 << 21,
      digestKey: new Uint8Array(16),
      windowBytes: 0,
    },
    index: 0,
    lanes,
    scanner: openScanner(RULES, lanes, { portable: false, validator }),
    transformer: stage ? transformerOf(stage, isTried) : null,
    heart: {
      beat: () => {
        if (++beats === stopsAtBeat) Atomics.store(control, 0, PHASE.STOP);
      },
    },
    post: (message) => messages.push(message),
  });
  const found = () => {
    slicer.findings.flush();
    const slices: SliceReceipt[] = [];
    const ends: PieceEnd[] = [];
    const rejected: RejectedLine[] = [];
    for (const message of messages) {
      if (message.kind === 'rejected') rejected.push(...message.lines);
      if (message.kind === 'found') {
        slices.push(...message.slices);
        ends.push(...message.ends);
      }
    }
    return { slices, ends, rejected };
  };
  /** Slice and line offset of every record in the lane. */
  const records = () => {
    const consumer = new LaneConsumer(lanes.buffers[0]!);
    const all: [slice: number, lineOffset: number][] = [];
    while (consumer.next()) all.push([consumer.slice, consumer.lineOffset]);
    return all;
  };
  return { owner, control, messages, slicer, found, records };
}

function transformerOf(run: RunningStage['run'], isTried: boolean): Transformer {
  const trial = new Trial(createParseShared().buffer, isTried);
  trial.begin(0);
  return new Transformer({
    bench: new Workbench(RULES, 1 << 21, { portable: false, shaper: null }),
    pipeline: new Pipeline([{ label: '1 use', run }], { guard: new Guard(), timeoutMs: 1000 }),
    checker: openScanner(RULES, { buffers: [], starts: new BigUint64Array(0) }),
    ...{ hasSchema: false, trial },
  });
}

function run(text: string, more: Partial<LineRun> = {}): LineRun {
  const bytes = Buffer.from(text);
  const { objectOffset = 0 } = more;
  const range = { rangeStart: objectOffset, rangeEnd: objectOffset + bytes.length };
  return { bytes, from: 0, end: bytes.length, objectOffset, ...range, only: null, ...more };
}

/** Lines of ten bytes with their newline. */
const lines = (count: number) => Array.from({ length: count }, (_, i) => `{"n":${100 + i}}\n`).join('');

describe('the slicer', () => {
  it('cuts lines into slices of the size that the window says, which tile the range', () => {
    const { owner, slicer, found, records } = open();
    owner.setWindow(1 << 20, 35);
    slicer.scan(SOURCE, run(lines(8), { objectOffset: 1000, rangeStart: 990, rangeEnd: 1075 }));
    const { slices } = found();
    expect(slices.map(({ start, end, bytes, records: count }) => [start, end, bytes, count])).toEqual([
      [990, 1030, 30, 3],
      [1030, 1060, 30, 3],
      [1060, 1075, 20, 2],
    ]);
    expect(owner.openBytes).toBe(80);
    const numbers = slices.map(({ slice }) => slice);
    expect(records()).toEqual(
      Array.from({ length: 8 }, (_, i) => [numbers[Math.floor(i / 3)], 1000 + i * 10]),
    );
  });

  it('answers a task with what it found, and posts it where something of the task was posted before', () => {
    const { slicer, messages } = open();
    slicer.findings.begin();
    slicer.scan(SOURCE, run(lines(3)));
    slicer.findings.endPiece(5, null, 'open');
    const answer = slicer.findings.finish();
    expect([answer?.slices.length, answer?.ends.length, messages.length]).toEqual([1, 1, 0]);
    slicer.findings.begin();
    slicer.scan(SOURCE, run(`${lines(1)}no JSON\n`));
    slicer.findings.endPiece(6, null, 'open');
    expect(slicer.findings.finish()).toBe(null);
    expect(messages.map(({ kind }) => kind)).toEqual(['rejected', 'found']);
    slicer.findings.begin();
    slicer.scan(SOURCE, run(lines(1)));
    expect(slicer.findings.finish()?.slices.length).toBe(1);
  });

  it.each([
    { when: 'has just become full', looks: 1, kinds: [] },
    { when: 'stays full', looks: 2, kinds: ['found'] },
  ])('says $kinds of its slices when a lane $when', ({ looks, kinds }) => {
    const line = `"${'x'.repeat(998)}"\n`;
    // Seven slices of nine lines are begun, each with a beat, before 64 KiB are full.
    const { owner, slicer, messages } = open(1 << 16, 7 + looks);
    owner.setWindow(1 << 20, 9_500);
    slicer.findings.begin();
    expect(() => slicer.scan(SOURCE, run(line.repeat(100)))).toThrow(StoppedError);
    expect(messages.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('makes a line that is longer than a slice one of its own', () => {
    const { owner, slicer, found } = open();
    owner.setWindow(1 << 20, 15);
    const long = `"${'x'.repeat(50)}"\n`;
    slicer.scan(SOURCE, run(`1\n${long}2\n3`));
    expect(found().slices.map(({ start, end }) => [start, end])).toEqual([
      [0, 2],
      [2, 55],
      [55, 58],
    ]);
  });

  it('tells of rejected lines before the receipt of their slice, and of the piece behind both', () => {
    const { slicer, messages, found } = open();
    slicer.scan(SOURCE, run('1\n{\n\n2\n'));
    slicer.findings.endPiece(5, null, 'open');
    const { slices, ends, rejected } = found();
    expect(messages.map(({ kind }) => kind)).toEqual(['rejected', 'found']);
    expect(rejected).toMatchObject([{ piece: 5, code: 'INVALID_JSON', objectOffset: 2, length: 1 }]);
    expect(slices).toMatchObject([
      { piece: 5, lines: 4, blank: 1, rejected: 1, records: 2, codes: { INVALID_JSON: 1 } },
    ]);
    expect(ends).toEqual([{ piece: 5, error: null, state: 'open' }]);
  });

  it('scans only the lines with a record at the offsets that are wanted', () => {
    const { slicer, found, records } = open();
    const text = '  {"a":1}\n{"b":2}\n\n{"c":3}\r\n{"d":4}';
    // Any byte of a line names it.
    const only = [2, 10 + 8 + 1, 10 + 8 + 1 + 9].map((offset) => 500 + offset);
    slicer.scan(SOURCE, run(text, { objectOffset: 500, only: { offsets: only } }));
    const { slices } = found();
    expect(slices).toMatchObject([{ start: 500, end: 500 + text.length, lines: 3, records: 3 }]);
    expect(records().map(([, offset]) => offset)).toEqual([500, ...only.slice(1)]);
  });

  it('ends a slice before the line that has no room when the run is being stopped', () => {
    const { slicer, found, records } = open(1 << 16, 2);
    const line = `"${'x'.repeat(998)}"\n`;
    expect(() => slicer.scan(SOURCE, run(line.repeat(100)))).toThrow(StoppedError);
    const { slices } = found();
    const written = records().length;
    expect(written).toBeGreaterThan(50);
    expect(slices).toMatchObject([{ start: 0, end: written * 1001, lines: written, records: written }]);
  });

  it('hears behind a line that cannot be judged that the run is being stopped, and leaves the rest to the source', () => {
    const validator = (value: unknown) => {
      if ((value as { n: number }).n === 103) throw new Error('no verdict');
      return null;
    };
    const { slicer, found, records } = open(1 << 20, 2, validator);
    expect(() => slicer.scan(SOURCE, run(lines(8), { objectOffset: 1000 }))).toThrow(StoppedError);
    const { slices, rejected } = found();
    expect(slices).toMatchObject([{ start: 1000, end: 1040, lines: 4, rejected: 1, records: 3 }]);
    expect(rejected).toMatchObject([{ code: 'POISON', objectOffset: 1030, length: 9 }]);
    expect(records().map(([, offset]) => offset)).toEqual([1000, 1010, 1020]);
  });

  it('ends a slice behind the line of which a part is out when the run is being stopped, and says what is not', async () => {
    const each = (value: unknown) => [0, 1, 2].map((n) => ({ value, n, x: 'x'.repeat(15_000) }));
    const { slicer, found, records } = open(1 << 16, 2, undefined, each);
    await expect(slicer.scan(SOURCE, run(lines(8), { objectOffset: 1000 }))).rejects.toThrow(StoppedError);
    const written = records().map(([, offset]) => offset);
    expect(written).toEqual([1000, 1000, 1000, 1010, 1010, 1010].slice(0, written.length));
    const rest = 3 - (written.length % 3);
    expect(rest).toBeLessThan(3);
    const { slices } = found();
    const [last] = written.slice(-1) as [number];
    expect(slices).toMatchObject([{ start: 1000, end: last + 10, records: written.length + rest }]);
    const [{ unwritten, lines: count, added }] = slices as [SliceReceipt];
    expect([count, added]).toEqual([(written.length + rest) / 3, ((written.length + rest) / 3) * 2]);
    expect(unwritten).toMatchObject({ count: rest, offsets: Array(rest).fill(last) });
    expect(unwritten!.outputs).toEqual([1, 2].slice(2 - rest));
  });

  it('holds lines back from other parsers while its lane is mostly full, and while the first ones are to be tried twice', async () => {
    const { slicer } = open(1 << 16);
    expect(slicer.isHeld()).toBe(false);
    slicer.scan(SOURCE, run(lines(600)));
    expect(slicer.isHeld()).toBe(true);
    const trying = open(1 << 16, Number.POSITIVE_INFINITY, undefined, (value) => value, true);
    expect(trying.slicer.isHeld()).toBe(true);
    await trying.slicer.scan(SOURCE, run(lines(1)));
    expect(trying.slicer.isHeld()).toBe(false);
  });

  it('begins no slice when the run is being stopped', () => {
    const { control, slicer, found } = open();
    Atomics.store(control, 0, PHASE.STOP);
    expect(() => slicer.scan(SOURCE, run('1\n'))).toThrow(StoppedError);
    expect(found().slices).toEqual([]);
  });
});
