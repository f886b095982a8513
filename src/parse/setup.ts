/**
 * Parse setup: everything that crosses between the main thread and a parser thread, as plain data and shared memory.
 * Owns  the shapes of tasks, receipts and messages. No code.
 */
import type { MessagePort } from 'node:worker_threads';
import type { RejectCode, WireError } from '../base/errors.ts';
import type { Damage } from '../inflate/damage.ts';
import type { LeftRange, Places, Range, RecordsLeft } from '../ring/ranges.ts';
import { wake } from '../ring/wait.ts';
import type { RecordRules, ScanTally } from '../scan/scanner.ts';
import type { PiecePlace } from '../scan/shaper.ts';
import type { PrefixFigures, StageFigures } from '../shape/figures.ts';
import type { Stages } from '../shape/stages.ts';
import type { Format, LetterFacts, ShapedRecord } from '../source/object.ts';
import type { LineCount } from './line-count.ts';
import type { SpareMemory } from './spare-blocks.ts';

/** Told once to every thread of the pool. */
export interface ParseSetup {
  readonly rules: RecordRules;
  /** Per parser its lanes, one per publisher. Empty inner lists: a dry run. */
  readonly lanes: readonly (readonly SharedArrayBuffer[])[];
  /** First hash key of each publisher, u64 pairs. */
  readonly starts: BigUint64Array;
  readonly doorbells: SharedArrayBuffer;
  /** All blocks (src/source/block-pool.ts). */
  readonly memory: SharedArrayBuffer;
  /** Int32Array of one cell: PHASE (src/ring/phases.ts). */
  readonly control: SharedArrayBuffer;
  /** Int32Array of two cells: parsers started so far; bytes of messages that the main thread has not taken yet. */
  readonly shared: SharedArrayBuffer;
  /** Of all threads; the parsers' come first. */
  readonly heartbeats: SharedArrayBuffer;
  /** Numbers and window of the slices (src/ring/slices.ts). */
  readonly slices: SharedArrayBuffer;
  readonly isOrdered: boolean;
  /** Frames go to the main thread as messages, and the one lane of each parser is only their workbench. */
  readonly isCollecting: boolean;
  /** Records go nowhere but into these tables of buckets (src/digest/buckets.ts), one a parser; its one lane is its workbench. */
  readonly buckets?: readonly SharedArrayBuffer[];
  /** Line ends are counted as well, before anything is scanned. */
  readonly isCounting?: boolean;
  /** JSON Schema as text, and the name of its file. */
  readonly schema: { readonly text: string; readonly name: string } | null;
  /** What is asked of every valid line before it is a record, or null. */
  readonly stages?: Stages | null;
  /** Name of a BroadcastChannel: what comes there tells stages in JavaScript to close what they have opened. */
  readonly closing?: string;
  /** Null: records are lines. `tokens`: what leads to the array whose elements they are, or null where they lie side by side. */
  readonly framing?: { readonly tokens: readonly string[] | null } | null;
  readonly isPortable: boolean;
  /** Longest line of a compressed object that is kept. */
  readonly lineBytesMax: number;
  /** The key of the run's digest, 16 bytes, or the state that was made of it. */
  readonly digestKey: Uint8Array;
  /** For the windows of zstd frames over 8 MiB, all parsers together. */
  readonly windowBytes: number;
  /** Where a parser that inflates gives lines to others that are idle (giving.ts). Absent: there are no others, or order or framing forbid it. */
  readonly spare?: SpareMemory;
}

/** TRIAL: whether lines have been tried twice. TURN: the number of the task whose lines may be. */
export const PARSE_SHARED = { STARTED: 0, WAITING_BYTES: 1, WINDOWS_KIB: 2, TRIAL: 3, TURN: 4 } as const;

/** What parsers share with each other and with the main thread: PARSE_SHARED says what stands where. */
export function createParseShared(): Int32Array<SharedArrayBuffer> {
  return new Int32Array(
    new SharedArrayBuffer(Object.keys(PARSE_SHARED).length * Int32Array.BYTES_PER_ELEMENT),
  );
}

/** So many bytes of messages have been dealt with: parsers that stand before the bound may go on. */
export function releaseWaiting(shared: Int32Array<SharedArrayBuffer>, bytes: number): void {
  Atomics.sub(shared, PARSE_SHARED.WAITING_BYTES, bytes);
  wake(shared, PARSE_SHARED.WAITING_BYTES);
}

/** Until it is in its file a dead letter takes more than its line, which may be short: objects of two threads, and its text in base64. */
const LETTER_BYTES = 1024;

/** What rejected lines of one message count for while they wait: see `releaseWaiting`. */
export function waitingBytesOf(lines: readonly RejectedLine[]): number {
  return lines.reduce((sum, { data }) => sum + data.byteLength + LETTER_BYTES, 0);
}

/** Raw bytes to look at: `buffer` from `byteOffset`, `length` bytes. */
export interface RawPiece {
  /** Null: the memory of all blocks, which every parser has mapped. A shared buffer in a message costs more than its bytes. */
  readonly buffer: SharedArrayBuffer | null;
  readonly byteOffset: number;
  readonly length: number;
  /** Offset in the object: of the first byte (plain), or in the stored bytes (compressed). */
  readonly objectOffset: number;
  /** The main thread's number of this piece, which every message about it carries. */
  readonly piece: number;
  /** What the keys of records without a key start with. */
  readonly coordinate: string;
  /** Told where a condition asks for it. */
  readonly place?: PiecePlace;
  /** Of a compressed object: where the lines end that are wanted of its content. Absent: with the content. */
  readonly contentEnd?: number;
}

/** Whole lines, which stand for the range [rangeStart, rangeEnd) of their object. */
export interface PlainPiece extends RawPiece {
  readonly rangeStart: number;
  readonly rangeEnd: number;
  /** Only the records at these offsets are wanted (src/ring/ranges.ts), or null: all lines. */
  readonly only: Places | null;
  /** It is an outcome of the stages already. */
  readonly shaped?: ShapedRecord;
  /** A dead letter's data: letters.ts says what becomes of it. */
  readonly letter?: LetterFacts;
  /** Lines of a compressed object that another parser has inflated, and counted: `byteOffset` is one of the spare blocks' memory. */
  readonly isGiven?: true;
}

/** Lines in a spare block: bytes [start, end) of it, the first of which is at `objectOffset` of the content. */
export interface GivenLines {
  readonly start: number;
  readonly end: number;
  readonly objectOffset: number;
  readonly rangeStart: number;
  readonly rangeEnd: number;
  readonly only: Places | null;
}

/** What earlier processes have done with a compressed object, in bytes of the decompressed one. */
export interface Delivered {
  readonly done: readonly Range[];
  readonly left: readonly LeftRange[];
}

/** What is carried in one stream: a compressed object, or one whose records are no lines. */
export type StreamFormat = Exclude<Format, 'plain'>;

export type ParseTask =
  /** Whole lines of plain objects. */
  | { readonly kind: 'plain'; readonly sequence: number; readonly pieces: readonly PlainPiece[] }
  /** Whole compressed objects. */
  | {
      readonly kind: 'whole';
      readonly sequence: number;
      readonly format: StreamFormat;
      readonly pieces: readonly RawPiece[];
      readonly delivered: readonly Delivered[];
    }
  /** One compressed object whose stored bytes come over a port, as StreamInput. */
  | {
      readonly kind: 'stream';
      readonly sequence: number;
      readonly format: StreamFormat;
      readonly port: MessagePort;
      readonly delivered: Delivered;
      readonly coordinate: string;
      readonly place?: PiecePlace;
      readonly contentEnd?: number;
      /** It is large enough for other parsers to join in. */
      readonly mayGive: boolean;
    };

/** What a parser found in one slice, which stands for the range [start, end) of its object. Its dead letters have been posted before. */
export interface SliceReceipt extends Omit<ScanTally, 'unsampled'> {
  readonly slice: number;
  readonly piece: number;
  readonly start: number;
  end: number;
  /** Bytes of its lines: what it takes of the window. */
  readonly bytes: number;
  /** Records beyond the first of their line. */
  added: number;
  /** Records of its last line that the run was stopped before, while others of it are written. They are counted like those. */
  unwritten?: RecordsLeft;
  /** Rejected lines by code, or null where there are none. */
  codes: Record<string, number> | null;
  /** Sums of the digest of its records (src/digest/digest.ts). */
  digestA: bigint;
  digestB: bigint;
}

export interface PieceError {
  /** One sentence without payload. */
  readonly why: string;
  /** Null where nothing of the object was delivered. */
  readonly damage: Damage | null;
}

/** A piece is dealt with: its block can be used again. Everything that was found in it has been said. */
export interface PieceEnd {
  readonly piece: number;
  /** Why the piece's object could not be read to its end, or null. */
  readonly error: PieceError | null;
  /** `open`: more of its object may follow. `whole`: a compressed object ends here. `cut`: the run is being stopped. */
  readonly state: 'open' | 'whole' | 'cut';
  /** Where lines are counted: of a plain piece, or of all of the compressed object that ends with this one. */
  readonly count?: LineCount;
}

/** Main thread to parser, over the port of a stream task. After `isLast`, or `abort`, nothing follows. */
export type StreamInput =
  | { readonly kind: 'piece'; readonly piece: RawPiece; readonly isLast: boolean }
  /** The download failed: what came so far stays, the rest never comes. */
  | { readonly kind: 'abort' };

/** A rejected line on its way to the dead-letter file. */
export interface RejectedLine {
  readonly piece: number;
  readonly code: RejectCode;
  readonly message: string;
  readonly objectOffset: number;
  readonly length: number;
  /** The line's bytes; the first OVERSIZE_HEAD_BYTES of one that is too long to be kept. */
  readonly data: Uint8Array;
}

/** What a parser has found since it said so last. It is the answer to a task where nothing of that task had to be said before. */
export interface Found {
  readonly slices: readonly SliceReceipt[];
  readonly ends: readonly PieceEnd[];
  /** What stages in JavaScript have done since then. */
  readonly figures?: readonly StageFigures[];
  /** What the scanner has done of the stages in front of them. Absent where it has none. */
  readonly prefix?: PrefixFigures;
}

/**
 * Parser to main thread, at any time, in one order: what was rejected in a slice comes before the slice's receipt, and both before the
 * end of their piece. `frames`: RECORD frames of one piece, when the frames are collected.
 */
export type ParseMessage =
  | { readonly kind: 'rejected'; readonly lines: readonly RejectedLine[] }
  | ({ readonly kind: 'found' } & Found)
  /** Lines that this parser has inflated, for another to scan. `piece`: as a receipt of them would say. `block`: which spare block. */
  | {
      readonly kind: 'given';
      readonly piece: number;
      readonly block: number;
      readonly lines: readonly GivenLines[];
    }
  /** The stages of this parser have closed what they had opened. */
  | { readonly kind: 'closed' }
  /** Lines have been tried twice: from here on they may come in any order. */
  | { readonly kind: 'tried' }
  /** The run cannot go on, and nothing more is sent by this parser. */
  | { readonly kind: 'failed'; readonly error: WireError }
  | { readonly kind: 'frames'; readonly piece: number; readonly frames: Uint8Array };
