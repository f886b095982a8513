/**
 * Transformer: the way of a slice through stages in JavaScript, in a parser thread.
 * Takes  whole lines of one slice; a way to write records to the lanes.
 * Gives  what became of each line, in order: its outputs in the lanes, dead letters with the line as it lies in the source, counts.
 * Owns   the order of it: first all that waits for others, then all that stands still before a lane. Between the two no promise is open.
 * Never  sends a part of a line's outputs where one of them is refused.
 */
import { isUtf8 } from 'node:buffer';
import { setTimeout as passTime } from 'node:timers/promises';
import { MillraceError } from '../base/errors.ts';
import {
  indexOfOffset,
  lineOffset,
  OUTPUT_COLUMNS,
  outputRow,
  type Reject,
  type Scanner,
  type ScanPiece,
  type ScanResult,
} from '../scan/scanner.ts';
import { isFailure, type LineFailure, type LineOutcome, type Output } from '../shape/line-outcome.ts';
import type { Pipeline, PipelineLines } from '../shape/pipeline.ts';
import { type OutputRun, Scratch } from './outputs.ts';
import type { Trial } from './trial.ts';
import type { BenchLines, Workbench } from './workbench.ts';

/** What became of the lines in front of `reached`. */
export interface SliceOutcome {
  readonly lines: number;
  readonly blank: number;
  readonly filtered: number;
  /** Those of them that are not of the sample. */
  readonly unsampled: number;
  readonly rejects: readonly Reject[];
  /** Records beyond the first of their line. */
  readonly added: number;
  /** Offset of the line in front of which the run was stopped, or null: all lines are dealt with. Infinity: it was stopped behind them. */
  readonly reached: number | null;
  /** Outputs of the last line that are not written, while others of it are. */
  readonly unwritten: readonly ScanPiece[];
}

/** Writes outputs to the lanes. @returns Index behind what is written: less than piece.end when the run is being stopped. */
export type WriteOutputs = (piece: ScanPiece, onResult: (result: ScanResult) => void) => number;

export interface TransformerParts {
  readonly bench: Workbench;
  readonly pipeline: Pipeline;
  /** Looks at outputs and writes nothing: no lanes. */
  readonly checker: Scanner;
  /** Whether outputs are held against a schema. */
  readonly hasSchema: boolean;
  /** Over from the beginning where outcomes may differ from one time to the next. */
  readonly trial: Trial;
}

/** Lines of the run's first slice that are tried twice. */
const TRIAL_LINES = 100;
/** Between the two: a clock has moved on. */
const TRIAL_PAUSE_MS = 5;

interface Slice {
  readonly pieces: readonly ScanPiece[];
  readonly lines: BenchLines;
  readonly outcomes: LineOutcome[];
}

/** Which outputs of a line are wanted; null: all of every line. */
type Only = ((line: number) => readonly number[] | null) | null;

export class Transformer {
  readonly #parts: TransformerParts;
  readonly #scratch = new Scratch();

  constructor(parts: TransformerParts) {
    this.#parts = parts;
  }

  get pipeline(): Pipeline {
    return this.#parts.pipeline;
  }

  get trial(): Trial {
    return this.#parts.trial;
  }

  /** Whether there are lines for the stages in these. */
  hasLines(pieces: readonly ScanPiece[]): boolean {
    return this.#parts.bench.read(pieces).source.count > 0;
  }

  /**
   * @param pieces Lines of one slice: all of one object. @param wanted Which outputs of the line at an offset, or null: all of every line.
   * @returns A promise only where a stage gives one, and while lines are tried twice.
   * @throws {MillraceError} Where stages give another outcome for the same line.
   */
  run(
    pieces: readonly ScanPiece[],
    wanted: ((offset: number) => readonly number[]) | null,
    write: WriteOutputs,
  ): SliceOutcome | Promise<SliceOutcome> {
    const lines = this.#parts.bench.read(pieces);
    const only = wanted && ((line: number) => wanted(lines.offsets[line]!));
    const send = (outcomes: LineOutcome[]) => {
      const slice = { pieces, lines, outcomes };
      return this.#write(slice, this.#compose(slice, only), only, write);
    };
    const outcomes = lines.source.count === 0 ? [] : this.#transform(lines, pieces[0]!);
    return outcomes instanceof Promise ? outcomes.then(send) : send(outcomes);
  }

  #transform(lines: BenchLines, { coordinate, place }: ScanPiece): LineOutcome[] | Promise<LineOutcome[]> {
    const { pipeline } = this.#parts;
    const { bucket, key, modifiedMs } = place ?? { bucket: '', key: '', modifiedMs: null };
    const name = Buffer.from(coordinate).toString('latin1');
    const { source } = lines;
    // Where all are wanted, one after the other they are made in less time than between the stages' own work.
    const texts = pipeline.asksForTexts
      ? Array.from({ length: source.count }, (_, line) => source.textAt(line))
      : null;
    const passing: PipelineLines = {
      count: source.count,
      textAt: texts === null ? (line) => source.textAt(line) : (line) => texts[line]!,
      valueAt: (line) => source.valueAt(line),
      placeAt: (line) => ({ bucket, key, modifiedMs, offset: lines.offsets[line]!, coordinate: name }),
    };
    return this.trial.isOurs ? this.#tryTwice(passing) : pipeline.run(passing);
  }

  async #tryTwice(lines: PipelineLines): Promise<LineOutcome[]> {
    const { pipeline } = this.#parts;
    const first = await pipeline.run({ ...lines, count: Math.min(lines.count, TRIAL_LINES) });
    pipeline.takeFigures();
    await passTime(TRIAL_PAUSE_MS);
    const outcomes = await pipeline.run(lines);
    if (first.every((outcome, line) => isSame(outcome, outcomes[line]!))) {
      this.trial.pass();
      return outcomes;
    }
    this.trial.fail();
    const why = 'it made other records of the same lines when they were tried twice';
    const risk =
      'after a kill, lines that are sent again would be other records, and verify could not prove the outcome';
    throw new MillraceError(
      'MILLRACE_OPTIONS',
      `A stage is not repeatable: ${why}; ${risk}: make it depend on the record alone, or say --volatile-transform`,
    );
  }

  /** Outputs as bytes. Where a line has several, all of them are looked at before the first is written. */
  #compose({ pieces, lines, outcomes }: Slice, only: Only): readonly OutputRun[] {
    const { hasSchema, pipeline } = this.#parts;
    const texts = {
      mayHaveLineEnds: pieces.some(({ values }) => values?.isOne),
      areWritten: pipeline.writesJson && !hasSchema,
    };
    if (hasSchema) for (const [line, outcome] of outcomes.entries()) outcomes[line] = asJson(outcome);
    const runs = this.#scratch.fill(outcomes, lines.offsets, only, texts);
    if (!outcomes.some((outcome) => Array.isArray(outcome))) return runs;
    let isWhole = true;
    for (const run of runs) {
      this.#scanAll(run, (result) => {
        for (const reject of result.rejects) {
          outcomes[lineOf(run, reject)] = failureOf(reject);
          isWhole = false;
        }
      });
    }
    return isWhole ? runs : this.#scratch.fill(outcomes, lines.offsets, only, texts);
  }

  #scanAll(run: OutputRun, take: (result: ScanResult) => void): void {
    const piece = this.#pieceOf(run, { slice: 0, coordinate: new Uint8Array(1) });
    for (let at = piece.start; ; ) {
      const result = this.#parts.checker.scan(piece, at);
      take(result);
      if (result.status === 'done') return;
      at = result.next;
    }
  }

  #pieceOf(
    { start, end, isOne, table }: OutputRun,
    { slice, coordinate }: Pick<ScanPiece, 'slice' | 'coordinate'>,
  ): ScanPiece {
    const { bytes } = this.#scratch;
    const placed = isOne ? { values: { rows: table.rows, isOne } } : { outputs: table };
    return { bytes, start, end, objectOffset: 0, slice, coordinate, ...placed };
  }

  #write(slice: Slice, runs: readonly OutputRun[], only: Only, write: WriteOutputs): SliceOutcome {
    const { pieces, lines, outcomes } = slice;
    for (const run of runs) {
      const piece = this.#pieceOf(run, pieces[0]!);
      const reached = write(piece, (result) => {
        for (const reject of result.rejects) outcomes[lineOf(run, reject)] = failureOf(reject);
      });
      if (reached === run.end) continue;
      const row = outputRow(run.table, reached);
      const line = run.lines[row]!;
      const at = runs.indexOf(run);
      const before = row > 0 ? run.lines[row - 1] : runs[at - 1]?.lines.at(-1);
      if (before !== line) return this.#endBefore(slice, line, [], only);
      // A part of the line is out: the rest of it is what the run leaves.
      const rest = runs
        .slice(at)
        .flatMap((one, i) => this.#restOf(one, i === 0 ? reached : one.start, line, piece));
      return this.#endBefore(slice, line + 1, rest, only);
    }
    return { ...this.#count(slice, lines.offsets.length, lines, only), reached: null, unwritten: [] };
  }

  /** The outputs of this line from `start` on. */
  #restOf(run: OutputRun, start: number, line: number, { slice, coordinate }: ScanPiece): ScanPiece[] {
    if (run.lines[outputRow(run.table, start)] !== line) return [];
    const next = run.lines.lastIndexOf(line) + 1;
    const end = run.table.rows[next * OUTPUT_COLUMNS] ?? run.end;
    return [{ ...this.#pieceOf(run, { slice, coordinate }), start, end }];
  }

  /** The run is being stopped: only what lies in front of this line is dealt with. */
  #endBefore(slice: Slice, line: number, unwritten: readonly ScanPiece[], only: Only): SliceOutcome {
    const reached = slice.lines.offsets[line] ?? Number.POSITIVE_INFINITY;
    const before = slice.pieces.flatMap((piece) => {
      const end = reached === Number.POSITIVE_INFINITY ? piece.end : indexOfOffset(piece, reached);
      return end > piece.start ? [{ ...piece, end }] : [];
    });
    return { ...this.#count(slice, line, this.#parts.bench.read(before), only), reached, unwritten };
  }

  /** What became of lines [0, end). @param bench What the scanner says of them and of those that it left out. */
  #count(
    { pieces, lines, outcomes }: Slice,
    end: number,
    bench: BenchLines,
    only: Only,
  ): Omit<SliceOutcome, 'reached' | 'unwritten'> {
    const { blank, unsampled } = bench;
    const rejects = [...bench.rejects];
    const sums = { lines: bench.lines - bench.offsets.length, filtered: bench.filtered, added: 0 };
    for (let line = 0; line < end; line++) {
      const outcome = outcomes[line]!;
      const wanted = only === null ? null : only(line);
      const isCounted = wanted === null || wanted.includes(0);
      sums.lines += Number(isCounted);
      let count = 1;
      if (isFailure(outcome)) rejects.push(rejectOf(outcome, lines.offsets[line]!, pieces));
      else {
        count = outputsOf(outcome, wanted);
        if (count === 0) sums.filtered++;
      }
      sums.added += Math.max(count, 1) - Number(isCounted);
    }
    if (rejects.length > bench.rejects.length)
      rejects.sort((one, other) => one.objectOffset - other.objectOffset);
    return { ...sums, blank, unsampled, rejects };
  }
}

function outputsOf(outcome: Exclude<LineOutcome, LineFailure>, wanted: readonly number[] | null): number {
  const count = outcome === null ? 0 : Array.isArray(outcome) ? outcome.length : 1;
  return wanted === null ? count : wanted.filter((number) => number < count).length;
}

function lineOf(run: OutputRun, reject: Reject): number {
  return run.lines[outputRow(run.table, reject.start)]!;
}

/** A schema judges JSON alone: bytes that are some go as such, and others not at all. */
function asJson(outcome: LineOutcome): LineOutcome {
  if (outcome instanceof Uint8Array) return textOf(outcome) ?? NO_JSON;
  if (!Array.isArray(outcome)) return outcome;
  const outputs = (outcome as readonly Output[]).map((one) => (typeof one === 'string' ? one : textOf(one)));
  return outputs.includes(null) ? NO_JSON : (outputs as string[]);
}

const NO_JSON: LineFailure = {
  code: 'SCHEMA',
  message: 'The stages made bytes of the line that are no line of JSON, which no schema describes',
};

/** Null where it is not one line of JSON. */
function textOf(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null;
  const text = Buffer.from(bytes).toString().trim();
  try {
    JSON.parse(text);
    return text.includes('\n') ? null : text;
  } catch {
    return null;
  }
}

/** What the scanner says about an output, about its line. */
function failureOf({ code, message }: Reject): LineFailure {
  // These are about records, whoever made them.
  if (code === 'MISSING_KEY' || code === 'SCHEMA' || code === 'POISON') return { code, message };
  const why = code === 'RECORD_TOO_LARGE' ? REASONS.RECORD_TOO_LARGE : REASONS.other;
  return { code: 'TRANSFORM', message: why };
}

const REASONS = {
  RECORD_TOO_LARGE:
    'What the stages made of the line is larger, with its partition key, than the stream takes',
  other: 'What the stages made of the line nests deeper than --max-depth allows',
} as const;

/** The line of the source, untrimmed and without its line end. */
function rejectOf(failure: LineFailure, offset: number, pieces: readonly ScanPiece[]): Reject {
  const isThere = (index: number, piece: ScanPiece) =>
    index < piece.end && lineOffset(piece, index) === offset;
  const piece = pieces.find((one) => isThere(indexOfOffset(one, offset), one))!;
  const { bytes, values, end: pieceEnd } = piece;
  const start = indexOfOffset(piece, offset);
  if (values?.isOne)
    return { code: failure.code, message: failure.message, start, end: pieceEnd, objectOffset: offset };
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, pieceEnd);
  const newline = view.indexOf(0x0a, start);
  const isCrLf = newline > start && view[newline - 1] === 0x0d;
  const end = newline < 0 ? pieceEnd : newline - Number(isCrLf);
  return { code: failure.code, message: failure.message, start, end, objectOffset: offset };
}

function isSame(one: LineOutcome, other: LineOutcome): boolean {
  if (one === null || other === null || typeof one === 'string' || typeof other === 'string')
    return one === other;
  // Whatever the reason: it may name a time.
  if (isFailure(one) || isFailure(other)) return isFailure(one) && isFailure(other);
  if (one instanceof Uint8Array || other instanceof Uint8Array)
    return one instanceof Uint8Array && other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  const [list, otherList] = [one as readonly LineOutcome[], other as readonly LineOutcome[]];
  return list.length === otherList.length && list.every((output, i) => isSame(output, otherList[i]!));
}
