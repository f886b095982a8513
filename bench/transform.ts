/**
 * Question: what does a module `(value) => value` cost a parser thread, beside bare JSON.parse and JSON.stringify of the same lines?
 * Workloads: github-684 and clicks-77, seed 42, keyed by pointer, in slices of 256 KiB, into one lane that a reader empties.
 * Contenders: bare JSON.parse and JSON.stringify of lines that are texts already; the same from bytes to bytes; the way of a slice through
 * stages (src/parse/transformer.ts) with that module, both scans, the guard and the lane included; the same without the addon's watch
 * (src/scan/watch.ts), and without any guard; with a module that gives two records of a line; with a stage `drop` that stands behind the scanner; and the
 * plain scanner, which is what a run without transforms costs. Shares are of the first contender's time, of the same round, and of the second's: lines come
 * as bytes and go as bytes, whoever parses them.
 * Run: `node bench/transform.ts [--keep FOLDER] [--smoke]`.
 */
import { strictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { createParseShared } from '../src/parse/setup.ts';
import { Transformer } from '../src/parse/transformer.ts';
import { Trial } from '../src/parse/trial.ts';
import { Workbench } from '../src/parse/workbench.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { Guard } from '../src/scan/guard.ts';
import { openScanner } from '../src/scan/open.ts';
import type { RecordRules, ScanPiece, ScanResult } from '../src/scan/scanner.ts';
import { Pipeline } from '../src/shape/pipeline.ts';
import type { RunningStage } from '../src/shape/stage.ts';
import { openEdit } from '../src/shape/stages/edit-stages.ts';
import { type Figure, report } from './report.ts';
import { linesOf, oneLane, rulesFor, scanAll } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 512 << 10;
const SLICE_BYTES = 256 << 10;
const ROUNDS = 7;
/** Of each contender in a round: what slows the machine down for a moment slows all of them down. */
const TURNS = 12;
const CALLS = 3;
const same = { run: (value: unknown) => value };
const NO_LANES = { buffers: [], starts: new BigUint64Array(0) };

function slicesOf(bytes: Buffer): ScanPiece[] {
  const pieces: ScanPiece[] = [];
  for (let start = 0; start < bytes.length; ) {
    const limit = start + SLICE_BYTES;
    const end = limit < bytes.length ? bytes.lastIndexOf(10, limit - 1) + 1 : bytes.length;
    pieces.push({ bytes, start, end, objectOffset: start, slice: 1, coordinate: Buffer.from('0123456789a') });
    start = end;
  }
  return pieces;
}

function lineTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    texts.push(bytes.toString('utf8', start, end));
    start = end + 1;
  }
  return texts;
}

/** What stops nothing. */
class NoGuard extends Guard {
  override runLines(work: () => void): boolean {
    work();
    return true;
  }
}

/** Carries all lines through a stage. @returns Records. */
function carrying(
  rules: RecordRules,
  bytes: Buffer,
  stage: Omit<RunningStage, 'label'>,
  guard = new Guard(),
): () => number {
  const lanes = oneLane();
  const cells = new Int32Array(lanes.buffers[0]!);
  const scanner = openScanner(rules, lanes);
  const transformer = new Transformer({
    bench: new Workbench(rules, 2 << 20, { portable: false, shaper: null }),
    pipeline: new Pipeline([{ label: '1 use', ...stage }], { guard, timeoutMs: 5000 }),
    checker: openScanner(rules, NO_LANES),
    ...{ hasSchema: false, trial: new Trial(createParseShared().buffer, false) },
  });
  const pieces = slicesOf(bytes);
  let records = 0;
  const write = (piece: ScanPiece, onResult: (result: ScanResult) => void) => {
    for (let at = piece.start; at < piece.end; ) {
      const result = scanner.scan(piece, at);
      onResult(result);
      records += result.records;
      at = result.next;
      cells[LANE_CELL.TAIL] = cells[LANE_CELL.HEAD]!;
    }
    return piece.end;
  };
  return () => {
    records = 0;
    for (const piece of pieces) void transformer.run([piece], null, write);
    return records;
  };
}

/** What the scanner does at the beginning of a list, where it stands further behind. */
function dropping(workload: string): RunningStage {
  const pointer = workload === 'github-684' ? '/actor/url' : '/p';
  return openEdit({ kind: 'drop', pointer }, '1 drop', { hashKey: null });
}

interface Subject {
  readonly name: string;
  readonly itemsPerCall: number;
  readonly run: () => number;
}

/**
 * Contenders take short turns, many in each round, forth and back, without clock.ts's collections of garbage in between: those throw away what V8
 * has learned of the shapes of lines, which in a run it learns once.
 */
function takeTurns(subjects: readonly Subject[]): Map<string, { cpuNs: number }[]> {
  const rounds = new Map<string, { cpuNs: number }[]>(subjects.map(({ name }) => [name, []]));
  const [roundCount, turns, calls] = flags.smoke ? [1, 1, 1] : [ROUNDS, TURNS, CALLS];
  for (let round = 0; round < roundCount; round++) {
    const cpuUs = new Map(subjects.map(({ name }) => [name, 0]));
    for (let turn = 0; turn < turns; turn++) {
      for (const { name, run } of turn % 2 === 0 ? subjects : [...subjects].reverse())
        cpuUs.set(name, cpuUs.get(name)! + cpuUsOf(run, calls));
    }
    for (const { name, itemsPerCall } of subjects)
      rounds.get(name)!.push({ cpuNs: (cpuUs.get(name)! * 1000) / (turns * calls * itemsPerCall) });
  }
  return rounds;
}

/** Behind one call that is not counted, which brings its code and memory back into the cache. */
function cpuUsOf(run: () => number, calls: number): number {
  run();
  const before = process.cpuUsage();
  for (let call = 0; call < calls; call++) run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function sharesOf(own: readonly { cpuNs: number }[], others: readonly { cpuNs: number }[]): number[] {
  return own.map(({ cpuNs }, round) => (100 * cpuNs) / others[round]!.cpuNs);
}

const figures: Figure[] = [];
for (const workload of WORKLOADS.filter(({ name }) => name === 'github-684' || name === 'clicks-77')) {
  const { bytes, lineCount } = linesOf(workload, WORKLOAD_BYTES);
  const rules = rulesFor(workload.key);
  // Each in memory of its own: slices of one text would have the alphabet of all of it, which takes longer to parse.
  const texts = lineTexts(bytes);
  const lanes = oneLane();
  const plain = openScanner(rules, lanes);
  const out = Buffer.alloc(bytes.length + 1024);
  const bare = () => {
    let length = 0;
    for (const text of texts) length += JSON.stringify(JSON.parse(text)).length;
    return length > 0 ? lineCount : 0;
  };
  const fromBytes = () => {
    let at = 0;
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(10, start);
      at += out.write(JSON.stringify(JSON.parse(bytes.toString('utf8', start, end))), at % 1024);
      start = end + 1;
    }
    return at > 0 ? lineCount : 0;
  };
  const subjects = [
    { name: 'bare JSON.parse and JSON.stringify', run: bare },
    { name: 'the same, from bytes to bytes', run: fromBytes },
    { name: '--transform, (value) => value', run: carrying(rules, bytes, same) },
    {
      name: 'the same, guarded by node:vm',
      run: carrying(rules, bytes, same, new Guard({ portable: true })),
    },
    { name: 'the same, without a guard', run: carrying(rules, bytes, same, new NoGuard()) },
    {
      name: '--transform, two records of a line',
      run: carrying(rules, bytes, { run: (value) => [value, value] }),
    },
    {
      name: 'stage drop behind the scanner, in JavaScript',
      run: carrying(rules, bytes, dropping(workload.name)),
    },
    { name: `${plain.kind} scanner, no transform`, run: () => scanAll(plain, lanes, bytes) },
  ].map((subject) => ({ ...subject, itemsPerCall: bytes.length }));
  for (const { name, run } of subjects)
    strictEqual(run(), name.includes('two records') ? 2 * lineCount : lineCount, name); // right, then fast
  const rounds = takeTurns(subjects);
  const [bareRounds, bytesRounds] = [...rounds.values()];
  for (const [contender, own] of rounds) {
    const row = { case: workload.name, contender };
    figures.push(
      { ...row, metric: 'CPU-ms per MB', values: own.map(({ cpuNs }) => cpuNs) },
      { ...row, metric: '% of bare time', values: sharesOf(own, bareRounds!) },
      { ...row, metric: '% from bytes to bytes', values: sharesOf(own, bytesRounds!) },
    );
  }
}
report('what does a transform cost?', figures, { keep: flags.keep });
