/**
 * Portable scanner: the room where bytes become records, in JavaScript alone.
 * Takes  whole lines of one object.
 * Gives  RECORD frames in lanes, a tally and rejects, equal to what native.ts gives for the same lines.
 * Owns   the writing ends of its lanes while a call lasts.
 * Never  waits, never keeps a reference to a piece.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import type { RejectCode } from '../base/errors.ts';
import { FRAME_FLAG, frameBytes } from '../record/frame.ts';
import { type HashKey, hashKeyOf, parseHashKey } from '../record/hash-key.ts';
import { LaneProducer } from '../ring/producer.ts';
import { isTooDeep } from './depth.ts';
import { isJsonText } from './json-text.ts';
import { locate, parsePointer, resolve } from './pointer.ts';
import {
  lineOffset,
  OUTPUT_COLUMNS,
  type Outputs,
  outputRow,
  REJECT_MESSAGES,
  REJECTS_PER_CALL_MAX,
  type RecordRules,
  type Reject,
  type ScanLanes,
  type Scanner,
  type ScanPiece,
  type ScanResult,
  scanTally,
} from './scanner.ts';
import { type LineShaper, STAGE_TIME } from './shaper.ts';

const NEWLINE = 0x0a;
/** UTF-8 bytes of a character. */
const CHAR_BYTES_MAX = 4;

/** What becomes of one line. */
type Verdict =
  | { readonly kind: 'blank' | 'filtered' | 'unsampled' }
  | { readonly kind: 'rejected'; readonly code: RejectCode; readonly message: string }
  | {
      readonly kind: 'record';
      /** What holds its data, from `start` to `end`. */
      readonly bytes: Buffer;
      readonly start: number;
      readonly end: number;
      readonly explicit: HashKey | undefined;
    };

const BLANK: Verdict = { kind: 'blank' };
const FILTERED: Verdict = { kind: 'filtered' };
const UNSAMPLED: Verdict = { kind: 'unsampled' };

/** Of so many lines one is timed in the stages. */
const TIMED_ONE_IN = 16;

/** Valid JSON on its way to a record: bytes[start, end), the text and the value that they stand for. */
interface LineData {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly value: unknown;
}

export class PortableScanner implements Scanner {
  readonly kind = 'portable';
  readonly #rules: RecordRules;
  readonly #lanes: ScanLanes;
  readonly #shaper: LineShaper | null;
  readonly #keyTokens: readonly string[] | null;
  readonly #hashTokens: readonly string[] | null;
  /** The key of the record at hand is #key[0, #keyBytes). */
  readonly #key: Buffer;
  #keyBytes = 0;
  /** Lines that have come to the stages, and whether the one at hand is timed in them. */
  #shapedLines = 0;
  #isTimed = false;

  /** @throws {OptionsError} If a pointer of the rules is not valid. */
  constructor(rules: RecordRules, lanes: ScanLanes, shaper: LineShaper | null = null) {
    this.#shaper = shaper;
    this.#rules = rules;
    this.#key = Buffer.alloc(rules.keyCharsMax * CHAR_BYTES_MAX);
    this.#lanes = lanes;
    this.#keyTokens = rules.partitionKey === null ? null : parsePointer(rules.partitionKey);
    this.#hashTokens = rules.explicitHashKey === null ? null : parsePointer(rules.explicitHashKey);
  }

  scan(piece: ScanPiece, from: number): ScanResult {
    const buffer = Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength);
    // Others may have written marks since the last call, so the positions are read anew.
    const producers = this.#lanes.buffers.map((lane) => new LaneProducer(lane));
    const rest = buffer.subarray(from, piece.end);
    const encoding = isAscii(rest) ? 'latin1' : 'utf8';
    // One check of the whole piece, so that a good piece is not checked line by line.
    const isTrusted = encoding === 'latin1' || isUtf8(rest);
    const tally = scanTally();
    const rejects: Reject[] = [];
    let status: ScanResult['status'] = 'done';
    let laneIndex = 0;
    let laneNeedBytes = 0;
    let next = from;
    while (next < piece.end) {
      const { outputs } = piece;
      const end = outputs?.isRaw ? endOfOutput(piece, outputs, next) : endOfLine(buffer, piece, next);
      const verdict = outputs?.isRaw
        ? this.#lookRaw(buffer, piece, next, end)
        : this.#look(buffer, piece, next, end, encoding, isTrusted);
      // Where values end is known only as long as all of them are valid, those that nobody wants as well.
      const isLeftOut = verdict.kind === 'filtered' || verdict.kind === 'unsampled';
      const isDoubted = verdict.kind === 'rejected' || isLeftOut;
      if (piece.values && isDoubted && !isJsonText(buffer.toString('latin1', next, end))) {
        status = 'damaged';
        break;
      }
      if (verdict.kind === 'rejected') {
        if (rejects.length === REJECTS_PER_CALL_MAX) {
          status = 'rejects-full';
          break;
        }
        const { code, message } = verdict;
        const lineEnd = end > next && buffer[end - 1] === 0x0d && end < piece.end ? end - 1 : end;
        rejects.push({ code, message, start: next, end: lineEnd, objectOffset: lineOffset(piece, next) });
        tally.rejected++;
      } else if (verdict.kind !== 'record') {
        tally[isLeftOut ? 'filtered' : 'blank']++;
        if (verdict.kind === 'unsampled') tally.unsampled++;
      } else {
        const hashKey = verdict.explicit ?? hashKeyOf(this.#key.subarray(0, this.#keyBytes));
        laneIndex = this.#laneOf(hashKey);
        const producer = producers[laneIndex];
        if (producer !== undefined && !this.#write(producer, piece, next, verdict, hashKey)) {
          status = 'lane-full';
          laneNeedBytes = frameBytes(this.#keyBytes, this.#dataBytes(verdict.end - verdict.start));
          break;
        }
        tally.records++;
        tally.recordBytes += this.#keyBytes + this.#dataBytes(verdict.end - verdict.start);
      }
      tally.lines++;
      next = outputs?.isRaw ? end : Math.min(end + 1, piece.end);
    }
    for (const producer of producers) producer.publish();
    if (status !== 'lane-full') laneIndex = 0;
    return { ...tally, status, next, laneIndex, laneNeedBytes, rejects };
  }

  /** Validates the line bytes[start, end) and leaves its key in #key. */
  #look(
    buffer: Buffer,
    piece: ScanPiece,
    start: number,
    end: number,
    encoding: 'latin1' | 'utf8',
    isTrusted: boolean,
  ): Verdict {
    const isFirst = !piece.outputs && !piece.values && lineOffset(piece, start) === 0;
    let dataStart = isFirst ? skipByteOrderMark(buffer, start, end) : start;
    let dataEnd = end;
    while (dataStart < dataEnd && isSpace(buffer[dataStart]!)) dataStart++;
    while (dataEnd > dataStart && isSpace(buffer[dataEnd - 1]!)) dataEnd--;
    if (dataStart === dataEnd) return BLANK;
    const offset = lineOffset(piece, start);
    const shaper = this.#shaper;
    this.#isTimed = this.#shapedLines++ % TIMED_ONE_IN === 0;
    if (shaper && !this.#pass(shaper, 'SAMPLE', () => shaper.isSampled(piece.coordinate, offset)))
      return UNSAMPLED;
    if (!isTrusted && !isUtf8(buffer.subarray(dataStart, dataEnd))) return rejected('INVALID_UTF8');
    if (isTooDeep(buffer, dataStart, dataEnd, this.#rules.depthMax)) return rejected('TOO_DEEP');
    const text = buffer.toString(encoding, dataStart, dataEnd);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return rejected('INVALID_JSON');
    }
    const asItIs = { bytes: buffer, start: dataStart, end: dataEnd, text, value };
    if (!shaper) return this.#toRecord(piece, start, asItIs);
    const judged = this.#pass(shaper, 'WHERE', () => shaper.judge(text, value, piece.place, offset));
    if (judged !== 'kept') return judged === 'filtered' ? FILTERED : rejected('FILTER');
    const edited = this.#pass(shaper, 'EDITS', () => shaper.edit(text));
    if (edited === text) return this.#toRecord(piece, start, asItIs);
    const bytes = Buffer.from(edited);
    return this.#toRecord(piece, start, {
      ...{ bytes, start: 0, end: bytes.length },
      ...{ text: edited, value: JSON.parse(edited) as unknown },
    });
  }

  /** Does a stage's work for the line at hand. */
  #pass<T>({ times }: LineShaper, stage: 'SAMPLE' | 'WHERE' | 'EDITS', work: () => T): T {
    if (!this.#isTimed) return work();
    const startMs = performance.now();
    const result = work();
    times[STAGE_TIME[stage]]!++;
    times[STAGE_TIME[stage] + 1]! += (performance.now() - startMs) * 1e6;
    return result;
  }

  /** Bytes that go as they are. Only JSON has a key. */
  #lookRaw(buffer: Buffer, piece: ScanPiece, start: number, end: number): Verdict {
    const none = { bytes: buffer, start, end, text: 'null', value: null };
    if (!isUtf8(buffer.subarray(start, end)) || isTooDeep(buffer, start, end, this.#rules.depthMax))
      return this.#toRecord(piece, start, none);
    const text = buffer.toString('utf8', start, end).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '');
    if (text.includes('\n')) return this.#toRecord(piece, start, none);
    try {
      return this.#toRecord(piece, start, { ...none, text, value: JSON.parse(text) });
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return this.#toRecord(piece, start, none);
    }
  }

  #toRecord(piece: ScanPiece, lineStart: number, { bytes, start, end, text, value }: LineData): Verdict {
    const rules = this.#rules;
    const key = this.#keyTokens && scalarText(text, value, this.#keyTokens);
    const hasKey = typeof key === 'string' && key !== '' && isShort(key, this.#rules.keyCharsMax);
    const hashText = this.#hashTokens && scalarText(text, value, this.#hashTokens);
    const explicit = typeof hashText === 'string' ? parseHashKey(hashText) : undefined;
    if (rules.onMissingKey === 'dead-letter') {
      if (this.#keyTokens !== null && !hasKey) return rejected('MISSING_KEY');
      if (this.#hashTokens !== null && explicit === undefined) return rejected('MISSING_KEY');
    }
    // Buffer.write turns lone surrogates into U+FFFD, as TextEncoder does.
    if (hasKey) this.#keyBytes = this.#key.write(key, 0, 'utf8');
    else this.#keyBytes = this.#writePositionalKey(piece, lineStart);
    if (this.#dataBytes(end - start) + this.#keyBytes > rules.recordBytesMax)
      return rejected('RECORD_TOO_LARGE');
    return { kind: 'record', bytes, start, end, explicit };
  }

  #writePositionalKey(piece: ScanPiece, lineStart: number): number {
    this.#key.set(piece.coordinate, 0);
    const at = piece.coordinate.length;
    const output = outputNumber(piece, lineStart);
    const place = `:${lineOffset(piece, lineStart)}${output > 0 ? `.${output}` : ''}`;
    return at + this.#key.write(place, at, 'latin1');
  }

  #dataBytes(trimmedBytes: number): number {
    return trimmedBytes + (this.#rules.appendNewline ? 1 : 0);
  }

  /** The last lane that starts at or before the hash key. */
  #laneOf({ high, low }: HashKey): number {
    const { starts } = this.#lanes;
    let index = this.#lanes.buffers.length - 1;
    while (index > 0) {
      const startHigh = starts[index * 2]!;
      if (startHigh < high || (startHigh === high && starts[index * 2 + 1]! <= low)) break;
      index--;
    }
    return Math.max(index, 0);
  }

  #write(
    producer: LaneProducer,
    piece: ScanPiece,
    lineStart: number,
    record: Extract<Verdict, { kind: 'record' }>,
    hashKey: HashKey,
  ): boolean {
    return producer.tryWriteRecord({
      key: this.#key,
      keyStart: 0,
      keyEnd: this.#keyBytes,
      data: record.bytes,
      dataStart: record.start,
      dataEnd: record.end,
      appendNewline: this.#rules.appendNewline,
      // u32: the shift may set the sign.
      slice: (piece.slice | (outputNumber(piece, lineStart) << 16)) >>> 0,
      lineOffset: lineOffset(piece, lineStart),
      hashHigh: hashKey.high,
      hashLow: hashKey.low,
      flags:
        (record.explicit === undefined ? 0 : FRAME_FLAG.EXPLICIT_HASH_KEY) |
        (piece.outputs?.isRaw ? FRAME_FLAG.RAW : 0),
    });
  }
}

function rejected(code: keyof typeof REJECT_MESSAGES): Verdict {
  return { kind: 'rejected', code, message: REJECT_MESSAGES[code] };
}

/** Which of its line's outputs this is. */
function outputNumber({ outputs }: ScanPiece, index: number): number {
  return outputs ? outputs.rows[outputRow(outputs, index) * OUTPUT_COLUMNS + 2]! : 0;
}

function endOfLine(buffer: Buffer, { end, values }: ScanPiece, from: number): number {
  if (values?.isOne) return end;
  const newline = buffer.indexOf(NEWLINE, from);
  return newline < 0 || newline >= end ? end : newline;
}

function endOfOutput({ end }: ScanPiece, outputs: Outputs, from: number): number {
  return outputs.rows[(outputRow(outputs, from) + 1) * OUTPUT_COLUMNS] ?? end;
}

function skipByteOrderMark(buffer: Buffer, start: number, end: number): number {
  const isMark =
    end - start >= 3 && buffer[start] === 0xef && buffer[start + 1] === 0xbb && buffer[start + 2] === 0xbf;
  return isMark ? start + 3 : start;
}

/** Whether a key has no more than so many characters. */
function isShort(key: string, max: number): boolean {
  return key.length <= max || (key.length <= 2 * max && [...key].length <= max);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d;
}

/** A string's value, a number or boolean as written; nothing for null, objects, arrays and where there is nothing. */
function scalarText(text: string, value: unknown, tokens: readonly string[]): string | undefined {
  // Where names may have escapes they are read here: V8 may take `\"` for a member `\` of an object that it has seen before (docs/CLI.md, Transforms).
  if (text.includes('\\')) return writtenScalar(text, tokens);
  const found = resolve(value, tokens);
  if (typeof found === 'string') return found;
  if (typeof found === 'boolean') return String(found);
  if (typeof found !== 'number') return undefined;
  const range = locate(text, tokens)!;
  return text.slice(range.start, range.end);
}

function writtenScalar(text: string, tokens: readonly string[]): string | undefined {
  const range = locate(text, tokens);
  if (range === undefined) return undefined;
  const written = text.slice(range.start, range.end);
  if (written.startsWith('"')) return JSON.parse(written) as string;
  return /^[[{n]/.test(written) ? undefined : written;
}
