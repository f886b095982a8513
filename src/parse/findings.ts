/**
 * Findings: what a parser thread tells the main thread.
 * Takes  receipts of slices, behind the rejected lines in them, and ends of pieces.
 * Gives  messages in that order, several receipts in each; what was not posted is the answer to the thread's task.
 * Owns   what is found and not said, and the bound on what is said and not taken.
 */
import type { MillraceError } from '../base/errors.ts';
import { waitForAtMost } from '../ring/wait.ts';
import type { Reject } from '../scan/scanner.ts';
import { addFigures, type StageFigures } from '../shape/figures.ts';
import type { LineCount } from './line-count.ts';
import {
  type Found,
  type GivenLines,
  PARSE_SHARED,
  type ParseMessage,
  type PieceEnd,
  type PieceError,
  type RejectedLine,
  type SliceReceipt,
  waitingBytesOf,
} from './setup.ts';
import { sideBySideHint } from './side-by-side.ts';

/** Messages that the main thread has not taken yet; beyond this a parser waits, so that a file of garbage stays within memory. */
const WAITING_BYTES_MAX = 8 * 1024 * 1024;
/** Receipts that travel in one message at most. */
const RECEIPTS_MAX = 256;

/** Hands a message to the main thread. */
export type PostMessage = (message: ParseMessage, transferList: readonly ArrayBuffer[]) => void;

export class Findings {
  readonly #post: PostMessage;
  readonly #shared: Int32Array;
  readonly #isStopping: () => boolean;
  #slices: SliceReceipt[] = [];
  #ends: PieceEnd[] = [];
  #figures: StageFigures[] = [];
  /** What the scanner measures of its own stages, or null: it has none. */
  readonly #times: Float64Array | null;
  #unsampled = 0;
  #hasPosted = false;

  /** @param shared Of ParseSetup. @param isStopping Asked while it waits. @param times Of the shaper; they are made zero when they are told. */
  constructor(
    post: PostMessage,
    shared: SharedArrayBuffer,
    isStopping: () => boolean,
    times: Float64Array | null = null,
  ) {
    this.#post = post;
    this.#times = times;
    this.#shared = new Int32Array(shared);
    this.#isStopping = isStopping;
  }

  /** A task begins: nothing of it has been said. */
  begin(): void {
    this.#hasPosted = false;
  }

  /** @returns What was found and not said, to be the task's answer. Null: it had to be posted, behind what was posted before. */
  finish(): Found | null {
    if (!this.#hasPosted) return this.#takeFound();
    this.flush();
    return null;
  }

  /** Tells the main thread what was found. */
  flush(): void {
    if (this.#slices.length === 0 && this.#ends.length === 0) return;
    this.#hasPosted = true;
    this.#post({ kind: 'found', ...this.#takeFound() }, []);
  }

  addSlice(receipt: SliceReceipt): void {
    this.#slices.push(receipt);
    if (this.#slices.length >= RECEIPTS_MAX) this.flush();
  }

  /** Nothing more will be found in this piece. */
  endPiece(piece: number, error: PieceError | null, state: PieceEnd['state'], count?: LineCount): void {
    this.#ends.push({ piece, error, state, ...(count && { count }) });
  }

  addFigures(figures: readonly StageFigures[]): void {
    addFigures(this.#figures, figures);
  }

  /** Lines that are not of the sample. */
  addUnsampled(count: number): void {
    this.#unsampled += count;
  }

  /** Says which lines of a slice were rejected, before its receipt says how many. */
  reject(receipt: SliceReceipt, lines: readonly RejectedLine[], transferList: ArrayBuffer[] = []): void {
    receipt.codes ??= {};
    for (const { code } of lines) receipt.codes[code] = (receipt.codes[code] ?? 0) + 1;
    this.#send({ kind: 'rejected', lines }, waitingBytesOf(lines), transferList);
  }

  /** @param bytes What the scanner was given. */
  rejectAll(receipt: SliceReceipt, rejects: readonly Reject[], bytes: Uint8Array): void {
    // Copies: the block is used again before the message is read. In one buffer, for there may be very many.
    const copies = new Uint8Array(rejects.reduce((sum, { start, end }) => sum + end - start, 0));
    let at = 0;
    const lines = rejects.map((reject) => {
      const data = copies.subarray(at, at + reject.end - reject.start);
      data.set(bytes.subarray(reject.start, reject.end));
      at += data.length;
      return toRejectedLine(reject, data, receipt.piece);
    });
    this.reject(receipt, lines, [copies.buffer]);
  }

  /** Lines of the piece that another parser is to scan: the piece ends behind this. */
  give(piece: number, block: number, lines: readonly GivenLines[]): void {
    this.#hasPosted = true;
    this.#post({ kind: 'given', piece, block, lines }, []);
  }

  /** @param frames Taken over. */
  addFrames(piece: number, frames: Uint8Array<ArrayBuffer>): void {
    this.#send({ kind: 'frames', piece, frames }, frames.byteLength, [frames.buffer]);
  }

  /** The run cannot go on. */
  fail(error: MillraceError): void {
    this.#post({ kind: 'failed', error: error.toWire() }, []);
  }

  #takeFound(): Found {
    const figures = this.#figures;
    const found = {
      ...{ slices: this.#slices, ends: this.#ends },
      ...(figures.length > 0 && { figures }),
      ...(this.#times && { prefix: { unsampled: this.#unsampled, times: this.#times.slice() } }),
    };
    this.#times?.fill(0);
    this.#unsampled = 0;
    this.#slices = [];
    this.#ends = [];
    this.#figures = [];
    return found;
  }

  /** Posts a message, and waits while too many are pending. */
  #send(message: ParseMessage, bytes: number, transferList: ArrayBuffer[]): void {
    this.#hasPosted = true;
    Atomics.add(this.#shared, PARSE_SHARED.WAITING_BYTES, bytes);
    this.#post(message, transferList);
    waitForAtMost(this.#shared, PARSE_SHARED.WAITING_BYTES, WAITING_BYTES_MAX, this.#isStopping);
  }
}

function toRejectedLine(reject: Reject, data: Uint8Array, piece: number): RejectedLine {
  const { code, message, objectOffset } = reject;
  const hint = code === 'INVALID_JSON' ? sideBySideHint(data) : '';
  return { piece, code, message: message + hint, objectOffset, length: data.length, data };
}
