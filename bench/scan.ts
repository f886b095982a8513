/**
 * Question: how many bytes of lines does one thread judge, key and write into lanes per second, and how does that compare with
 * `JSON.parse` line by line, which neither finds a key nor writes anything?
 * Workloads: all of bench/workloads, seed 42, keyed by pointer, into four lanes of 1 MiB that a reader empties whenever one is full.
 * --smoke: few lines, one call each; run by the tests. --only NAME: one workload.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { loadAddon } from '../src/native/load.ts';
import { LANE_CELL } from '../src/ring/layout.ts';
import { createLane } from '../src/ring/producer.ts';
import { NativeScanner, nativeInstructions } from '../src/scan/native.ts';
import { PortableScanner } from '../src/scan/portable.ts';
import type { RecordRules, ScanLanes, Scanner } from '../src/scan/scanner.ts';
import { machineLine, measure } from './clock.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';

const flags = parseArgs({ options: { smoke: { type: 'boolean' }, only: { type: 'string' } } }).values;
const isSmoke = flags.smoke ?? false;
const PIECE_BYTES = 1 << 20;
const WORKLOAD_BYTES = isSmoke ? 40_000 : 16 << 20;
const COORDINATE = Buffer.from('0123456789abcdef-7');

/** What a contender says about the workload; all must say the same. */
interface Sums {
  lines: number;
  valid: number;
}

interface Contender {
  readonly name: string;
  readonly run: () => Sums;
}

function parseLines(bytes: Buffer): Sums {
  const sums = { lines: 0, valid: 0 };
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(10, start);
    sums.lines++;
    try {
      // Invalid UTF-8 would be replaced before it is parsed: counted as valid here, it is told apart below.
      JSON.parse(bytes.toString('utf8', start, end));
      sums.valid++;
    } catch {
      // An invalid line.
    }
    start = end + 1;
  }
  return sums;
}

/** Scans block by block, as a parser does; the reader is as fast as can be. */
function scanBlocks(scanner: Scanner, lanes: ScanLanes, bytes: Buffer): Sums {
  const cells = lanes.buffers.map((lane) => new Int32Array(lane));
  const sums = { lines: 0, valid: 0 };
  for (let start = 0; start < bytes.length; ) {
    const limit = start + PIECE_BYTES;
    const end = limit < bytes.length ? bytes.lastIndexOf(10, limit - 1) + 1 : bytes.length;
    const piece = { bytes, start, end, objectOffset: start, unit: 1, coordinate: COORDINATE };
    for (let from = start; from < end; ) {
      const result = scanner.scan(piece, from);
      sums.lines += result.lines;
      sums.valid += result.records;
      from = result.next;
      for (const cell of cells) cell[LANE_CELL.TAIL] = cell[LANE_CELL.HEAD]!;
    }
    start = end;
  }
  return sums;
}

function contenders(workload: Workload, bytes: Buffer): Contender[] {
  const rules: RecordRules = {
    partitionKey: workload.key,
    explicitHashKey: null,
    onMissingKey: 'coordinates',
    appendNewline: false,
    depthMax: 1024,
    recordBytesMax: 1 << 20,
  };
  const quarter = 1n << 62n;
  const lanes: ScanLanes = {
    buffers: Array.from({ length: 4 }, () => createLane(1 << 20)),
    starts: BigUint64Array.of(0n, 0n, quarter, 0n, 2n * quarter, 0n, 3n * quarter, 0n),
  };
  const portable = new PortableScanner(rules, lanes);
  const list = [
    { name: 'JSON.parse', run: () => parseLines(bytes) },
    { name: 'portable', run: () => scanBlocks(portable, lanes, bytes) },
  ];
  const { addon } = loadAddon();
  if (addon === null) return list;
  nativeInstructions(addon).forEach((name, index) => {
    const native = new NativeScanner(addon, rules, lanes, index);
    list.push({ name: `native ${name}`, run: () => scanBlocks(native, lanes, bytes) });
  });
  return list;
}

function bench(workload: Workload): void {
  const made = workload.generate({ seed: 42, lineCount: Math.ceil(WORKLOAD_BYTES / workload.lineBytes) });
  // Shared memory, because that is where blocks lie.
  const bytes = Buffer.from(new SharedArrayBuffer(made.length));
  bytes.set(made);
  const list = contenders(workload, bytes);
  const [parsed, portable, ...others] = list.map(({ run }) => run());
  // Right, then fast. JSON.parse alone cannot see invalid UTF-8.
  for (const sums of others) deepStrictEqual(sums, portable);
  deepStrictEqual(parsed!.lines, portable!.lines);
  if (workload.name !== 'invalid-1pct') deepStrictEqual(parsed, portable);

  const lineBytes = bytes.length / portable!.lines;
  console.log(
    `\n${workload.name}: ${portable!.lines} lines of ${lineBytes.toFixed(0)} bytes, ${portable!.valid} valid`,
  );
  // Ratios are of CPU time, which a busy machine disturbs less than wall time.
  let parseCpuNs = 0;
  for (const { name, run } of list) {
    const { ns, cpuNs, spread } = measure(portable!.lines, isSmoke, run);
    if (parseCpuNs === 0) parseCpuNs = cpuNs;
    const rate = `${((lineBytes / ns) * 1000).toFixed(0).padStart(6)} MB/s`;
    const cost = `${ns.toFixed(0).padStart(6)} ns a line, ${cpuNs.toFixed(0).padStart(6)} of CPU`;
    console.log(
      `  ${name.padEnd(14)} ${rate} ${(parseCpuNs / cpuNs).toFixed(1).padStart(5)} x  ${cost}, +-${(spread * 50).toFixed(0)} %`,
    );
  }
}

console.log(machineLine());
for (const workload of WORKLOADS) {
  if (flags.only === undefined || flags.only === workload.name) bench(workload);
}
