/**
 * Entries: what the lines of a journal mean, and how one is written and read.
 * Takes  entries.
 * Gives  lines of JSON with a checksum, and entries again.
 * Owns   the format. `JOURNAL_VERSION` changes whenever an older program could misread a newer journal.
 * Never  does I/O, and never trusts a line: what does not fit its shape is refused.
 *
 * A line is one JSON object, readable with `jq`: the entry's own fields, then three that belong to the line:
 *   at    when it was written, milliseconds since 1970
 *   from  byte offset in the file at which the write that holds this line began. All lines of one write share it. It bears
 *         witness: everything before `from` was on the disk before this line was written. So a damaged place with a line
 *         behind it whose `from` lies behind the damage is a damaged middle; any other damage is a torn tail.
 *   crc   CRC-32, eight hex digits, of the line without its crc member, that is of `{...,"from":N}`
 */
import { crc32 } from 'node:zlib';
import type { StreamBirth } from '../aws/stream-birth.ts';
import { type Tally, tallyFromJson, tallyToJson } from './tally.ts';

/** Written by this program. Format 1 had no `left`, `object-failed`, `pulse` and `format`, and is read and continued. */
export const JOURNAL_VERSION = 2;
/** How every journal begins. */
export const HEADER_START = '{"kind":"run",';

/** An object as it is pinned for the whole run. */
export interface PinnedObject {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
  /** Bytes as stored. */
  readonly size: number;
}

/** What the stored bytes of an object are. */
export type ObjectFormat = 'plain' | 'text' | 'gzip' | 'zstd';

/** First line. `identity` is compared on resume; `digestKey` (hex) is drawn once per run and needed by `verify`. */
export interface RunEntry {
  readonly kind: 'run';
  readonly version: number;
  readonly run: string;
  readonly identity: Readonly<Record<string, unknown>>;
  readonly digestKey: string;
}
/** A process opened the journal. */
export interface StartEntry {
  readonly kind: 'start';
  readonly pid: number;
  /** Tells the stream from one made later under the same name. Not part of the identity: older journals lack it. */
  readonly stream?: StreamBirth;
  /** The process paid for its requests, so `verify` has to. Not part of the identity: without it, it is the same run. */
  readonly requestPayer?: boolean;
  /** Where its dead letters go, as an absolute path. `verify` looks rejected lines up in it. Older journals lack it. */
  readonly deadLetter?: string;
}
/** Where a shard stood before the run's first record: the last sequence number in it, or null for its beginning. */
export interface PositionEntry {
  readonly kind: 'position';
  readonly shardId: string;
  readonly sequenceNumber: string | null;
  readonly atMs: number;
}
/** Where the lines of an object end that `--limit` leaves to the run. */
export interface ObjectCut extends PinnedObject {
  /** Byte offset in the (decompressed) object behind the last of them. */
  readonly offset: number;
  /** As many of its stored bytes hold them. */
  readonly stored: number;
}
/** `--limit`: which lines are the first ones. As many objects as it says follow, in entries of the next kind; a later one replaces it. */
export interface LimitEntry {
  readonly kind: 'limit';
  readonly lines: number;
  readonly taken: number;
  readonly more: boolean;
  readonly objects: number;
  readonly cut: ObjectCut | null;
}
/** Objects that hold first lines: the base64 of their fingerprints (settled-set.ts). */
export interface WithinEntry {
  readonly kind: 'within';
  readonly objects: string;
}
/** How much the listing has found so far. */
export interface ListedEntry {
  readonly kind: 'listed';
  readonly objects: number;
  readonly bytes: number;
  readonly complete: boolean;
}
/** A program of this format has continued a journal of an older one: what follows may hold entries of this format. */
export interface FormatEntry {
  readonly kind: 'format';
  readonly version: number;
}
/** Work on an object began. `id` stands for it in later lines. `format` is missing in journals of format 1. */
export interface ObjectEntry extends PinnedObject {
  readonly kind: 'object';
  readonly id: number;
  readonly format?: ObjectFormat;
}
/** Every line whose first byte lies in [start, end) of the (decompressed) object is acknowledged or dead-lettered. */
export interface SegmentEntry {
  readonly kind: 'segment';
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly tally: Tally;
}
/**
 * The same except for the records of the lines at `offsets`, ascending, of which each is one of `outputs`, where those are not all the first: an orderly stop has left them to the next process.
 * `tally` does not count them. In a line they stand as `gaps`: from `start` to the first, then from each to the next.
 */
export interface LeftEntry {
  readonly kind: 'left';
  readonly id: number;
  readonly start: number;
  readonly end: number;
  readonly offsets: readonly number[];
  readonly outputs?: readonly number[];
  readonly tally: Tally;
}
/**
 * Format 1 alone: everything in [0, offset) of the decompressed object is done; `tally` counts from the object's start and replaces
 * an earlier one.
 */
export interface ProgressEntry {
  readonly kind: 'progress';
  readonly id: number;
  readonly offset: number;
  readonly tally: Tally;
}
/**
 * An object is finished. `tally` is the whole object's; without it, it is the sum of what its earlier lines say.
 * With `object` it needs no ObjectEntry before it: one line is all that a small object costs. `failed` is the dead-letter code
 * of an object that is given up for good.
 */
export interface ObjectDoneEntry {
  readonly kind: 'object-done';
  readonly id?: number;
  readonly object?: PinnedObject;
  readonly tally?: Tally;
  readonly failed?: string;
}
/** Records sent again since the last such line, which may have been on the stream already. */
export interface AgainEntry {
  readonly kind: 'again';
  /** In requests that ended without an answer. */
  readonly ambiguous: number;
  /** In aggregates that a reshard led to a shard whose range does not hold all of them. */
  readonly resent: number;
}
/** The object could not be read to its end: the next process tries the rest of it again. `failed` is its dead letter's code. */
export interface ObjectFailedEntry {
  readonly kind: 'object-failed';
  readonly id: number;
  readonly failed: string;
}
/** What this process has seen acknowledged so far, journaled or not. It promises nothing: the next process does not count on it. */
export interface PulseEntry {
  readonly kind: 'pulse';
  readonly records: number;
  /** Data plus key bytes. */
  readonly bytes: number;
  /** Stored bytes of the source that are dealt with, by all processes. */
  readonly done: number;
  /**
   * Of earlier processes: what they had seen acknowledged, records that were sent again after a kill included, and their part of
   * `done`. Missing where there is nothing.
   */
  readonly before?: { readonly records: number; readonly bytes: number; readonly done: number };
}
/** A process closed the journal in good order. */
export interface EndEntry {
  readonly kind: 'end';
  /** As in the report: delivered, delivered-with-rejects, failed, interrupted. */
  readonly status: string;
  /** Nothing is left to do. */
  readonly complete: boolean;
}
export type JournalEntry =
  | RunEntry
  | StartEntry
  | PositionEntry
  | LimitEntry
  | WithinEntry
  | ListedEntry
  | FormatEntry
  | ObjectEntry
  | SegmentEntry
  | LeftEntry
  | ProgressEntry
  | ObjectDoneEntry
  | AgainEntry
  | ObjectFailedEntry
  | PulseEntry
  | EndEntry;

/** Why this program must not go by a journal that holds the entry, or null. */
export function formatProblem(entry: JournalEntry): string | null {
  if ((entry.kind !== 'run' && entry.kind !== 'format') || entry.version <= JOURNAL_VERSION) return null;
  const formats = `it has format ${entry.version}, this program knows formats up to ${JOURNAL_VERSION}`;
  return `${formats}. Use the program that wrote it, or a newer one`;
}

/** One line, with its newline. @param from See the head of this file. */
export function encodeEntry(entry: JournalEntry, atMs: number, from: number): string {
  let fields: Record<string, unknown> = { ...entry };
  if ('tally' in entry && entry.tally !== undefined) {
    const { tally: _, ...rest } = fields;
    fields = { ...rest, tally: tallyToJson(entry.tally) };
  }
  if (entry.kind === 'left') {
    const { offsets: _, outputs, ...rest } = fields;
    fields = {
      ...rest,
      gaps: entry.offsets.map((offset, i) => offset - (entry.offsets[i - 1] ?? entry.start)),
      ...(entry.outputs && { outputs: entry.outputs }),
    };
  }
  const body = JSON.stringify({ ...fields, at: atMs, from });
  return `${body.slice(0, -1)},"crc":"${hex8(crc32(body))}"}\n`;
}

export interface DecodedLine {
  readonly entry: JournalEntry;
  readonly atMs: number;
  readonly from: number;
}

const CRC_MARK = Buffer.from(',"crc":"');
const CRC_SUFFIX_BYTES = CRC_MARK.byteLength + 10;
const CLOSE = Buffer.from('}');

/** @param line Without its newline. @returns The entry, or one phrase that says what is wrong with the line. */
export function decodeLine(line: Buffer): DecodedLine | string {
  const cut = line.byteLength - CRC_SUFFIX_BYTES;
  if (cut < 2 || line.compare(CRC_MARK, 0, CRC_MARK.byteLength, cut, cut + CRC_MARK.byteLength) !== 0)
    return 'no checksum';
  const written = line.toString('latin1', cut + CRC_MARK.byteLength);
  if (written !== `${hex8(crc32(CLOSE, crc32(line.subarray(0, cut))))}"}`) return 'wrong checksum';
  let json: unknown;
  try {
    json = JSON.parse(line.toString('utf8'));
  } catch {
    return 'not JSON';
  }
  const fields = json as Record<string, unknown>;
  if (!isCount(fields.at) || !isCount(fields.from)) return 'no place in the file';
  const entry = entryFromJson(fields);
  if (typeof entry === 'string') return entry;
  return { entry, atMs: fields.at as number, from: fields.from as number };
}

function hex8(value: number): string {
  return value.toString(16).padStart(8, '0');
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown): boolean => typeof value === 'string';
const isBool = (value: unknown): boolean => typeof value === 'boolean';
const isRecord = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTextOrNull = (value: unknown): boolean => value === null || typeof value === 'string';
const isCountOrNull = (value: unknown): boolean => value === null || isCount(value);
const isFormat = (value: unknown): boolean =>
  ['plain', 'text', 'gzip', 'zstd'].some((known) => known === value);
const isCounts = (value: unknown): boolean => Array.isArray(value) && value.every(isCount);
const optional = (check: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined || check(value);

const PINNED = { bucket: isText, key: isText, etag: isText, size: isCount };
const fits = (shape: Record<string, (value: unknown) => boolean>) => (value: unknown) =>
  isRecord(value) &&
  Object.entries(shape).every(([name, check]) => check((value as Record<string, unknown>)[name]));

/** Field by field, what a line of each kind must hold. Tallies are checked by `tallyFromJson`. */
const SHAPES = new Map<string, Record<string, (value: unknown) => boolean>>([
  ['run', { version: isCount, run: isText, identity: isRecord, digestKey: isText }],
  [
    'start',
    {
      pid: isCount,
      stream: optional(fits({ createdAtMs: isCountOrNull, streamId: isTextOrNull })),
      requestPayer: optional(isBool),
      deadLetter: optional(isText),
    },
  ],
  ['position', { shardId: isText, sequenceNumber: isTextOrNull, atMs: isCount }],
  [
    'limit',
    {
      ...{ lines: isCount, taken: isCount, more: isBool, objects: isCount },
      cut: (value) => value === null || fits({ ...PINNED, offset: isCount, stored: isCount })(value),
    },
  ],
  ['within', { objects: isText }],
  ['listed', { objects: isCount, bytes: isCount, complete: isBool }],
  ['format', { version: isCount }],
  ['object', { id: isCount, ...PINNED, format: optional(isFormat) }],
  ['segment', { id: isCount, start: isCount, end: isCount, tally: isRecord }],
  [
    'left',
    {
      id: isCount,
      start: isCount,
      end: isCount,
      gaps: isCounts,
      outputs: optional(isCounts),
      tally: isRecord,
    },
  ],
  ['object-failed', { id: isCount, failed: isText }],
  [
    'pulse',
    {
      records: isCount,
      bytes: isCount,
      done: isCount,
      before: optional(fits({ records: isCount, bytes: isCount, done: isCount })),
    },
  ],
  ['progress', { id: isCount, offset: isCount, tally: isRecord }],
  [
    'object-done',
    {
      id: optional(isCount),
      object: optional(fits(PINNED)),
      tally: optional(isRecord),
      failed: optional(isText),
    },
  ],
  ['again', { ambiguous: isCount, resent: isCount }],
  ['end', { status: isText, complete: isBool }],
]);

function entryFromJson(json: Record<string, unknown>): JournalEntry | string {
  const shape = SHAPES.get(String(json.kind));
  if (shape === undefined) return `unknown kind of entry "${String(json.kind).slice(0, 40)}"`;
  for (const [name, check] of Object.entries(shape)) {
    if (!check(json[name])) return `entry "${String(json.kind)}" without a usable "${name}"`;
  }
  const { at: _at, from: _from, crc: _crc, ...fields } = json;
  if (fields.tally !== undefined) {
    const tally = tallyFromJson(fields.tally as Record<string, unknown>);
    if (tally === null) return `entry "${String(json.kind)}" without a usable "tally"`;
    fields.tally = tally;
  }
  if (fields.gaps !== undefined) {
    let at = fields.start as number;
    fields.offsets = (fields.gaps as number[]).map((gap) => (at += gap));
    delete fields.gaps;
  }
  return fields as unknown as JournalEntry;
}
