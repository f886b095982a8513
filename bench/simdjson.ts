/**
 * Question: would simdjson by itself be as fast as the scanner, which judges with code of its own? docs/adr/0009-a-scanner-of-our-own.md.
 * Workloads: clicks-77 and github-684, seed 42, all lines valid. simdjson's ways (contenders/simdjson-lines.cc) judge each line and look for
 * its key, and write nothing; On-Demand judges only what it passes. The scanner judges all of it, finds the key, hashes it and writes frames.
 * Takes turns, round by round. Run: `node bench/simdjson.ts [--keep FOLDER] [--smoke]`. Needs a C++ compiler; CXX names another one.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadAddon } from '../src/native/load.ts';
import { NativeScanner, nativeInstructions } from '../src/scan/native.ts';
import { type Figure, report } from './report.ts';
import { oneLane, rulesFor, scanAll } from './scanning.ts';
import { WORKLOADS, type Workload } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const ROOT = join(import.meta.dirname, '..');
const SIMDJSON = join(ROOT, 'node_modules', '@nozbe', 'simdjson', 'src');
const BUILT = join(ROOT, 'build', 'simdjson.o');
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 16 << 20;
const ROUNDS = flags.smoke ? 1 : 5;
const ROUND_MS = flags.smoke ? 1 : 250;
const SCANNER = 'the scanner';

interface Measured {
  readonly name: string;
  readonly ns: number;
  readonly cpuNs: number;
}

/** Instruction sets that simdjson has chosen: one. */
const chosen = new Set<string>();
const folder = mkdtempSync(join(tmpdir(), 'millrace-simdjson-'));

/** @returns The program, or null without a compiler. */
function build(): string | null {
  const program = join(folder, 'simdjson-lines');
  const source = join(import.meta.dirname, 'contenders', 'simdjson-lines.cc');
  // The addon's own object, where it was built here.
  const library = existsSync(BUILT) ? BUILT : join(SIMDJSON, 'simdjson.cpp');
  const args = ['-std=c++20', '-O3', '-DNDEBUG', '-w', '-isystem', SIMDJSON, source, library, '-o', program];
  try {
    execFileSync(process.env.CXX ?? 'c++', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    return program;
  } catch {
    return null;
  }
}

function measureTheirs(program: string, path: string, key: string, lineCount: number): Measured[] {
  const output = execFileSync(program, [path, key, String(ROUND_MS)], { encoding: 'utf8' });
  const [instructions, ...rows] = output.trim().split('\n');
  chosen.add(instructions!);
  return rows.map((row) => {
    const [name, found, ns, cpuNs] = row.split('\t');
    if (Number(found) !== lineCount)
      throw new Error(`${name} found the key in ${found} of ${lineCount} lines`);
    return { name: name!, ns: Number(ns), cpuNs: Number(cpuNs) };
  });
}

function measureOurs(scan: () => number, lineCount: number): Measured {
  const cpuBefore = process.cpuUsage();
  const begunMs = performance.now();
  let calls = 0;
  do {
    if (scan() !== lineCount) throw new Error('The scanner refused a line');
    calls++;
  } while (performance.now() - begunMs < ROUND_MS);
  const ns = ((performance.now() - begunMs) * 1e6) / calls / lineCount;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { name: SCANNER, ns, cpuNs: ((user + system) * 1000) / calls / lineCount };
}

function bench(workload: Workload, program: string | null): Figure[] {
  const made = workload.generate({ seed: 42, lineCount: Math.ceil(WORKLOAD_BYTES / workload.lineBytes) });
  const bytes = Buffer.from(new SharedArrayBuffer(made.length));
  bytes.set(made);
  const path = join(folder, `${workload.name}.jsonl`);
  writeFileSync(path, bytes);
  const { addon } = loadAddon();
  if (addon === null) throw new Error('There is no native scanner here: npm run build:native');
  const lanes = oneLane();
  const scanner = new NativeScanner(addon, rulesFor(workload.key), lanes);
  const scan = () => scanAll(scanner, lanes, bytes);
  const lineCount = scan();
  const rounds = Array.from({ length: ROUNDS }, () => [
    measureOurs(scan, lineCount),
    ...(program === null ? [] : measureTheirs(program, path, workload.key, lineCount)),
  ]);
  const title = `${workload.name}: ${lineCount} lines of ${(bytes.length / lineCount).toFixed(0)} bytes`;
  return rounds[0]!.flatMap(({ name }, place) => {
    const row = { case: title, contender: name };
    const own = rounds.map((round) => round[place]!);
    return [
      { ...row, metric: 'MB/s', values: own.map(({ ns }) => (bytes.length / lineCount / ns) * 1000) },
      { ...row, metric: 'CPU ns a line', values: own.map(({ cpuNs }) => cpuNs) },
      {
        ...row,
        metric: 'CPU, x the scanner',
        values: own.map(({ cpuNs }, i) => cpuNs / rounds[i]![0]!.cpuNs),
      },
    ];
  });
}

try {
  const program = build();
  const skipped = program === null ? ['Skipped: simdjson’s own ways, because there is no C++ compiler'] : [];
  const workloads = WORKLOADS.filter(({ name }) => ['clicks-77', 'github-684'].includes(name));
  const figures = workloads.flatMap((workload) => bench(workload, program));
  const { addon } = loadAddon();
  const ours = addon === null ? [] : nativeInstructions(addon).slice(-1);
  const paths = `Instructions: the scanner ${ours.join()}, simdjson ${[...chosen].join() || 'none'}`;
  report('would simdjson by itself be as fast as the scanner?', figures, {
    keep: flags.keep,
    notes: [paths, ...skipped],
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
