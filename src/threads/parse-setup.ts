/**
 * Parse setup: everything that crosses between the main thread and a parser thread, as plain data and shared memory.
 * Owns  the shapes of tasks, receipts and messages. No code.
 */
import type { MessagePort } from 'node:worker_threads';
import type { RejectCode } from '../errors.ts';
import type { RecordRules, ScanTally } from '../scan/scanner.ts';
import type { Damage } from '../source/damage.ts';

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
  /** Int32Array of one cell: PHASE (src/publish/setup.ts). */
  readonly control: SharedArrayBuffer;
  /** Int32Array of two cells: parsers started so far; bytes of messages that the main thread has not taken yet. */
  readonly shared: SharedArrayBuffer;
  /** Of all threads; the parsers' come first. */
  readonly heartbeats: SharedArrayBuffer;
  readonly isOrdered: boolean;
  /** Frames go to the main thread as messages, and the one lane of each parser is only their workbench. */
  readonly isCollecting: boolean;
  /** Records go nowhere but into these tables of buckets (src/verify/buckets.ts), one a parser; its one lane is its workbench. */
  readonly buckets?: readonly SharedArrayBuffer[];
  /** JSON Schema as text, and the name of its file. */
  readonly schema: { readonly text: string; readonly name: string } | null;
  readonly isPortable: boolean;
  /** Longest line that is kept, out of a compressed object. */
  readonly lineBytesMax: number;
  /** 16 bytes: the key of the run's digest. */
  readonly digestKey: Uint8Array;
}

export const PARSE_SHARED = { STARTED: 0, WAITING_BYTES: 1 } as const;

/** Raw bytes to look at: `buffer` from `byteOffset`, `length` bytes. */
export interface RawPiece {
  /** Null: the memory of all blocks, which every parser has mapped. A shared buffer in a message costs more than its bytes. */
  readonly buffer: SharedArrayBuffer | null;
  readonly byteOffset: number;
  readonly length: number;
  /** Offset in the object: of the first byte (plain), or in the stored bytes (compressed). */
  readonly objectOffset: number;
  readonly unit: number;
  /** What the keys of records without a key start with. */
  readonly coordinate: string;
}

export type ParseTask =
  /** Whole lines of plain objects. */
  | { readonly kind: 'plain'; readonly sequence: number; readonly pieces: readonly RawPiece[] }
  /** Whole compressed objects. */
  | {
      readonly kind: 'whole';
      readonly sequence: number;
      readonly format: 'gzip' | 'zstd';
      readonly pieces: readonly RawPiece[];
      readonly fromOffsets: readonly number[];
    }
  /** One compressed object whose stored bytes come over a port, as StreamInput. */
  | {
      readonly kind: 'stream';
      readonly sequence: number;
      readonly format: 'gzip' | 'zstd';
      readonly port: MessagePort;
      /** Lines before this decompressed offset were delivered before. */
      readonly fromOffset: number;
      readonly coordinate: string;
    };

/** What a parser found in one piece. */
export interface PieceTally extends ScanTally {
  readonly unit: number;
  /** Sums of the digest of its records (src/verify/digest.ts). */
  digestA: bigint;
  digestB: bigint;
  /** Offset in the (decompressed) object of the byte behind the last line that was dealt with. */
  endOffset: number;
  /** Why the piece's object could not be read to its end, or null. */
  error: PieceError | null;
}

export interface PieceError {
  /** One sentence without payload. */
  readonly why: string;
  /** Null where nothing of the object was delivered. */
  readonly damage: Damage | null;
}

export interface ParseReceipt {
  readonly tallies: readonly PieceTally[];
}

/** Main thread to parser, over the port of a stream task. After `isLast`, or `abort`, nothing follows. */
export type StreamInput =
  | { readonly kind: 'piece'; readonly piece: RawPiece; readonly isLast: boolean }
  /** The download failed: what came so far stays, the rest never comes. */
  | { readonly kind: 'abort' };

/**
 * Parser to main thread, over the port of a stream task: a piece is dealt with and its block can be used again; or nothing
 * follows. The parser says so instead of closing the port, because a thread that stands still between tasks closes nothing.
 */
export type StreamOutput = { readonly kind: 'tally'; readonly tally: PieceTally } | { readonly kind: 'end' };

/** A rejected line on its way to the dead-letter file. */
export interface RejectedLine {
  readonly unit: number;
  readonly code: RejectCode;
  readonly message: string;
  readonly objectOffset: number;
  readonly length: number;
  /** The line's bytes; the first OVERSIZE_HEAD_BYTES of one that is too long to be kept. */
  readonly data: Uint8Array;
}

/** Parser to main thread, at any time. `frames`: RECORD frames of one unit, when the frames are collected. */
export type ParseMessage =
  | { readonly kind: 'rejected'; readonly lines: readonly RejectedLine[] }
  | { readonly kind: 'frames'; readonly unit: number; readonly records: number; readonly frames: Uint8Array };
