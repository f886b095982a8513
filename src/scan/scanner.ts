/**
 * Scanner: the interface of the room where bytes become records.
 * Takes  whole lines of one object, in a buffer that may be shared with another thread.
 * Gives  RECORD frames (src/record/frame.ts), written straight into lanes, a tally, and the lines it rejected.
 * Owns   what a valid line is: well-formed UTF-8 that `JSON.parse` accepts, nested no deeper than `depthMax` (src/scan/depth.ts).
 * Never  waits: when a lane is full it says so and is called again; see src/ring/producer.ts. Never keeps a reference to a buffer.
 *
 * Two scanners implement it with equal results: native.ts (C++ over simdjson) and portable.ts (JavaScript).
 */
import type { RejectCode } from '../base/errors.ts';
import type { PiecePlace } from './shaper.ts';

/** How lines become records. Fixed for a whole run; plain data, so that it can travel to another thread. */
export interface RecordRules {
  /** RFC 6901 pointer to the partition key, or null: then the record's coordinates are its key. "" points at the whole line. */
  readonly partitionKey: string | null;
  /** RFC 6901 pointer to a decimal hash key, 0 to 2^128 - 1 (a string of digits or a number as written), or null. */
  readonly explicitHashKey: string | null;
  /**
   * When a pointer finds nothing usable: absent, null, object, array, empty, over 256 characters, no hash key. Characters are
   * those of Unicode, as the service's documentation says. Nobody has tried it with characters of two UTF-16 units: what it refuses
   * becomes a dead letter then. With 'coordinates' a record without
   * a usable explicit hash key goes out without one.
   */
  readonly onMissingKey: 'dead-letter' | 'coordinates';
  /** Ends each record's data with one `\n`. */
  readonly appendNewline: boolean;
  /** Arrays and objects that may be open at once. 1 allows `[]` and `{}`. */
  readonly depthMax: number;
  /** Longest partition key, in Unicode characters: 96 or more, for keys that are made of a line's place, and KEY_CHARS_MAX or fewer. */
  readonly keyCharsMax: number;
  /** Largest record: data (with the appended newline) plus UTF-8 bytes of the key. */
  readonly recordBytesMax: number;
}

/** Where frames go. With no lanes at all lines are validated and counted, and nothing is written (`--dry-run`). */
export interface ScanLanes {
  /** One lane per publisher, written by this scanner alone. */
  readonly buffers: readonly SharedArrayBuffer[];
  /** Two u64 (high, low) per lane: lane i takes hash keys from starts[i] up to, not including, starts[i + 1]. The first is 0. */
  readonly starts: BigUint64Array;
}

/** Whole lines of one object. The last one needs no newline. */
export interface ScanPiece {
  /** The buffer that holds the lines; over a SharedArrayBuffer or not. */
  readonly bytes: Uint8Array;
  /** The piece is bytes[start, end). */
  readonly start: number;
  readonly end: number;
  /** Offset of bytes[start] in the (decompressed) object, below 2^53. At 0 a UTF-8 byte order mark is skipped. */
  readonly objectOffset: number;
  /** Number of the slice, which goes into every frame, u32. */
  readonly slice: number;
  /**
   * ASCII, 1 to 64 bytes: a record without a key of its own gets the key `<coordinate>:<line offset in decimal>`, and behind it `.<n>` where
   * it is not the first output of its line.
   */
  readonly coordinate: Uint8Array;
  /** Where the piece is a part of more lines: the same object for each consecutive part. `end` is that of the last one; `rows` of all values. */
  readonly lines?: { readonly end: number; readonly rows?: Float64Array };
  /** For conditions that ask where a line lies. */
  readonly place?: PiecePlace;
  /** Where the bytes are what stages have made of lines, one line each; `objectOffset` means nothing then. */
  readonly outputs?: Outputs;
  /** Where the lines are values that stood side by side, each with its place; `objectOffset` means nothing then. */
  readonly values?: Values;
}

/** Values as src/scan/values.ts finds them. */
export interface Values {
  /** As those of outputs. */
  readonly rows: Float64Array;
  /** All of the piece is one value, whatever line ends there are in it. */
  readonly isOne: boolean;
}

/** What bytes stand for that no object holds. */
export interface Outputs {
  /**
   * Rows of OUTPUT_COLUMNS: the start of an output, ascending; the offset of its line in the object; its number among the line's outputs,
   * below OUTPUTS_PER_LINE_MAX.
   */
  readonly rows: Float64Array;
  /**
   * Each row's bytes go out as they are, whatever they are, up to the next row's: nothing is checked, and a key is looked for only where they
   * are JSON.
   */
  readonly isRaw: boolean;
  /** Each row is a line that JSON.stringify has written: what that never does need not be looked for. */
  readonly isWritten?: boolean;
}

export const OUTPUT_COLUMNS = 3;

/** Where the line that starts at this index lies in its object. */
export function lineOffset(piece: ScanPiece, index: number): number {
  const placed = piece.values ?? piece.outputs;
  if (placed) return placed.rows[outputRow(placed, index) * OUTPUT_COLUMNS + 1]!;
  return piece.objectOffset + (index - piece.start);
}

/** Index of the first line that lies at this offset of its object or behind it; the piece's end where there is none. */
export function indexOfOffset(piece: ScanPiece, offset: number): number {
  const { values, start, end, objectOffset } = piece;
  if (!values) return Math.min(end, Math.max(start, offset - objectOffset + start));
  const { rows } = values;
  for (let row = 0; row * OUTPUT_COLUMNS < rows.length; row++)
    if (rows[row * OUTPUT_COLUMNS + 1]! >= offset) return rows[row * OUTPUT_COLUMNS]!;
  return end;
}

/** The row of the output that starts at, or around, this index. */
export function outputRow({ rows }: Pick<Outputs, 'rows'>, index: number): number {
  let low = 0;
  let high = rows.length / OUTPUT_COLUMNS;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (rows[middle * OUTPUT_COLUMNS]! <= index) low = middle;
    else high = middle;
  }
  return low;
}

/** A line that is not a record. Coordinates cover the line without its line end, untrimmed. */
export interface Reject {
  readonly code: RejectCode;
  /** One sentence for people, without payload. */
  readonly message: string;
  /** Index into `piece.bytes`. */
  readonly start: number;
  readonly end: number;
  /** Byte offset of the line's first byte in the object. A byte order mark belongs to its line. */
  readonly objectOffset: number;
}

/** Sums over the lines that one call has dealt with. */
export interface ScanTally {
  /** All lines: blank + filtered + rejected + records. */
  lines: number;
  /** Lines of nothing but JSON whitespace (space, tab, `\r`). */
  blank: number;
  /** Lines that the stages have left out; they are neither sent nor rejected. */
  filtered: number;
  /** Those of them that are not of the sample. */
  unsampled: number;
  rejected: number;
  records: number;
  /** Data plus key bytes of the records. */
  recordBytes: number;
}

export interface ScanResult extends ScanTally {
  /**
   * `done`: everything up to piece.end is dealt with.
   * `lane-full`: the line at `next` needs `laneNeedBytes` free bytes in lane `laneIndex`; wait for them and call again.
   * `damaged`: the value at `next` is no JSON, so nobody knows whether what follows is any.
   * `rejects-full`: as many lines were rejected as one call hands over, or one took seconds; take them and call again.
   */
  readonly status: 'done' | 'lane-full' | 'rejects-full' | 'damaged';
  /** Where the next call has to start: index into piece.bytes of the first line that is not dealt with. */
  readonly next: number;
  readonly laneIndex: number;
  readonly laneNeedBytes: number;
  readonly rejects: readonly Reject[];
}

/** A tally of nothing. */
export function scanTally(): ScanTally {
  return { lines: 0, blank: 0, filtered: 0, unsampled: 0, rejected: 0, records: 0, recordBytes: 0 };
}

export function addScanTally(sum: ScanTally, part: ScanTally): void {
  for (const name of COUNTS) sum[name] += part[name];
}

const COUNTS = Object.keys(scanTally()) as readonly (keyof ScanTally)[];

/** What people read about a rejected line; SCHEMA and POISON bring their own sentences. */
export const REJECT_MESSAGES = {
  INVALID_UTF8: 'The line is not well-formed UTF-8',
  INVALID_JSON: 'The line is not valid JSON',
  TOO_DEEP: 'The line nests deeper than --max-depth allows',
  MISSING_KEY: 'The line has no usable value where --partition-key or --explicit-hash-key points',
  FILTER: 'The --where condition has no answer for this line: a value is of another type than it needs',
  RECORD_TOO_LARGE: 'The record with its partition key is larger than the stream takes',
} as const;

/** Bound on what one call returns, so that a file of nothing but bad lines stays within memory. */
export const REJECTS_PER_CALL_MAX = 1024;

export interface Scanner {
  readonly kind: 'native' | 'portable';
  /**
   * Deals with the lines from `from` on. HEAD of every lane is stored before it returns; notifying is the caller's.
   * @param from Index into piece.bytes: piece.start, or `next` of the call before.
   */
  scan(piece: ScanPiece, from: number): ScanResult;
}
