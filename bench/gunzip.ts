/**
 * Question: how fast does one thread decompress gzip and zstd, as the platform does it in one call?
 * Workloads: github-684 and clicks-77, seed 42, 16 MiB in one member. Rates are of decompressed bytes.
 * Run: `node bench/gunzip.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { takeTurns } from './clock.ts';
import { type Figure, report } from './report.ts';
import { WORKLOADS } from './workloads/workloads.ts';

const { values: flags } = parseArgs({
  options: { keep: { type: 'string' }, smoke: { type: 'boolean', default: false } },
});
const WORKLOAD_BYTES = flags.smoke ? 40_000 : 16 << 20;
const WAYS = [
  { name: 'gzip', pack: (bytes: Buffer) => gzipSync(bytes), unpack: gunzipSync },
  { name: 'zstd', pack: (bytes: Buffer) => zstdCompressSync(bytes), unpack: zstdDecompressSync },
] as const;

const figures: Figure[] = [];
for (const workload of WORKLOADS.filter(({ name }) => name === 'github-684' || name === 'clicks-77')) {
  const bytes = workload.generate({
    seed: 42,
    lineCount: Math.ceil(WORKLOAD_BYTES / workload.lineBytes),
  });
  const packed = WAYS.map(({ name, pack, unpack }) => {
    const stored = pack(bytes);
    const run = () => unpack(stored, { maxOutputLength: bytes.length });
    deepStrictEqual(run().equals(bytes), true); // right, then fast
    return { name, run, itemsPerCall: bytes.length, ratio: bytes.length / stored.length };
  });
  const rounds = takeTurns(packed, flags.smoke);
  for (const { name, ratio } of packed) {
    const own = rounds.get(name)!;
    const row = { case: workload.name, contender: `${name}, one call` };
    figures.push(
      { ...row, metric: 'MB/s', values: own.map(({ ns }) => 1000 / ns) },
      { ...row, metric: 'MB per CPU-s', values: own.map(({ cpuNs }) => 1000 / cpuNs) },
      { ...row, metric: 'ratio', values: [ratio] },
    );
  }
}
report('how fast is decompression?', figures, { keep: flags.keep });
