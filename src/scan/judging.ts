/**
 * Judging scanner: a scanner with a judge in front of it (`--schema`).
 * Takes  whole lines of one object; a judge of values; any scanner.
 * Gives  what that scanner gives, but for lines that the judge refuses: those are rejected as SCHEMA and the scanner never sees them.
 * Owns   which lines the judge is asked about: those that are well-formed UTF-8, not too deep and valid JSON. What is wrong with the
 *        others the scanner says. So a line has the same verdict whichever scanner is behind.
 * Never  keeps a reference to a piece that is dealt with.
 *
 * Lines between two refused ones go to the scanner in one call: it keeps its speed, and the cost is that of `JSON.parse` and the judge.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { isTooDeep } from './depth.ts';
import {
  REJECTS_PER_CALL_MAX,
  type Reject,
  type Scanner,
  type ScanPiece,
  type ScanResult,
  type ScanTally,
} from './scanner.ts';

/**
 * Says why a record does not conform, or null. Asked once about each valid line.
 * @param value As `JSON.parse` gives it, rounded numbers and all. @param line The text that it stands for.
 */
export type LineJudge = (value: unknown, line: string) => string | null;

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = '\ufeff';

/** A piece on its way, and how far the judge has come in it. */
interface Progress {
  readonly piece: ScanPiece;
  readonly buffer: Buffer;
  readonly encoding: 'latin1' | 'utf8';
  /** All of the piece is well-formed UTF-8, so that no line has to be asked on its own. */
  readonly isTrusted: boolean;
  /** Lines before this index were judged, and are the scanner's. */
  admittedTo: number;
  /** The line that begins at `admittedTo` was refused. */
  refused: { readonly reject: Reject; readonly next: number } | null;
}

export class JudgingScanner implements Scanner {
  readonly #scanner: Scanner;
  readonly #judge: LineJudge;
  readonly #depthMax: number;
  /** Kept between the calls for one piece, so that no line is judged twice. */
  #progress: Progress | null = null;

  constructor(scanner: Scanner, judge: LineJudge, depthMax: number) {
    this.#scanner = scanner;
    this.#judge = judge;
    this.#depthMax = depthMax;
  }

  get kind(): Scanner['kind'] {
    return this.#scanner.kind;
  }

  scan(piece: ScanPiece, from: number): ScanResult {
    const progress = this.#progressIn(piece, from);
    const sum: ScanTally = { lines: 0, blank: 0, rejected: 0, records: 0, recordBytes: 0 };
    const rejects: Reject[] = [];
    let next = from;
    const ended = (status: ScanResult['status'], laneIndex = 0, laneNeedBytes = 0) => {
      if (status === 'done') this.#progress = null;
      return { ...sum, status, next, laneIndex, laneNeedBytes, rejects };
    };
    while (next < piece.end) {
      if (rejects.length === REJECTS_PER_CALL_MAX) return ended('rejects-full');
      const { refused } = progress;
      if (next < progress.admittedTo) {
        const result = this.#scanner.scan({ ...piece, end: progress.admittedTo }, next);
        next = result.next;
        for (const name of ['lines', 'blank', 'rejected', 'records', 'recordBytes'] as const)
          sum[name] += result[name];
        rejects.push(...result.rejects);
        if (result.status === 'lane-full') return ended('lane-full', result.laneIndex, result.laneNeedBytes);
      } else if (refused !== null) {
        rejects.push(refused.reject);
        sum.lines++;
        sum.rejected++;
        next = refused.next;
        progress.admittedTo = next;
        progress.refused = null;
      } else {
        // Each of these lines may become a reject: so many fit.
        this.#judgeLines(progress, REJECTS_PER_CALL_MAX - rejects.length);
      }
    }
    return ended('done');
  }

  #progressIn(piece: ScanPiece, from: number): Progress {
    if (this.#progress?.piece === piece) return this.#progress;
    const buffer = Buffer.from(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength);
    const rest = buffer.subarray(from, piece.end);
    const encoding = isAscii(rest) ? 'latin1' : 'utf8';
    const isTrusted = encoding === 'latin1' || isUtf8(rest);
    this.#progress = { piece, buffer, encoding, isTrusted, admittedTo: from, refused: null };
    return this.#progress;
  }

  /** Goes on to the next refused line, or for `lineCountMax` lines. */
  #judgeLines(progress: Progress, lineCountMax: number): void {
    const { piece, buffer } = progress;
    for (let count = 0; count < lineCountMax && progress.admittedTo < piece.end; count++) {
      const start = progress.admittedTo;
      const newline = buffer.indexOf(NEWLINE, start);
      const end = newline < 0 || newline >= piece.end ? piece.end : newline;
      const next = Math.min(end + 1, piece.end);
      const message = this.#ask(progress, start, end);
      if (message !== null) {
        const lineEnd = end > start && buffer[end - 1] === 0x0d && end < piece.end ? end - 1 : end;
        const objectOffset = piece.objectOffset + (start - piece.start);
        progress.refused = { reject: { code: 'SCHEMA', message, start, end: lineEnd, objectOffset }, next };
        return;
      }
      progress.admittedTo = next;
    }
  }

  /** What the judge says of the line bytes[start, end), or null where it has nothing to say. */
  #ask({ piece, buffer, encoding, isTrusted }: Progress, start: number, end: number): string | null {
    if (!isTrusted && !isUtf8(buffer.subarray(start, end))) return null;
    if (isTooDeep(buffer, start, end, this.#depthMax)) return null;
    let line = buffer.toString(encoding, start, end);
    const isFirst = piece.objectOffset + (start - piece.start) === 0;
    if (isFirst && line.startsWith(BYTE_ORDER_MARK)) line = line.slice(1);
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      return null;
    }
    return this.#judge(value, line);
  }
}
