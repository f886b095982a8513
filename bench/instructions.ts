/**
 * Question: how many instructions a byte do the kernels for 64-bit ARM take, beside what every machine can do?
 * Workloads: github-684 and clicks-77, seed 42, keyed by pointer, into one lane of 1 MiB; sums and texts of the same bytes.
 * Contenders: the kernels of the addon, cross-compiled and run by emulation, which a plugin of the emulator counts: twice the passes less once.
 * A count is no time; but it is the same on every machine, and there is no ARM to measure on.
 * Run: `node bench/instructions.ts [--keep FOLDER] [--smoke]`. Needs Debian's qemu-user, gcc and g++-aarch64-linux-gnu; without them it says so.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { linesOf } from './scanning.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const QUESTION = 'how many instructions a byte do the kernels for ARM take?';
const ROOT = join(import.meta.dirname, '..');
const SOURCES = join(import.meta.dirname, 'instructions');
const OBJECTS = join(ROOT, 'build', 'linux-arm64');
const LINE_BYTES = flags.smoke ? 1 << 20 : 4 << 20;
const AIM = 0.5;

/** Each with what every machine can do first. */
const SUMS: Readonly<Record<string, readonly string[]>> = {
  sha256: ['plain', 'lanes4', 'sha'],
  md5: ['alone', 'lanes'],
  crc32c: ['table', 'instructions'],
  crc64nvme: ['table', 'instructions'],
  base64: ['table', 'neon'],
};

function missing(): string[] {
  const needed = { 'qemu-aarch64': 'qemu-user', cc: 'gcc', 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu' };
  return Object.entries(needed)
    .filter(([program]) => spawnSync(program, ['--version']).status !== 0)
    .map(([, debian]) => debian);
}

/** Builds the plugin, and the program out of the addon's own objects. */
function build(folder: string): { plugin: string; program: string } {
  const plugin = join(folder, 'count.so');
  const program = join(folder, 'kernels');
  execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', plugin, join(SOURCES, 'count.c')]);
  execFileSync(process.execPath, [
    join(ROOT, 'src', 'native', 'build.mjs'),
    ...['--target', 'linux-arm64', '--strict', '--verbose'],
  ]);
  // The program includes the sources of two, and has a C++ library of its own.
  const included = ['scan.o', 'crc.o', 'runtime.o'];
  const objects = readdirSync(OBJECTS)
    .filter((name) => name.endsWith('.o') && !included.includes(name))
    .map((name) => join(OBJECTS, name));
  const flagsOfBuild = ['-std=c++20', '-O3', '-DNDEBUG', '-w', '-fno-exceptions', '-fno-rtti'];
  const headers = [
    join(ROOT, 'node_modules', 'node-api-headers', 'include'),
    join(ROOT, 'node_modules', '@nozbe', 'simdjson', 'src'),
  ].flatMap((path) => ['-isystem', path]);
  execFileSync('aarch64-linux-gnu-g++', [
    ...[...flagsOfBuild, ...headers, '-static', '-Wl,--unresolved-symbols=ignore-all'],
    ...[join(SOURCES, 'kernels.cc'), ...objects, '-o', program],
  ]);
  return { plugin, program };
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-instructions-'));
try {
  const lacking = missing();
  if (lacking.length > 0) {
    report(QUESTION, [], { keep: flags.keep, notes: [`Skipped: not installed: ${lacking.join(', ')}`] });
  } else {
    const { plugin, program } = build(folder);
    const count = (args: readonly string[]) => {
      const { stderr, status } = spawnSync('qemu-aarch64', ['-plugin', plugin, program, ...args], {
        encoding: 'utf8',
      });
      const found = /^instructions (\d+)$/m.exec(stderr);
      if (status !== 0 || found === null) throw new Error(`${args.join(' ')}: ${stderr}`);
      return Number(found[1]);
    };
    const figures: Figure[] = [];
    const notes: string[] = [];
    const measure = (
      title: string,
      work: string,
      kernels: readonly string[],
      rest: readonly string[],
      bytes: number,
    ) => {
      const perByte = kernels.map(
        (kernel) => (count([work, kernel, '2', ...rest]) - count([work, kernel, '1', ...rest])) / bytes,
      );
      for (const [i, value] of perByte.entries()) {
        const row = { case: title, contender: kernels[i]! };
        figures.push({ ...row, metric: 'instructions a byte', values: [value] });
        figures.push({ ...row, metric: '% of the first', values: [(100 * value) / perByte[0]!] });
      }
      const share = perByte.at(-1)! / perByte[0]!;
      if (share > AIM) process.exitCode = 1; // a count is the same on every machine
      notes.push(
        `${title}: ${kernels.at(-1)} takes ${(100 * share).toFixed(0)} % of ${kernels[0]}; aim ${100 * AIM} %: ${share <= AIM ? 'reached' : 'NOT REACHED'}`,
      );
    };
    for (const name of ['github-684', 'clicks-77']) {
      const workload = WORKLOADS.find((known) => known.name === name)!;
      const { bytes } = linesOf(workload, LINE_BYTES);
      const path = join(folder, name);
      writeFileSync(path, bytes);
      measure(`scan of ${name}`, 'scan', ['base', 'neon'], [path, workload.key], bytes.length);
    }
    const sumBytes = LINE_BYTES;
    const path = join(folder, 'bytes');
    writeFileSync(path, Buffer.alloc(sumBytes, 'bytes of a text'));
    for (const [work, kernels] of Object.entries(SUMS)) measure(work, work, kernels, [path], sumBytes);
    report(QUESTION, figures, { keep: flags.keep, notes });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
