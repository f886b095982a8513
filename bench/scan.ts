/**
 * Question: how many bytes of lines does one thread judge, key and write into lanes per second, and how does that compare with what
 * JavaScript and the npm package `simdjson` do with the same lines, which write nothing?
 * Workloads: all of bench/workloads, seed 42, keyed by pointer, into four lanes of 1 MiB that a reader empties whenever one is full.
 * Contenders see the same lines, valid and not, or the clock does not start. The npm package takes 1 to 8 MB/s on short lines, so it
 * gets the first 256 KiB of each workload; rates are per line all the same.
 * Run: `node bench/scan.ts [--only clicks-77] [--keep FOLDER] [--smoke]`. The npm package needs `npm ci --prefix bench`, and
 * ends the process by a segmentation fault now and then: under Node 24 its calls go to the simdjson that is in Node, which is another version.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { parseArgs } from 'node:util';
import { loadAddon } from '../src/native/load.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { createLane } from '../src/ring/producer.ts';
import { NativeScanner, nativeInstructions } from '../src/scan/native.ts';
import { PortableScanner } from '../src/scan/portable.ts';
import type { RecordRules, ScanLanes, Scanner } from '../src/scan/scanner.ts';
import { takeTurns } from './clock.ts';
import { loadContender } from './contenders/load.ts';
import { type Figure, median, report } from './report.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const PIECE_BYTES = 1 << 20;
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 16 << 20;
const SLOW_BYTES = 256 << 10;
const COORDINATE = Buffer.from('0123456789abcdef-7');
/** The native scanner against `JSON.parse` per line: docs/PERFORMANCE.md, "Where we are, and where we want to be". */
const AIM = { workloads: ['github-684', 'clicks-77'], ratio: 8 };

/** What a contender says about the lines; all must say the same. */
interface Sums {
  readonly lines: number;
  readonly valid: number;
}

interface Contender {
  readonly name: string;
  readonly bytes: Buffer;
  readonly run: () => Sums;
}

/** The part of the npm package that is measured. */
interface SimdJson {
  isValid(text: string): boolean;
  lazyParse(text: string): { valueForKeyPath(path: string): unknown };
}

/** Judges line by line. @param accept Throws, or says false, where a line is not valid. */
function eachLine(bytes: Buffer, accept: (text: string) => unknown): Sums {
  const sums = { lines: 0, valid: 0 };
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    sums.lines++;
    try {
      if (accept(bytes.toString('utf8', start, end)) !== false) sums.valid++;
    } catch {
      // An invalid line.
    }
    start = end + 1;
  }
  return sums;
}

function parseLine(text: string): boolean {
  JSON.parse(text);
  return true;
}

/** Calls `run` with pieces of whole lines, as a parser thread gets them. */
function eachPiece(bytes: Buffer, run: (start: number, end: number) => void): void {
  for (let start = 0; start < bytes.length; ) {
    const limit = start + PIECE_BYTES;
    const end = limit < bytes.length ? bytes.lastIndexOf(10, limit - 1) + 1 : bytes.length;
    run(start, end);
    start = end;
  }
}

/** Makes an array of each piece; one bad line spoils it, and its piece is parsed again line by line. */
function parseJoined(bytes: Buffer): Sums {
  const sums = { lines: 0, valid: 0 };
  eachPiece(bytes, (start, end) => {
    let found: Sums;
    try {
      const text = bytes.toString('utf8', start, end - 1).replaceAll('\n', ',');
      const { length } = JSON.parse(`[${text}]`) as unknown[];
      found = { lines: length, valid: length };
    } catch {
      found = eachLine(bytes.subarray(start, end), parseLine);
    }
    sums.lines += found.lines;
    sums.valid += found.valid;
  });
  return sums;
}

/** Scans block by block, as a parser does; the reader is as fast as can be. */
function scanBlocks(scanner: Scanner, lanes: ScanLanes, bytes: Buffer): Sums {
  const cells = lanes.buffers.map((lane) => new Int32Array(lane));
  const sums = { lines: 0, valid: 0 };
  eachPiece(bytes, (start, end) => {
    const piece = { bytes, start, end, objectOffset: start, slice: 1, coordinate: COORDINATE };
    for (let from = start; from < end; ) {
      const result = scanner.scan(piece, from);
      sums.lines += result.lines;
      sums.valid += result.records;
      from = result.next;
      for (const cell of cells) cell[LANE_CELL.TAIL] = cell[LANE_CELL.HEAD]!;
    }
  });
  return sums;
}

function scanners(workload: Workload, bytes: Buffer): Contender[] {
  const rules: RecordRules = {
    partitionKey: workload.key,
    explicitHashKey: null,
    onMissingKey: 'coordinates',
    appendNewline: false,
    depthMax: 1024,
    recordBytesMax: 1 << 20,
    keyCharsMax: 256,
  };
  const quarter = 1n << 62n;
  const lanes: ScanLanes = {
    buffers: Array.from({ length: 4 }, () => createLane(1 << 20)),
    starts: BigUint64Array.of(0n, 0n, quarter, 0n, 2n * quarter, 0n, 3n * quarter, 0n),
  };
  const portable = new PortableScanner(rules, lanes);
  const list = [{ name: 'portable', bytes, run: () => scanBlocks(portable, lanes, bytes) }];
  const { addon } = loadAddon();
  if (addon === null) return list;
  const natives = nativeInstructions(addon).map((name, index) => {
    const native = new NativeScanner(addon, rules, lanes, { instructions: index });
    return { name: `native ${name}`, bytes, run: () => scanBlocks(native, lanes, bytes) };
  });
  return [...list, ...natives];
}

function contenders(workload: Workload, bytes: Buffer, simdjson: SimdJson | null): Contender[] {
  const list: Contender[] = [
    { name: 'JSON.parse per line', bytes, run: () => eachLine(bytes, parseLine) },
    { name: 'JSON.parse, joined array', bytes, run: () => parseJoined(bytes) },
  ];
  if (simdjson !== null) {
    const few = bytes.subarray(0, bytes.lastIndexOf(10, Math.min(SLOW_BYTES, bytes.length) - 1) + 1);
    const path = workload.key.slice(1).replaceAll('/', '.');
    const lazy = (text: string) => {
      simdjson.lazyParse(text).valueForKeyPath(path);
      return true;
    };
    list.push(
      { name: 'npm simdjson isValid', bytes: few, run: () => eachLine(few, (t) => simdjson.isValid(t)) },
      { name: 'npm simdjson lazyParse, key', bytes: few, run: () => eachLine(few, lazy) },
    );
  }
  return [...list, ...scanners(workload, bytes)];
}

/** Right, then fast. Texts cannot show what is no UTF-8, so those who judge texts accept `deceiving` lines more. */
function check(list: readonly Contender[]): void {
  for (const { name, bytes, run } of list) {
    let deceiving = 0;
    const wanted = eachLine(bytes, parseLine);
    for (let start = 0; start < bytes.length; ) {
      const end = bytes.indexOf(10, start);
      const line = bytes.subarray(start, end);
      if (!isUtf8(line) && eachLine(bytes.subarray(start, end + 1), parseLine).valid === 1) deceiving++;
      start = end + 1;
    }
    const isText = !/^(native|portable)/.test(name);
    deepStrictEqual({ name, ...run() }, { name, ...wanted, valid: wanted.valid - (isText ? 0 : deceiving) });
  }
}

async function bench(workload: Workload, simdjson: SimdJson | null): Promise<Figure[]> {
  const made = workload.generate({ seed: 42, lineCount: Math.ceil(WORKLOAD_BYTES / workload.lineBytes) });
  // Shared memory, because that is where blocks lie.
  const bytes = Buffer.from(new SharedArrayBuffer(made.length));
  bytes.set(made);
  const list = contenders(workload, bytes, simdjson);
  check(list);
  const { lines, valid } = list[0]!.run();
  const title = `${workload.name}: ${lines} lines of ${(bytes.length / lines).toFixed(0)} bytes, ${valid} parse`;
  const subjects = list.map((one) => ({
    name: one.name,
    itemsPerCall: one.bytes === bytes ? lines : one.run().lines,
    run: one.run,
  }));
  const rounds = await takeTurns(subjects, flags.smoke);
  const base = rounds.get('JSON.parse per line')!;
  return subjects.flatMap(({ name, itemsPerCall }, i) => {
    const lineBytes = list[i]!.bytes.length / itemsPerCall;
    const own = rounds.get(name)!;
    const row = { case: title, contender: name };
    return [
      { ...row, metric: 'MB/s', values: own.map(({ ns }) => (lineBytes / ns) * 1000) },
      { ...row, metric: 'ns a line', values: own.map(({ ns }) => ns) },
      { ...row, metric: 'CPU ns a line', values: own.map(({ cpuNs }) => cpuNs) },
      { ...row, metric: 'x JSON.parse, wall', values: own.map(({ ns }, round) => base[round]!.ns / ns) },
      {
        ...row,
        metric: 'x JSON.parse, CPU',
        values: own.map(({ cpuNs }, round) => base[round]!.cpuNs / cpuNs),
      },
    ];
  });
}

/** Whether the aim is reached by the kernel that this machine uses, by both clocks: the collector's threads count in CPU time only. */
function verdict(workload: Workload, figures: readonly Figure[]): string[] {
  if (flags.smoke || !AIM.workloads.includes(workload.name)) return [];
  const natives = figures.filter(({ contender }) => contender.startsWith('native'));
  const [wall, cpu] = ['wall', 'CPU'].map((of) =>
    natives.findLast(({ metric }) => metric === `x JSON.parse, ${of}`),
  );
  if (wall === undefined || cpu === undefined) return [`${workload.name}: the native addon is not built`];
  const ratio = Math.min(median(cpu.values), median(wall.values));
  const word =
    ratio >= AIM.ratio ? 'reached' : `NOT REACHED, short by ${((1 - ratio / AIM.ratio) * 100).toFixed(0)} %`;
  const found = `${median(cpu.values).toFixed(1)} x JSON.parse per line by CPU time, ${median(wall.values).toFixed(1)} x by wall time`;
  return [`${workload.name}: ${cpu.contender} is ${found}; aim ${AIM.ratio} x: ${word}`];
}

const simdjson = (await loadContender('simdjson')) as { default: SimdJson } | null;
const notes =
  simdjson === null ? ['Skipped: npm simdjson, because it is not installed: npm ci --prefix bench'] : [];
const figures: Figure[] = [];
for (const workload of WORKLOADS) {
  if (flags.only !== undefined && flags.only !== workload.name) continue;
  const measured = await bench(workload, simdjson?.default ?? null);
  figures.push(...measured);
  notes.push(...verdict(workload, measured));
}
report('how fast does one thread judge, key and write lines?', figures, { keep: flags.keep, notes });
