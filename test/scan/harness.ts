/**
 * Harness: runs any scanner over bytes as a parser thread would, and says what must come out.
 * Gives  `scannersUnderTest`, `runScanner` (empties lanes whenever one is full) and `expectScan`, the oracle.
 * Never  shares code with the scanners: the oracle is `buffer.isUtf8`, `JSON.parse` and a plain reading of the rules.
 */
import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { loadAddon } from '../../src/native/load.ts';
import { FRAME, FRAME_KIND } from '../../src/record/frame.ts';
import { LANE_CELL, LANE_DATA_BYTE } from '../../src/ring/layout.ts';
import { createLane } from '../../src/ring/producer.ts';
import { NativeScanner, nativeInstructions } from '../../src/scan/native.ts';
import { PortableScanner } from '../../src/scan/portable.ts';
import {
  addScanTally,
  type RecordRules,
  type Reject,
  type ScanLanes,
  type Scanner,
  type ScanTally,
  scanTally,
} from '../../src/scan/scanner.ts';
import type { LineShaper, PiecePlace } from '../../src/scan/shaper.ts';

export const RULES: RecordRules = {
  partitionKey: null,
  explicitHashKey: null,
  onMissingKey: 'dead-letter',
  appendNewline: false,
  depthMax: 1024,
  recordBytesMax: 1024 * 1024,
  keyCharsMax: 256,
};

export interface ScannerUnderTest {
  readonly name: string;
  readonly open: (rules: RecordRules, lanes: ScanLanes, shaper?: LineShaper | null) => Scanner;
}

/** The portable scanner, and the native one with every instruction set of this machine. */
export function scannersUnderTest(): readonly ScannerUnderTest[] {
  const list: ScannerUnderTest[] = [
    { name: 'portable', open: (rules, lanes, shaper) => new PortableScanner(rules, lanes, shaper) },
  ];
  const { addon } = loadAddon();
  if (addon === null) return list;
  nativeInstructions(addon).forEach((name, index) => {
    list.push({
      name: `native ${name}`,
      open: (rules, lanes, shaper = null) =>
        new NativeScanner(addon, rules, lanes, { instructions: index, shaper }),
    });
  });
  return list;
}

export const COORDINATE = Buffer.from('0123456789abcdef-7');
export const SLICE = 4_000_000_000;

/** One frame, without the padding behind it, whose content nobody promises. */
export interface SeenFrame {
  readonly lane: number;
  readonly kind: number;
  readonly frameBytes: number;
  readonly flags: number;
  readonly slice: number;
  readonly lineOffset: number;
  readonly hash: string;
  readonly key: string;
  readonly data: string;
}

export interface ScanRun {
  readonly tally: ScanTally;
  readonly rejects: readonly Reject[];
  /** RECORD frames, in the order of each lane. */
  readonly frames: readonly (readonly SeenFrame[])[];
  /** PAD frames as `lane:frameBytes`, in the order of their reading. */
  readonly pads: readonly string[];
  /** How often each status ended a call. */
  readonly calls: Readonly<Record<string, number>>;
}

export interface RunOptions {
  readonly laneCount?: number;
  readonly capacityBytes?: number;
  readonly objectOffset?: number;
  /** Bytes before and after the piece in its buffer. */
  readonly margin?: number;
  /** Frees a full lane frame by frame, only as far as asked for. */
  readonly isStingy?: boolean;
  /** Whether the piece lies in shared memory, as in production. Default true. */
  readonly isShared?: boolean;
  /** Cuts the lines into pieces of so many bytes, whole lines each, as the slicer does. Default: one piece. */
  readonly pieceBytes?: number;
  readonly shaper?: LineShaper;
  readonly place?: PiecePlace;
}

const keptLanes = new Map<string, ScanLanes>();

/** Empty lanes. Kept from run to run: making them costs more than most runs. */
function takeLanes(laneCount: number, capacityBytes: number): ScanLanes {
  const name = `${laneCount}x${capacityBytes}`;
  const lanes = keptLanes.get(name) ?? openLanes(laneCount, capacityBytes);
  keptLanes.set(name, lanes);
  for (const lane of lanes.buffers) new Int32Array(lane, 0, LANE_DATA_BYTE / 4).fill(0);
  return lanes;
}

export function openLanes(laneCount: number, capacityBytes = 65_536): ScanLanes {
  const starts = new BigUint64Array(laneCount * 2);
  for (let i = 0; i < laneCount; i++) starts[i * 2] = (2n ** 64n / BigInt(laneCount)) * BigInt(i);
  return { buffers: Array.from({ length: laneCount }, () => createLane(capacityBytes)), starts };
}

export function runScanner(
  under: ScannerUnderTest,
  rules: RecordRules,
  bytes: Uint8Array,
  options: RunOptions = {},
): ScanRun {
  const { laneCount = 3, objectOffset = 0, margin = 7, isStingy = false, isShared = true } = options;
  const lanes = takeLanes(laneCount, options.capacityBytes ?? 65_536);
  const scanner = under.open(rules, lanes, options.shaper);
  // A buffer of exactly this size, so that a read or write outside of the piece has a chance to be noticed.
  const bufferBytes = bytes.length + 2 * margin;
  const buffer = new Uint8Array(
    isShared ? new SharedArrayBuffer(bufferBytes) : new ArrayBuffer(bufferBytes),
  ).fill(0x22);
  buffer.set(bytes, margin);
  const lines = { end: margin + bytes.length };
  const pieces = cut(buffer, margin, lines.end, options.pieceBytes ?? Number.POSITIVE_INFINITY).map(
    ([start, end]) => ({
      ...{ bytes: buffer, start, end, objectOffset: objectOffset + start - margin },
      ...{ slice: SLICE, coordinate: COORDINATE, lines },
      ...(options.place && { place: options.place }),
    }),
  );
  const tally = scanTally();
  const rejects: Reject[] = [];
  const frames: SeenFrame[][] = lanes.buffers.map(() => []);
  const pads: string[] = [];
  const calls: Record<string, number> = {};
  let from = margin;
  for (let piece = pieces.shift(); piece !== undefined; ) {
    const result = scanner.scan(piece, from);
    calls[result.status] = (calls[result.status] ?? 0) + 1;
    addScanTally(tally, result);
    for (const reject of result.rejects) {
      rejects.push({ ...reject, start: reject.start - margin, end: reject.end - margin });
    }
    if (result.status === 'lane-full') {
      const needBytes = isStingy ? result.laneNeedBytes : Number.POSITIVE_INFINITY;
      readLane(lanes, result.laneIndex, frames[result.laneIndex]!, pads, needBytes);
    }
    from = result.next;
    if (result.status !== 'done') continue;
    if (from !== piece.end) throw new Error(`Scanning ended at ${from} instead of ${piece.end}`);
    piece = pieces.shift();
  }
  lanes.buffers.forEach((_, index) => {
    readLane(lanes, index, frames[index]!, pads, Number.POSITIVE_INFINITY);
  });
  return { tally, rejects, frames, pads, calls };
}

/** Bounds of pieces of at least so many bytes; each ends behind a newline, but the last. */
function cut(buffer: Uint8Array, start: number, end: number, pieceBytes: number): [number, number][] {
  const newline = start + pieceBytes < end ? buffer.indexOf(10, start + pieceBytes) : -1;
  if (newline < 0 || newline + 1 >= end) return [[start, end]];
  return [[start, newline + 1], ...cut(buffer, newline + 1, end, pieceBytes)];
}

/** All frames of a lane, which is empty then. */
export function readAll(lanes: ScanLanes, index: number): SeenFrame[] {
  const seen: SeenFrame[] = [];
  readLane(lanes, index, seen, [], Number.POSITIVE_INFINITY);
  return seen;
}

/** Reads frames of a lane and releases them, until it is empty or `freeBytes` are free. */
function readLane(
  lanes: ScanLanes,
  index: number,
  seen: SeenFrame[],
  pads: string[],
  freeBytes: number,
): void {
  const lane = lanes.buffers[index]!;
  const cells = new Int32Array(lane, 0, LANE_DATA_BYTE / 4);
  const data = Buffer.from(lane, LANE_DATA_BYTE);
  const head = Atomics.load(cells, LANE_CELL.HEAD) >>> 0;
  let tail = Atomics.load(cells, LANE_CELL.TAIL) >>> 0;
  while (tail !== head && data.length - ((head - tail) >>> 0) < freeBytes) {
    const frame = data.subarray(tail & (data.length - 1));
    const frameBytes = frame.readUInt32LE(FRAME.FRAME_BYTES);
    const kind = frame.readUInt8(FRAME.KIND);
    if (kind === FRAME_KIND.PAD) pads.push(`${index}:${frameBytes}`);
    else seen.push(readFrame(index, frame));
    tail = (tail + frameBytes) >>> 0;
  }
  Atomics.store(cells, LANE_CELL.TAIL, tail | 0);
}

function readFrame(lane: number, frame: Buffer): SeenFrame {
  const keyBytes = frame.readUInt16LE(FRAME.KEY_BYTES);
  const dataBytes = frame.readUInt32LE(FRAME.DATA_BYTES);
  const dataAt = FRAME.HEADER_BYTES + keyBytes;
  return {
    lane,
    kind: frame.readUInt8(FRAME.KIND),
    frameBytes: frame.readUInt32LE(FRAME.FRAME_BYTES),
    flags: frame.readUInt8(FRAME.FLAGS),
    slice: frame.readUInt32LE(FRAME.SLICE),
    lineOffset: Number(frame.readBigUInt64LE(FRAME.LINE_OFFSET)),
    hash: hex(frame.readBigUInt64LE(FRAME.HASH_HIGH)) + hex(frame.readBigUInt64LE(FRAME.HASH_LOW)),
    key: frame.toString('latin1', FRAME.HEADER_BYTES, dataAt),
    data: frame.toString('latin1', dataAt, dataAt + dataBytes),
  };
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

/** What becomes of one line, by the oracle. Data, key and hash as in SeenFrame. */
export type Expected =
  | { readonly kind: 'blank'; readonly offset: number }
  | {
      readonly kind: 'rejected';
      readonly offset: number;
      readonly code: string;
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly kind: 'record';
      readonly offset: number;
      readonly key: string;
      readonly data: string;
      readonly hash: string;
      readonly flags: number;
    };

/** The verdict on every line of an object, or of the rest of one that starts at `objectOffset`. */
export function expectScan(rules: RecordRules, bytes: Uint8Array, objectOffset = 0): readonly Expected[] {
  const buffer = Buffer.from(bytes);
  const list: Expected[] = [];
  let start = 0;
  while (start < buffer.length) {
    const newline = buffer.indexOf('\n', start);
    const end = newline < 0 ? buffer.length : newline;
    list.push(expectLine(rules, buffer, start, end, objectOffset, newline >= 0));
    start = end + 1;
  }
  return list;
}

function expectLine(
  rules: RecordRules,
  buffer: Buffer,
  start: number,
  end: number,
  objectOffset: number,
  hasNewline: boolean,
): Expected {
  const offset = objectOffset + start;
  let line = buffer.subarray(start, end);
  if (offset === 0 && line.subarray(0, 3).toString('hex') === 'efbbbf') line = line.subarray(3);
  const data = Buffer.from(line.toString('latin1').replace(/^[ \t\r]+|[ \t\r]+$/g, ''), 'latin1');
  if (data.length === 0) return { kind: 'blank', offset };
  const rejected = (code: string): Expected => {
    const isCrLf = hasNewline && end > start && buffer[end - 1] === 0x0d;
    return { kind: 'rejected', offset, code, start, end: isCrLf ? end - 1 : end };
  };
  if (!isUtf8(data)) return rejected('INVALID_UTF8');
  const text = data.toString('utf8');
  if (nesting(text) > rules.depthMax) return rejected('TOO_DEEP');
  let value: unknown;
  try {
    value = JSON.parse(text, keepNumbers as (key: string, value: unknown) => unknown);
  } catch {
    return rejected('INVALID_JSON');
  }
  const key =
    rules.partitionKey === null ? undefined : usableKey(find(value, rules.partitionKey), rules.keyCharsMax);
  const explicit =
    rules.explicitHashKey === null ? undefined : usableHash(find(value, rules.explicitHashKey));
  const lacksKey = rules.partitionKey !== null && key === undefined;
  const lacksHash = rules.explicitHashKey !== null && explicit === undefined;
  if (rules.onMissingKey === 'dead-letter' && (lacksKey || lacksHash)) return rejected('MISSING_KEY');
  const keyBytes = Buffer.from(new TextEncoder().encode(key ?? `${COORDINATE}:${offset}`));
  const whole = rules.appendNewline ? Buffer.concat([data, Buffer.from('\n')]) : data;
  if (keyBytes.length + whole.length > rules.recordBytesMax) return rejected('RECORD_TOO_LARGE');
  return {
    kind: 'record',
    offset,
    key: keyBytes.toString('latin1'),
    data: whole.toString('latin1'),
    hash: explicit ?? createHash('md5').update(keyBytes).digest('hex'),
    flags: explicit === undefined ? 0 : 1,
  };
}

/** The deepest point of the rule in src/scan/depth.ts, said another way: without its strings a line is brackets. */
function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const bracket of text
    .replace(/"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)/g, '')
    .replace(/[^[\]{}]/g, '')) {
    depth += bracket === '[' || bracket === '{' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

class NumberAsWritten {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

function keepNumbers(_key: string, value: unknown, context: { source: string }): unknown {
  return typeof value === 'number' ? new NumberAsWritten(context.source) : value;
}

function find(value: unknown, pointer: string): unknown {
  if (pointer === '') return value;
  let at = value;
  for (const part of pointer.slice(1).split('/')) {
    const token = part.replace(/~[01]/g, (pair) => (pair === '~1' ? '/' : '~'));
    if (typeof at !== 'object' || at === null || at instanceof NumberAsWritten) return undefined;
    if (Array.isArray(at) && !/^(0|[1-9]\d*)$/.test(token)) return undefined;
    at = Object.getOwnPropertyDescriptor(at, token)?.value;
  }
  return at;
}

function usableKey(value: unknown, charsMax: number): string | undefined {
  const text =
    value instanceof NumberAsWritten ? value.source : typeof value === 'boolean' ? `${value}` : value;
  return typeof text === 'string' && text.length >= 1 && [...text].length <= charsMax ? text : undefined;
}

function usableHash(value: unknown): string | undefined {
  const text = value instanceof NumberAsWritten ? value.source : value;
  if (typeof text !== 'string' || !/^\d{1,39}$/.test(text) || `${BigInt(text)}` !== text) return undefined;
  const hash = BigInt(text).toString(16).padStart(32, '0');
  return hash.length === 32 ? hash : undefined;
}

/** The oracle's verdicts in the form of a run, for one comparison of everything. */
export function expectedRun(expected: readonly Expected[]) {
  const records = expected.filter((line) => line.kind === 'record');
  const rejects = expected.filter((line) => line.kind === 'rejected');
  return {
    tally: {
      lines: expected.length,
      blank: expected.filter((line) => line.kind === 'blank').length,
      filtered: 0,
      unsampled: 0,
      rejected: rejects.length,
      records: records.length,
      recordBytes: records.reduce((sum, record) => sum + record.key.length + record.data.length, 0),
    },
    rejects: rejects.map(({ code, start, end, offset }) => ({ code, start, end, objectOffset: offset })),
    records: records.map(({ offset, key, data, hash, flags }) => ({
      lineOffset: offset,
      key,
      data,
      hash,
      flags,
      slice: SLICE,
    })),
  };
}

/** A run in the same form: the frames of all lanes in the order of their lines. */
export function seenRun(run: ScanRun) {
  return {
    tally: run.tally,
    rejects: run.rejects.map(({ code, start, end, objectOffset }) => ({ code, start, end, objectOffset })),
    records: run.frames
      .flat()
      .sort((a, b) => a.lineOffset - b.lineOffset)
      .map(({ lineOffset, key, data, hash, flags, slice }) => ({
        lineOffset,
        key,
        data,
        hash,
        flags,
        slice,
      })),
  };
}
