/**
 * Question: how fast is decompression on one thread, as the platform does it in one call, as a parser does gzip, in steps of the addon's
 * decoder, and as other libraries do it; and does it pay to decompress the parts of one object side by side?
 * Workloads: github-684 and clicks-77, seed 42, 16 MiB: in one member or frame; and in parts that do not need each other, gzip as bgzip
 * makes them (64 KiB of content each), zstd in frames of 1 MiB. Parts side by side run on the platform's thread pool, as many at once as
 * there are cores. Rates are of decompressed bytes. The steps are measured with the processor's own instructions and with those that every
 * processor has; ISA-L and libdeflate, where they are here (contenders/inflate.ts), each in a process of its own, in every round.
 * Run: `node bench/gunzip.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import {
  gunzip,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { MIB } from '../src/base/limits.ts';
import { openNative } from '../src/native/inflate.ts';
import { type Measured, takeTurns } from './clock.ts';
import { buildInflaters } from './contenders/inflate.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 16 << 20;
const CHUNK_BYTES = 256 * 1024;
const ROUNDS = flags.smoke ? 1 : 5;
const ROUND_MS = flags.smoke ? 1 : 200;
const WAYS = [
  {
    name: 'gzip',
    pack: (bytes: Buffer) => gzipSync(bytes),
    unpack: gunzipSync,
    unpackAside: promisify(gunzip) as (stored: Buffer) => Promise<Buffer>,
    partBytes: 64 << 10,
  },
  {
    name: 'zstd',
    pack: (bytes: Buffer) => zstdCompressSync(bytes),
    unpack: zstdDecompressSync,
    unpackAside: promisify(zstdDecompress) as (stored: Buffer) => Promise<Buffer>,
    partBytes: 1 << 20,
  },
] as const;

/** Unpacks all parts, `count` at once. @returns Bytes of content. */
async function unpackAll(
  parts: readonly Buffer[],
  count: number,
  unpack: (part: Buffer) => Promise<Buffer> | Buffer,
): Promise<number> {
  let next = 0;
  let bytes = 0;
  const work = async () => {
    while (next < parts.length) {
      const { length } = await unpack(parts[next++]!);
      bytes += length;
    }
  };
  await Promise.all(Array.from({ length: count }, work));
  return bytes;
}

async function measureOnce(bytes: number, run: () => Promise<number>): Promise<Measured> {
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  deepStrictEqual(await run(), bytes);
  const ns = ((performance.now() - startMs) * 1e6) / bytes;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { ns, cpuNs: ((user + system) * 1000) / bytes };
}

/** As src/inflate/gunzip.ts asks it: for 256 KiB at once, of blocks of stored bytes. Nobody where there is no addon. */
function inSteps(name: string, isPlain: boolean, stored: Uint8Array, content: Buffer) {
  const inflater = openNative(isPlain);
  if (inflater === null) return [];
  const output = new Uint8Array(CHUNK_BYTES);
  const run = (each: (chunk: Uint8Array) => void) => {
    inflater.reset();
    for (let at = 0; ; ) {
      const step = inflater.step(stored.subarray(at, at + MIB), output);
      at += step.consumed;
      each(output.subarray(0, step.produced));
      if (step.status === 'member-end') return;
      if (step.status === 'damaged') throw new Error(step.why);
    }
  };
  const chunks: Buffer[] = [];
  run((chunk) => chunks.push(Buffer.from(chunk)));
  deepStrictEqual(Buffer.concat(chunks).equals(content), true); // right, then fast
  return [{ name, run: () => run(() => {}), itemsPerCall: content.length }];
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-gunzip-'));
const others = buildInflaters(folder);
const figures: Figure[] = [];
function add(name: string, contender: string, rounds: readonly Measured[]): void {
  const row = { case: name, contender };
  figures.push(
    { ...row, metric: 'MB/s', values: rounds.map(({ ns }) => 1000 / ns) },
    { ...row, metric: 'MB per CPU-s', values: rounds.map(({ cpuNs }) => 1000 / cpuNs) },
  );
}

for (const workload of WORKLOADS.filter(({ name }) => name === 'github-684' || name === 'clicks-77')) {
  const bytes = workload.generate({
    seed: 42,
    lineCount: Math.ceil(WORKLOAD_BYTES / workload.lineBytes),
  });
  const packed = WAYS.map(({ name, pack, unpack }) => {
    const stored = pack(bytes);
    const run = () => unpack(stored, { maxOutputLength: bytes.length });
    deepStrictEqual(run().equals(bytes), true); // right, then fast
    const ratio = bytes.length / stored.length;
    return { name: `${name}, one call`, run, itemsPerCall: bytes.length, ratio };
  });
  const stored = gzipSync(bytes);
  const subjects = [
    ...packed,
    ...inSteps("gzip, the addon's steps", false, stored, bytes),
    ...inSteps('the same with plain instructions', true, stored, bytes),
  ];
  const rounds = await takeTurns(subjects, flags.smoke);
  const path = join(folder, `${workload.name}.gz`);
  writeFileSync(path, stored);
  for (const { name, run } of others.programs)
    add(
      workload.name,
      `gzip, ${name}`,
      Array.from({ length: ROUNDS }, () => run(path, bytes.length, ROUND_MS)),
    );
  for (const { name } of subjects) add(workload.name, name, rounds.get(name)!);
  for (const { name, ratio } of packed)
    figures.push({ case: workload.name, contender: name, metric: 'ratio', values: [ratio] });
  for (const { name, pack, unpack, unpackAside, partBytes } of WAYS) {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += partBytes) parts.push(pack(bytes.subarray(at, at + partBytes)));
    const turns: Measured[] = [];
    const aside: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      turns.push(await measureOnce(bytes.length, () => unpackAll(parts, 1, unpack)));
      aside.push(
        await measureOnce(bytes.length, () => unpackAll(parts, availableParallelism(), unpackAside)),
      );
    }
    add(workload.name, `${name}, ${partBytes >> 10} KiB parts in turn`, turns);
    add(workload.name, `${name}, ${partBytes >> 10} KiB parts side by side`, aside);
  }
}
rmSync(folder, { recursive: true, force: true });
const notes = others.missing.map((name) => `Skipped: ${name}, because it or a C++ compiler is missing`);
report('how fast is decompression?', figures, { keep: flags.keep, notes });
