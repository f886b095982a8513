/**
 * Question: what is the resident memory of a backfill made of, and what does each isolate cost?
 * Workload: github-684, seed 42, in 32 objects.
 * Topology: world.ts with what the command chooses by itself. The parts are those of the moment when the memory was highest, told by the kernel (smaps)
 * and by each isolate (memory-parts.mjs, which takes some MB itself); the peaks are of runs without that. Beside it Node alone, and
 * Node with threads that do nothing: what no engine that has threads can do without.
 * Linux with glibc: elsewhere parts have other names.
 * Run: `node bench/memory-map.ts [--megabytes 1024] [--runs 3] [--keep FOLDER] [--smoke]`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Figure, report } from './report.ts';
import { backfillArguments, World } from './world.ts';

const { values: flags } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1024' },
    runs: { type: 'string', default: '3' },
    keep: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const OBJECTS = flags.smoke ? 4 : 32;
const totalBytes = flags.smoke ? 4e6 : Number(flags.megabytes) * 1e6;
const runCount = flags.smoke ? 1 : Number(flags.runs);
const PARTS = fileURLToPath(new URL('memory-parts.mjs', import.meta.url));
/** The kernel's word for a part, and ours. glibc gives each thread an arena of 64 MiB of addresses, at a multiple of that. */
const ARENA_BYTES = 64n << 20n;
/** What is left, stacks and buffers that malloc maps; an isolate may tell of pages that are not there yet, which are missed here. */
const OTHER = 'the rest';
/** All blocks of the downloads, and lanes that lie beside them, are one mapping, the only one that is as large: 16 downloads of 4 MiB. */
const BLOCKS_BYTES_MIN = 60e6;

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  readonly file: string;
  readonly isOpen: boolean;
  readonly rssBytes: number;
}

function mappingsOf(smaps: string): Mapping[] {
  return [
    ...smaps.matchAll(
      /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)\n(?:(?![0-9a-f]+-).*\n)*?Rss: +(\d+) kB/gm,
    ),
  ].map(([, start, end, mode, file, kib]) => ({
    start: BigInt(`0x${start}`),
    end: BigInt(`0x${end}`),
    file: file!,
    isOpen: !mode!.startsWith('---'),
    rssBytes: Number(kib) * 1024,
  }));
}

function partOf({ start, end, file }: Mapping, next: Mapping | undefined): string {
  if (file.startsWith('/')) return 'program files: Node, libraries, addon';
  if (file === '[heap]') return 'malloc';
  const isArena = start % ARENA_BYTES === 0n && next?.isOpen === false && next.end % ARENA_BYTES === 0n;
  if (isArena) return 'malloc';
  return Number(end - start) >= BLOCKS_BYTES_MIN ? 'blocks, lanes' : OTHER;
}

/** @returns Bytes by part; their sum is what was resident. */
function partsOf({
  smaps,
  heapBytes,
}: {
  smaps: string;
  heapBytes: readonly (number | null)[];
}): Map<string, number> {
  const parts = new Map<string, number>();
  const add = (part: string, bytes: number) => parts.set(part, (parts.get(part) ?? 0) + bytes);
  const mappings = mappingsOf(smaps);
  for (const [i, mapping] of mappings.entries()) add(partOf(mapping, mappings[i + 1]), mapping.rssBytes);
  for (const [i, bytes] of heapBytes.entries()) {
    if (bytes === null) continue; // it did not say, and lies in the rest
    add(i === 0 ? 'isolate of main' : `isolate of thread ${i}`, bytes);
    add(OTHER, -bytes);
  }
  return parts;
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const world = await World.start(
  { workload: 'github-684', objectBytes: totalBytes / OBJECTS, objectCount: OBJECTS, compression: 'none' },
  { shards: 8, discard: true },
);
const title = `github-684, ${(world.bytes / 1e6).toFixed(0)} MB, defaults`;
const figures = new Map<string, Figure & { values: number[] }>();
function put(contender: string, bytes: number): void {
  const figure = figures.get(contender) ?? { case: title, contender, metric: 'resident MB', values: [] };
  figure.values.push(bytes / 1e6);
  figures.set(contender, figure);
}
const threadsIdle = (count: number) =>
  `const { Worker } = require('node:worker_threads');
   for (let i = 0; i < ${count}; i++) new Worker('setTimeout(() => {}, 500)', { eval: true });`;
try {
  for (let run = 0; run < runCount; run++) {
    for (const [count, name] of ['Node alone', 'Node with one idle thread', 'Node with two'].entries()) {
      const { rssPeakBytes } = await world.run(['--single-threaded-gc', '-e', threadsIdle(count)]);
      put(name, rssPeakBytes);
    }
    const args = backfillArguments(['--partition-key', '/actor/login']);
    put('backfill: the peak', (await world.run(args)).rssPeakBytes);
    const file = join(folder, 'parts.json');
    await world.run(['--import', PARTS, ...args], { env: { MILLRACE_BENCH_PARTS: file } });
    for (const [part, bytes] of partsOf(JSON.parse(readFileSync(file, 'utf8')))) {
      if (part !== OTHER || bytes > 0) put(part, bytes); // of a short run isolates may tell of more than is there
    }
  }
} finally {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
}
report('what is the resident memory of a backfill made of?', [...figures.values()], { keep: flags.keep });
