/**
 * Question: how fast does one thread decompress gzip and zstd, as the platform does it in one call?
 * Workloads: github-684 and clicks-77, seed 42, 16 MiB in one member. Rates are of decompressed bytes.
 * Run: `node bench/gunzip.ts [--keep FOLDER] [--smoke]`.
 */
import { deepStrictEqual } from 'node:assert/strict';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { measure } from './clock.ts';
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
  for (const { name, pack, unpack } of WAYS) {
    const packed = pack(bytes);
    const options = { maxOutputLength: bytes.length };
    deepStrictEqual(unpack(packed, options).equals(bytes), true); // right, then fast
    const { ns, cpuNs } = measure(bytes.length, flags.smoke, () => unpack(packed, options));
    const row = { case: workload.name, contender: `${name}, one call` };
    figures.push(
      { ...row, metric: 'MB/s', values: [1000 / ns] },
      { ...row, metric: 'MB per CPU-s', values: [1000 / cpuNs] },
      { ...row, metric: 'ratio', values: [bytes.length / packed.length] },
    );
  }
}
report('how fast is decompression?', figures, { keep: flags.keep });
