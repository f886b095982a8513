/**
 * Validating scanner: a scanner with a validator in front of it (`--schema`).
 * Takes  whole lines of one object; a validator of values; any scanner; a guard, since a validator may never return.
 * Gives  what that scanner gives, except lines that the validator refuses: they are rejected as SCHEMA and the scanner never sees them. A
 *        line on which the validator throws, or that takes it longer than the guard allows, is rejected as POISON.
 * Owns   which lines the validator sees: those that are well-formed UTF-8, not too deep and valid JSON. What is wrong with the
 *        others is the scanner's to say. So a line has the same verdict whichever scanner is behind.
 * Never  keeps a reference to lines that are dealt with. Never lets the guard interrupt anything but the validator: lanes, tallies and the
 *        scanner behind it are only touched outside the guard.
 *
 * Lines between two refused ones go to the scanner in one call: it keeps its speed, and the cost is that of `JSON.parse` and the validator.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { isTooDeep } from './depth.ts';
import type { Guard } from './guard.ts';
import {
  addScanTally,
  OUTPUT_COLUMNS,
  outputRow,
  REJECTS_PER_CALL_MAX,
  type Reject,
  type Scanner,
  type ScanPiece,
  type ScanResult,
  scanTally,
} from './scanner.ts';
import type { LineShaper } from './shaper.ts';

/**
 * Says why a record does not conform, or null. Called for each valid line, and again for one at which it was interrupted.
 * @param value As `JSON.parse` gives it, rounded numbers and all. @param line The text that it stands for.
 */
export type LineValidator = (value: unknown, line: string) => string | null;

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';
/**
 * Lines are validated ahead of the scanner, and of the slice, up to this many bytes, or one line: the guard starts a thread, which
 * costs as much as some hundred lines.
 */
const AHEAD_BYTES = 1024 * 1024;
/** Or this many runs: a file of nothing but refused lines stays within memory. */
const AHEAD_RUNS_MAX = REJECTS_PER_CALL_MAX;
/** A run is no longer, so that rejects of all its lines fit into one result, even if one line is counted too many. */
const RUN_LINES_MAX = REJECTS_PER_CALL_MAX / 2;

/** Why a line has no verdict. */
const POISON = {
  deep: 'The record cannot be judged: it nests too deep for this schema',
  failed: 'The record cannot be judged: the schema fails on it',
  endless:
    'The record cannot be judged: this schema takes far more CPU time for it than for others, or never ends',
} as const;

type Refusal = Pick<Reject, 'code' | 'message'>;

/** Validated lines: those up to `end` are admitted, at most `lineCount` of them, followed by a refused one or by nothing. */
interface Run {
  readonly end: number;
  readonly lineCount: number;
  readonly reject: Reject | null;
  /** Index behind all of it. */
  readonly next: number;
}

/** Lines on their way, and how far the validator has come in them. */
interface Progress {
  /** The first of the pieces: all are of one object. */
  readonly piece: Pick<ScanPiece, 'coordinate' | 'place'>;
  /** Tells them from other lines in the same place. */
  readonly lines: object;
  readonly buffer: Buffer;
  /** Index behind the last of them. */
  readonly end: number;
  /** Add it to an index to get the offset in the object, where lines lie side by side; else rows say where each of them lies. */
  readonly shift: number;
  readonly rows: Float64Array | null;
  /** Of the lines that are validated now. */
  encoding: 'latin1' | 'utf8';
  /** All of those are well-formed UTF-8, so that no line has to be checked on its own. */
  isTrusted: boolean;
  /** Not dealt with yet; each begins where the one before ends. */
  readonly runs: Run[];
  /** Index of the line that is validated now. */
  validatedTo: number;
  /** Admitted lines that are in no run yet; where the guard struck, perhaps one too many. */
  openLines: number;
}

export class ValidatingScanner implements Scanner {
  readonly #scanner: Scanner;
  readonly #judge: LineValidator;
  readonly #depthMax: number;
  readonly #guard: Guard;
  readonly #shaper: LineShaper | null;
  /** Kept between the calls for lines that follow each other, so that none is validated twice. */
  #progress: Progress | null = null;

  /** @param shaper Stages of the scanner behind: the validator sees what they make of a line. */
  constructor(
    scanner: Scanner,
    validator: LineValidator,
    depthMax: number,
    guard: Guard,
    shaper: LineShaper | null = null,
  ) {
    this.#shaper = shaper;
    this.#scanner = scanner;
    this.#judge = validator;
    this.#depthMax = depthMax;
    this.#guard = guard;
  }

  get kind(): Scanner['kind'] {
    return this.#scanner.kind;
  }

  scan(piece: ScanPiece, from: number): ScanResult {
    // Bytes have no lines that could be judged.
    if (piece.outputs?.isRaw) return this.#scanner.scan(piece, from);
    const progress = this.#progressIn(piece, from);
    const { runs } = progress;
    const sum = scanTally();
    const rejects: Reject[] = [];
    let next = from;
    const ended = (status: ScanResult['status'], laneIndex = 0, laneNeedBytes = 0) => {
      if (next >= progress.end) this.#progress = null;
      return { ...sum, status, next, laneIndex, laneNeedBytes, rejects };
    };
    while (next < piece.end) {
      const [run] = runs;
      if (run === undefined) {
        this.#validateAhead(progress);
      } else if (next < run.end) {
        // Each of these lines may become a reject: this many fit.
        if (rejects.length + run.lineCount > REJECTS_PER_CALL_MAX) return ended('rejects-full');
        const end = Math.min(run.end, piece.end);
        const result = this.#scanner.scan({ ...piece, end }, next);
        next = result.next;
        addScanTally(sum, result);
        rejects.push(...result.rejects);
        if (result.status === 'lane-full') return ended('lane-full', result.laneIndex, result.laneNeedBytes);
        if (result.status === 'damaged') {
          // What follows comes again, cut elsewhere.
          this.#progress = null;
          return ended('damaged');
        }
      } else {
        if (run.reject !== null) {
          if (rejects.length === REJECTS_PER_CALL_MAX) return ended('rejects-full');
          rejects.push(run.reject);
          sum.lines++;
          sum.rejected++;
        }
        runs.shift();
        next = run.next;
        // It took seconds: the caller may want to know before the next one does, too.
        if (run.reject?.code === 'POISON' && next < piece.end) return ended('rejects-full');
      }
    }
    return ended('done');
  }

  #progressIn(piece: ScanPiece, from: number): Progress {
    const lines = piece.lines ?? piece;
    if (this.#progress?.lines === lines) return this.#progress;
    const buffer = Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength);
    const place = { piece, lines, buffer, end: piece.lines?.end ?? piece.end };
    const shift = piece.objectOffset - piece.start;
    const rows = piece.lines?.rows ?? piece.values?.rows ?? null;
    const judged = { runs: [], validatedTo: from, openLines: 0 };
    this.#progress = { ...place, shift, rows, encoding: 'utf8', isTrusted: false, ...judged };
    return this.#progress;
  }

  /** Adds runs, at least one. */
  #validateAhead(progress: Progress): void {
    const { buffer, runs } = progress;
    const start = progress.validatedTo;
    const stop = start + AHEAD_BYTES < progress.end ? nextLine(progress, start + AHEAD_BYTES) : progress.end;
    const text = buffer.subarray(start, stop);
    progress.encoding = isAscii(text) ? 'latin1' : 'utf8';
    progress.isTrusted = progress.encoding === 'latin1' || isUtf8(text);
    progress.openLines = 0;
    const isDone = this.#guard.runLines(() => this.#validateLines(progress, stop));
    // Where the guard struck, the last run may be there and not yet counted as validated.
    progress.validatedTo = Math.max(progress.validatedTo, runs.at(-1)?.next ?? start);
    const { validatedTo, openLines } = progress;
    if (validatedTo > (runs.at(-1)?.next ?? start)) {
      runs.push({ end: validatedTo, lineCount: openLines, reject: null, next: validatedTo });
    }
    if (!isDone && validatedTo < stop) this.#validateSuspect(progress);
  }

  /** Runs under the guard: whatever is noted must be right wherever it strikes, so `validatedTo` comes last. */
  #validateLines(progress: Progress, stop: number): void {
    const { runs } = progress;
    while (progress.validatedTo < stop && runs.length < AHEAD_RUNS_MAX) {
      const start = progress.validatedTo;
      const end = lineEnd(progress, start);
      const next = Math.min(end + 1, progress.end);
      const refusal = this.#ask(progress, start, end);
      if (refusal !== null) {
        const reject = rejectOf(refusal, progress, start, end);
        runs.push({ end: start, lineCount: progress.openLines, reject, next });
        progress.openLines = 0;
      } else if (++progress.openLines === RUN_LINES_MAX) {
        runs.push({ end: next, lineCount: RUN_LINES_MAX, reject: null, next });
        progress.openLines = 0;
      }
      progress.validatedTo = next;
    }
  }

  /** The line at which the guard struck, on its own: it may be to blame, or the lines before it or the machine were slow. */
  #validateSuspect(progress: Progress): void {
    const start = progress.validatedTo;
    const end = lineEnd(progress, start);
    const next = Math.min(end + 1, progress.end);
    let refusal: Refusal | null = null;
    const isInTime = this.#guard.runLine(() => {
      refusal = this.#ask(progress, start, end);
    }, end - start);
    if (!isInTime) refusal = { code: 'POISON', message: POISON.endless };
    progress.runs.push(
      refusal === null
        ? { end: next, lineCount: 1, reject: null, next }
        : { end: start, lineCount: 0, reject: rejectOf(refusal, progress, start, end), next },
    );
    progress.validatedTo = next;
  }

  /** The validator's objection to the line bytes[start, end), or null. */
  #ask(progress: Progress, start: number, end: number): Refusal | null {
    const { piece, buffer, encoding, isTrusted } = progress;
    if (!isTrusted && !isUtf8(buffer.subarray(start, end))) return null;
    if (isTooDeep(buffer, start, end, this.#depthMax)) return null;
    let line = buffer.toString(encoding, start, end);
    const offset = offsetOf(progress, start);
    const isFirst = offset === 0;
    if (isFirst && line.startsWith(BYTE_ORDER_MARK)) line = line.slice(1);
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return null;
    }
    if (this.#shaper?.isSampled(piece.coordinate, offset) === false) return null;
    const shaped = this.#shaper?.shape(line, value, piece.place, offset);
    // Nothing of it goes out: the scanner says why.
    if (shaped !== undefined && shaped.kind !== 'kept') return null;
    if (shaped !== undefined && shaped.text !== line) {
      line = shaped.text;
      value = JSON.parse(line);
    }
    try {
      const message = this.#judge(value, line);
      return message === null ? null : { code: 'SCHEMA', message };
    } catch (error) {
      return { code: 'POISON', message: error instanceof RangeError ? POISON.deep : POISON.failed };
    }
  }
}

function offsetOf({ shift, rows }: Progress, start: number): number {
  return rows === null ? start + shift : rows[outputRow({ rows }, start) * OUTPUT_COLUMNS + 1]!;
}

/** Index of the newline, or of the end of the bytes. */
function lineEnd({ buffer, end, rows }: Progress, start: number): number {
  // A value may have line ends of its own.
  if (rows !== null) return (rows[(outputRow({ rows }, start) + 1) * OUTPUT_COLUMNS] ?? end) - 1;
  const newline = buffer.indexOf(NEWLINE, start);
  return newline < 0 || newline >= end ? end : newline;
}

/** Index behind the line that `at` lies in. */
function nextLine(progress: Progress, at: number): number {
  return Math.min(lineEnd(progress, at) + 1, progress.end);
}

function rejectOf(refusal: Refusal, progress: Progress, start: number, end: number): Reject {
  const isCrLf = end > start && progress.buffer[end - 1] === 0x0d && end < progress.end;
  return { ...refusal, start, end: isCrLf ? end - 1 : end, objectOffset: offsetOf(progress, start) };
}
