/**
 * Native scanner: the room where bytes become records, as a thin face of the C++ one (src/native/scan.cc).
 * Takes  whole lines of one object, in any typed array; shared memory is not copied.
 * Gives  what portable.ts gives for the same lines, many times faster.
 * Owns   the native scanner's state, which ends with this object.
 * Never  touches a record: JavaScript sees sums, and rejects, which are rare.
 */
import type { NativeAddon } from '../native/load.ts';
import { LANE_DATA_BYTE } from '../ring/layout.ts';
import type { LineText } from './line-text.ts';
import { parsePointer } from './pointer.ts';
import {
  lineOffset,
  REJECT_MESSAGES,
  REJECTS_PER_CALL_MAX,
  type RecordRules,
  type Reject,
  type ScanLanes,
  type Scanner,
  type ScanPiece,
  type ScanResult,
} from './scanner.ts';
import type { LineShaper } from './shaper.ts';

/** Asked about the line bytes[start, end), which starts at `line` with its spaces. @returns The number of a verdict. */
type Decide = (line: number, start: number, end: number) => number;

/** What the addon exports for scanning. The twin of src/native/scan.cc. */
interface ScanExports {
  scanCreate(
    keyTokens: readonly Uint8Array[] | null,
    hashTokens: readonly Uint8Array[] | null,
    flags: number,
    depthMax: number,
    recordBytesMax: number,
    keyCharsMax: number,
    lanes: readonly Uint8Array[],
    starts: BigUint64Array,
    instructions: number,
    program: Uint8Array | null,
    text: Uint8Array | null,
    rows: Float64Array | null,
    used: Float64Array | null,
    times: Float64Array | null,
  ): object;
  scanRun(
    state: object,
    bytes: Uint8Array,
    start: number,
    end: number,
    from: number,
    objectOffset: number,
    slice: number,
    coordinate: Uint8Array,
    sums: Float64Array,
    rejects: Float64Array,
    decide: Decide | null,
    rows: Float64Array | null,
    mode: number,
  ): void;
  scanInstructions(): string[];
}

/** This and what follows: src/native/constants.h. */
export const RULE = { APPEND_NEWLINE: 1, POSITIONAL_KEYS: 2 } as const;
/** The longest key, in Unicode characters, that a native scanner has room for. */
export const KEY_CHARS_MAX = 256;
/** Cells of `sums`. */
export const SUM = {
  STATUS: 0,
  NEXT: 1,
  LANE: 2,
  NEED: 3,
  LINES: 4,
  BLANK: 5,
  REJECTED: 6,
  RECORDS: 7,
  BYTES: 8,
  FILTERED: 9,
  UNSAMPLED: 10,
  CELLS: 11,
} as const;
export const STATUSES = ['done', 'lane-full', 'rejects-full', 'damaged'] as const;
/** What rows stand for. */
export const ROWS = { LINES: 0, RAW: 1, VALUES: 2, VALUE: 3, WRITTEN: 4 } as const;
/** Codes by their number. */
export const CODES = [
  'INVALID_JSON',
  'INVALID_UTF8',
  'TOO_DEEP',
  'MISSING_KEY',
  'RECORD_TOO_LARGE',
  'FILTER',
] as const;
export const REJECT_COLUMNS = 3;

/** Instruction sets for which this machine has a kernel, slowest first; `base` is always there. */
export function nativeInstructions(addon: NativeAddon): readonly string[] {
  return (addon as unknown as ScanExports).scanInstructions();
}

export interface NativeScannerOptions {
  /** Index into `nativeInstructions`; by default the fastest. Tests try them all. */
  readonly instructions?: number;
  readonly shaper?: LineShaper | null;
  /** Lines go there, in place of lanes; `lane-full` says that it is. */
  readonly text?: LineText | null;
}

export class NativeScanner implements Scanner {
  readonly kind = 'native';
  readonly #run: ScanExports['scanRun'];
  readonly #state: object;
  /** Keeps the lanes' memory: the native state points into it. */
  readonly #lanes: ScanLanes;
  /** The same of the text. */
  readonly text: LineText | null;
  /** And of what the stages take. */
  readonly #times: Float64Array | null;
  readonly #sums = new Float64Array(SUM.CELLS);
  readonly #decide: Decide | null;
  /** The piece at hand. */
  #piece: ScanPiece | null = null;
  readonly #rejects = new Float64Array(REJECTS_PER_CALL_MAX * REJECT_COLUMNS);

  /**
   * @throws {OptionsError} If a pointer of the rules is not valid.
   * @throws {RangeError} If there is no memory for the state, or no room for the longest key.
   */
  constructor(
    addon: NativeAddon,
    rules: RecordRules,
    lanes: ScanLanes,
    { instructions = -1, shaper = null, text = null }: NativeScannerOptions = {},
  ) {
    const scan = addon as unknown as ScanExports;
    this.#run = scan.scanRun;
    this.#lanes = lanes;
    this.text = text;
    this.#times = shaper?.times ?? null;
    this.#state = scan.scanCreate(
      tokenBytes(rules.partitionKey),
      tokenBytes(rules.explicitHashKey),
      (rules.appendNewline ? RULE.APPEND_NEWLINE : 0) |
        (rules.onMissingKey === 'coordinates' ? RULE.POSITIONAL_KEYS : 0),
      rules.depthMax,
      rules.recordBytesMax,
      rules.keyCharsMax,
      lanes.buffers.map((lane) => new Uint8Array(lane)),
      lanes.starts,
      instructions,
      shaper?.program(rules.partitionKey) ?? null,
      text?.bytes ?? null,
      text?.rows ?? null,
      text?.used ?? null,
      this.#times,
    );
    this.#decide = shaper && ((line, start, end) => this.#ask(shaper, line, start, end));
  }

  /** Bytes that all lanes hold together, for reports. */
  get laneBytes(): number {
    return this.#lanes.buffers.reduce((sum, lane) => sum + lane.byteLength - LANE_DATA_BYTE, 0);
  }

  scan(piece: ScanPiece, from: number): ScanResult {
    this.#piece = piece;
    const { start, end, objectOffset, slice, coordinate } = piece;
    const sums = this.#sums;
    this.#run(
      this.#state,
      piece.bytes,
      start,
      end,
      from,
      objectOffset,
      slice,
      coordinate,
      sums,
      this.#rejects,
      this.#decide,
      (piece.values ?? piece.outputs)?.rows ?? null,
      modeOf(piece),
    );
    this.#piece = null;
    const rejected = sums[SUM.REJECTED]!;
    return {
      status: STATUSES[sums[SUM.STATUS]!]!,
      next: sums[SUM.NEXT]!,
      laneIndex: sums[SUM.LANE]!,
      laneNeedBytes: sums[SUM.NEED]!,
      lines: sums[SUM.LINES]!,
      blank: sums[SUM.BLANK]!,
      filtered: sums[SUM.FILTERED]!,
      unsampled: sums[SUM.UNSAMPLED]!,
      rejected,
      records: sums[SUM.RECORDS]!,
      recordBytes: sums[SUM.BYTES]!,
      rejects: rejected === 0 ? NO_REJECTS : this.#takeRejects(rejected, piece),
    };
  }

  #ask(shaper: LineShaper, line: number, start: number, end: number): number {
    const { bytes, place } = this.#piece!;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8', start, end);
    return shaper.verdictOf(text, place, lineOffset(this.#piece!, line));
  }

  #takeRejects(count: number, piece: ScanPiece): Reject[] {
    const cells = this.#rejects;
    return Array.from({ length: count }, (_, index) => {
      const at = index * REJECT_COLUMNS;
      const code = CODES[cells[at]!]!;
      const start = cells[at + 1]!;
      const objectOffset = lineOffset(piece, start);
      return { code, message: REJECT_MESSAGES[code], start, end: cells[at + 2]!, objectOffset };
    });
  }
}

function modeOf({ outputs, values }: ScanPiece): number {
  if (values) return values.isOne ? ROWS.VALUE : ROWS.VALUES;
  if (outputs?.isWritten) return ROWS.WRITTEN;
  return outputs?.isRaw ? ROWS.RAW : ROWS.LINES;
}

const NO_REJECTS: readonly Reject[] = Object.freeze([]);

function tokenBytes(pointer: string | null): readonly Uint8Array[] | null {
  return pointer === null ? null : parsePointer(pointer).map((token) => Buffer.from(token));
}
