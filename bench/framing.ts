/**
 * Question: what does `--framing` cost a parser thread, beside plain scanning of the same records as lines?
 * Workloads: github-684 and clicks-77, seed 42, keyed by pointer, into one lane that a reader empties whenever it is full. The same values
 * lie side by side without line ends, with one each, and as the elements of an array.
 * Contenders: the scanner over lines; value finder and scanner together, in windows as in a parser, natively and in JavaScript; the count
 * that `verify` holds them to. Shares are of the plain scanner's speed, of the same round.
 * Run: `node bench/framing.ts [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { ValueCounter } from '../src/parse/value-count.ts';
import { valueSlicesOf } from '../src/parse/value-slices.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { openScanner, openValueFinder } from '../src/scan/open.ts';
import type { ScanLanes, Scanner } from '../src/scan/scanner.ts';
import { CUT_STATE, type CutState, type ValueFinder, ValueLines } from '../src/scan/values.ts';
import { takeTurns } from './clock.ts';
import { besideTheFirst, type Figure, report } from './report.ts';
import { linesOf, oneLane, rulesFor, scanAll } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 8 << 20;
const WINDOW_BYTES = 256 << 10;
const SLICE_BYTES = 256 << 10;
const VALUE_BYTES_MAX = 2 << 20;
const HEAD = Buffer.from('{"Records":[');
const COORDINATE = Buffer.from('0123456789a');

interface Parts {
  readonly finder: ValueFinder;
  readonly scanner: Scanner;
  readonly lanes: ScanLanes;
  readonly lines: ValueLines;
  /** Behind the bracket of the array, or 0. */
  readonly first: number;
}

/** As the value cutter of a parser does while nothing is damaged, window by window. @returns Records. */
function frameAll({ finder, scanner, lanes, lines, first }: Parts, bytes: Buffer): number {
  const cells = new Int32Array(lanes.buffers[0]!);
  let records = 0;
  let state: CutState = first === 0 ? CUT_STATE.SIDE_BY_SIDE : CUT_STATE.BEGUN;
  for (let at = first; at < bytes.length; ) {
    const windowEnd = Math.min(bytes.length, at + WINDOW_BYTES);
    const place = { objectOffset: 0, state, isLast: windowEnd === bytes.length };
    const found = finder.find(bytes, at, windowEnd, place, lines);
    const run = { lines, first: 0, end: lines.count, rangeStart: at, rangeEnd: found.next, only: null };
    for (const { pieces } of valueSlicesOf(run, () => SLICE_BYTES)) {
      for (const piece of pieces) {
        for (let from = piece.start; from < piece.end; ) {
          const result = scanner.scan({ ...piece, slice: 1, coordinate: COORDINATE }, from);
          records += result.records;
          from = result.next;
          cells[LANE_CELL.TAIL] = cells[LANE_CELL.HEAD]!;
        }
      }
    }
    state = found.state;
    if (found.stop === 'closed') break;
    at = found.next;
  }
  return records;
}

/** In shared memory, because that is where blocks lie. */
function shared(...parts: readonly Buffer[]): Buffer {
  const bytes = Buffer.from(new SharedArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0)));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function countAll(bytes: Buffer): number {
  const counter = new ValueCounter(null, VALUE_BYTES_MAX);
  counter.add(bytes);
  return counter.count(true).newlines;
}

const figures: Figure[] = [];
for (const name of ['github-684', 'clicks-77']) {
  const workload = WORKLOADS.find((known) => known.name === name)!;
  const { bytes: lines, lineCount } = linesOf(workload, WORKLOAD_BYTES);
  const text = lines.toString('latin1');
  const beside = shared(Buffer.from(text.replaceAll('\n', ''), 'latin1'));
  const elements = Buffer.from(text.trimEnd().replaceAll('\n', ','), 'latin1');
  const array = shared(HEAD, elements, Buffer.from(']}'));
  const lanes = oneLane();
  const rules = rulesFor(workload.key);
  const scanner = openScanner(rules, lanes);
  const room = new ValueLines(1.5 * WINDOW_BYTES + 64, WINDOW_BYTES / 16);
  const native = { finder: openValueFinder(false), scanner, lanes, lines: room, first: 0 };
  const portable = {
    ...native,
    finder: openValueFinder(true),
    scanner: openScanner(rules, lanes, { portable: true }),
  };
  const subjects = [
    { name: `${scanner.kind} scanner, lines`, run: () => scanAll(scanner, lanes, lines) },
    { name: 'values side by side', run: () => frameAll(native, beside) },
    { name: 'values with a line end each', run: () => frameAll(native, lines) },
    { name: 'elements of an array', run: () => frameAll({ ...native, first: HEAD.length }, array) },
    { name: 'values side by side, portable', run: () => frameAll(portable, beside) },
    { name: 'the count of verify', run: () => countAll(beside) },
  ].map((subject) => ({ ...subject, itemsPerCall: lines.length }));
  for (const { name: title, run } of subjects) strictEqual(run(), lineCount, title); // right, then fast
  figures.push(...besideTheFirst(name, await takeTurns(subjects, flags.smoke)));
}
report('what does framing cost?', figures, { keep: flags.keep });
